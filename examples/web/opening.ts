// Pictures of the user: chosen as a file, dropped, or pasted.

import { element } from "./controls.js";

/** Lets `open` have the files from #file, from drops (marked on `target`) and from the clipboard; `say` shows a message. */
export function addOpening(
  target: HTMLElement,
  open: (file: File) => void,
  say: (message: string) => void,
): void {
  const openFirst = (files: FileList | undefined | null): void => {
    const file = files?.[0];
    if (file) open(file);
  };
  const input = element("file", HTMLInputElement);
  input.addEventListener("change", () => {
    openFirst(input.files);
    input.value = ""; // so that the same file can be opened again
  });
  const mark = (isOver: boolean) => (event: DragEvent) => {
    event.preventDefault();
    target.classList.toggle("over", isOver);
  };
  document.addEventListener("dragover", mark(true));
  document.addEventListener("dragleave", mark(false));
  document.addEventListener("drop", (event) => {
    mark(false)(event);
    if (event.dataTransfer?.files.length) openFirst(event.dataTransfer.files);
    else say("That is not a file. Save the picture first, then drop the file.");
  });
  document.addEventListener("paste", (event) => openFirst(event.clipboardData?.files));
}

/** Reads an image file. Throws an `Error` with a message for the user. */
export function readBitmap(file: Blob, name: string): Promise<ImageBitmap> {
  return createImageBitmap(file).catch(() => {
    throw new Error(`Cannot read ${name} as a picture. Is it a PNG, JPEG or WebP file, and complete?`);
  });
}
