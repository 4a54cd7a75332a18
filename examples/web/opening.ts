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

/** Pixels of larger pictures are those of a smaller copy, with this many along a side. */
const largestSide = 2048;

/** The pixels of a picture. */
export function pixelsOf(bitmap: ImageBitmap): ImageData {
  const shrink = Math.min(1, largestSide / Math.max(bitmap.width, bitmap.height));
  const width = Math.max(1, Math.round(bitmap.width * shrink));
  const height = Math.max(1, Math.round(bitmap.height * shrink));
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("This browser gives no canvas to read the picture with.");
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
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
