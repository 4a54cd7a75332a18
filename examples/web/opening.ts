// Pictures of the user: chosen as a file, dropped, or pasted.

import { element } from "./controls.js";
import { messageOf } from "./loading.js";

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

export interface Opener<T> {
  /** Shows what `read` gives, or says why it fails; neither if another one was opened in the meantime. */
  open(read: () => Promise<T>): Promise<void>;
  /** Leaves out what is being read, since something else is to be shown. */
  forget(): void;
}

/** Shows the picture that was opened last, although a large one may take longer to be read than a small one after it. */
export function createOpener<T>(show: (picture: T) => void, say: (message: string) => void): Opener<T> {
  let last = 0;
  return {
    async open(read) {
      const own = ++last;
      try {
        const picture = await read();
        if (own === last) show(picture);
      } catch (error) {
        if (own === last) say(messageOf(error));
      }
    },
    forget: () => void last++,
  };
}

/** Pixels along a side of a drawing that has no size of its own. */
const drawnSide = 512;

/** Reads an image file. Throws an `Error` with a message for the user. */
export async function readBitmap(file: Blob, name: string): Promise<ImageBitmap> {
  const url = URL.createObjectURL(file);
  try {
    // Only an <img> reads SVG.
    return await createImageBitmap(file).catch(async () => {
      const image = new Image();
      image.src = url;
      await image.decode();
      const { naturalWidth, naturalHeight } = image;
      return createImageBitmap(image, {
        resizeWidth: naturalWidth || drawnSide,
        resizeHeight: naturalHeight || drawnSide,
      });
    });
  } catch {
    throw new Error(`Cannot read ${name} as a picture. Is it a PNG, JPEG or WebP file, and complete?`);
  } finally {
    URL.revokeObjectURL(url);
  }
}
