// Pictures as inputs of a net: pixels, and what a canvas can draw, which it also resizes.

import type { PictureInput, Pixels, Rectangle, Resize } from "./pixels.js";
import { pixelValues, placing, storePixels } from "./pixels.js";

/** A picture that a 2-D canvas draws; each kind has its size in other properties. */
interface Drawable {
  readonly width?: number;
  readonly height?: number;
  readonly naturalWidth?: number;
  readonly naturalHeight?: number;
  readonly videoWidth?: number;
  readonly videoHeight?: number;
  readonly displayWidth?: number;
  readonly displayHeight?: number;
  readonly readyState?: number;
}

/** A picture, or a part of one, in its pixels. */
type Part = { readonly picture: Pixels | Drawable } & Partial<Rectangle>;

export type Picture = Pixels | Drawable | Part;

/** The parts of a 2-D canvas that are used here. */
interface Canvas {
  width: number;
  height: number;
  getContext(kind: "2d", options: object): Context | null;
}

interface Context {
  imageSmoothingQuality: string;
  fillStyle: string;
  fillRect(x: number, y: number, width: number, height: number): void;
  drawImage(picture: Drawable, ...places: number[]): void;
  getImageData(x: number, y: number, width: number, height: number): Pixels;
}

type Values = Readonly<Record<string, unknown>>;

/** The methods of a net that take inputs. */
interface Runs {
  readonly name: string;
  /** The shapes of inputs. */
  readonly inputs: Readonly<Record<string, readonly (number | string)[]>>;
  run(inputs: Values, options?: object): Promise<unknown>;
  runSync?(inputs: Values, options?: object): unknown;
  dispose(): void;
}

/** A picture, its width and height, and the part of it that is given. */
export interface GivenPicture {
  readonly picture: Pixels | Drawable;
  readonly whole: readonly [width: number, height: number];
  readonly within: Rectangle;
}

/** Values of pictures that a device makes. */
interface OnDevice {
  /** What `run` takes as the input. */
  readonly values: unknown;
  /** Rejects if the device could not make them. */
  readonly done: Promise<unknown>;
  /** Called when their run has ended. */
  release(): void;
}

/** What a target does in its own way. */
interface Ways {
  readonly resize?: Resize;
  /** Makes values for `run`, or returns nothing if it cannot. */
  readonly onDevice?: (pictures: readonly GivenPicture[], input: PictureInput) => OnDevice | undefined;
  /** Gives back what these hold, when the net is disposed of. */
  readonly free?: () => void;
}

/** The net, whose `run` and `runSync` also take pictures: one, or a list of them as a batch. */
export function withPictures<N extends object>(
  net: N,
  inputs: readonly PictureInput[],
  { resize, onDevice, free }: Ways = {},
): N {
  const own = net as N & Runs;
  const { run, runSync, dispose } = own;
  let isLive = true;
  let canvas: Canvas | undefined;
  const drawn = (width: number, height: number): Context => {
    canvas ??= newCanvas(own.name);
    canvas.width = width;
    canvas.height = height;
    const context = canvas.getContext("2d", { willReadFrequently: true });
    if (!context) throw new Error(`${own.name}: there is no 2-D canvas here to read pictures with`);
    return context;
  };
  const valuesOf = (values: Values, made?: OnDevice[]): Values => {
    // The net says what is wrong then.
    if (!isLive || typeof values !== "object" || values === null) return values;
    const all = { ...values };
    for (const input of inputs) {
      const value = Object.hasOwn(values, input.name) ? values[input.name] : undefined;
      const what = `${own.name}: input "${input.name}"`;
      if (Array.isArray(value) && value.length === 0)
        throw new TypeError(`${what} must be a picture or a list of pictures; this list is empty`);
      if (Array.isArray(value) || isPicture(value)) {
        const pictures = givenPictures(Array.isArray(value) ? value : [value], what);
        const batch = own.inputs[input.name]?.[0] ?? 1;
        if (typeof batch === "number" && pictures.length !== batch)
          throw new RangeError(
            `${what} has a batch of ${batch}, but the number of pictures is ${pictures.length}`,
          );
        const there = made && onDevice?.(pictures, input);
        if (there) made.push(there);
        all[input.name] = there ? there.values : picturesAsValues(pictures, input, what, drawn, resize);
      }
      // The net itself says which input is missing, and whether it takes buffers.
      else if (value !== undefined && tagOf(value) !== "Float32Array" && !mayBeBuffer(value))
        throw new TypeError(`${what} must be a picture or a Float32Array, not ${noPicture(value)}`);
    }
    return all;
  };
  return Object.assign(net, {
    pictures: Object.fromEntries(inputs.map((input) => [input.name, input])),
    async run(values: Values, options?: { readonly signal?: AbortSignal }) {
      if (options?.signal instanceof AbortSignal) options.signal.throwIfAborted();
      const made: OnDevice[] = [];
      try {
        const [result] = await Promise.all([
          run(valuesOf(values, made), options),
          ...made.map(({ done }) => done),
        ]);
        return result;
      } finally {
        for (const one of made) one.release();
      }
    },
    ...(runSync && { runSync: (values: Values, options?: object) => runSync(valuesOf(values), options) }),
    dispose() {
      isLive = false;
      free?.();
      dispose();
    },
  });
}

function givenPictures(pictures: readonly unknown[], what: string): GivenPicture[] {
  // Not by `map`, which passes over what a list lacks.
  return Array.from(pictures, (picture) => {
    if (!isPicture(picture))
      throw new TypeError(`${what} must be a list of pictures, but has ${noPicture(picture)}`);
    const own = "picture" in picture ? picture.picture : picture;
    return { picture: own, whole: pixelSize(own, what), within: pictureRegion(picture, what) };
  });
}

/** The values of pictures, one after another. */
function picturesAsValues(
  pictures: readonly GivenPicture[],
  input: PictureInput,
  what: string,
  drawn: (width: number, height: number) => Context,
  resize?: Resize,
): Float32Array {
  const size = input.width * input.height * input.depth;
  const values = new Float32Array(pictures.length * size);
  for (const [at, { picture, whole, within }] of pictures.entries()) {
    if (isPixels(picture)) pixelValues(picture, within, input, values, at * size, resize);
    else drawnValues(picture, whole, within, at * size);
  }
  return values;

  /** The canvas resizes the picture. Its smoothing differs by browser, but it is several times as fast as reading all pixels. */
  function drawnValues(
    picture: Drawable,
    whole: GivenPicture["whole"],
    within: Rectangle,
    start: number,
  ): void {
    const { from, width, height } = placing(within, input);
    const context = drawn(width, height);
    // Without the property, as in Firefox, a canvas makes a pixel of at most four, however far a picture shrinks.
    const isSmooth = "imageSmoothingQuality" in context;
    if (isSmooth) context.imageSmoothingQuality = "medium";
    if (isSmooth || (from.width <= 2 * width && from.height <= 2 * height)) {
      storePixels(read(picture, whole, from, context, width, height), input, values, start);
      return;
    }
    const [left, top] = [Math.floor(within.x), Math.floor(within.y)];
    const right = Math.ceil(within.x + within.width);
    const bottom = Math.ceil(within.y + within.height);
    const part = { x: left, y: top, width: right - left, height: bottom - top };
    const pixels = read(picture, whole, part, drawn(part.width, part.height), part.width, part.height);
    pixelValues(pixels, { ...within, x: within.x - left, y: within.y - top }, input, values, start, resize);
  }

  /** The pixels of a part of a picture, in a size, on the ground of the input. */
  function read(
    picture: Drawable,
    [wholeWidth, wholeHeight]: GivenPicture["whole"],
    from: Rectangle,
    context: Context,
    width: number,
    height: number,
  ): Pixels {
    if (input.depth !== 4) {
      context.fillStyle = `rgb(${input.pad} ${input.pad} ${input.pad})`;
      context.fillRect(0, 0, width, height);
    }
    // Not by a part of the source: pictures without a size of their own, as some SVG files are, count that in other units.
    const [byWidth, byHeight] = [width / from.width, height / from.height];
    context.drawImage(
      picture,
      -from.x * byWidth,
      -from.y * byHeight,
      wholeWidth * byWidth,
      wholeHeight * byHeight,
    );
    try {
      return context.getImageData(0, 0, width, height);
    } catch (cause) {
      const why = `${what} comes from another site, and a page may not read its pixels`;
      throw new Error(`${why}; load it with crossOrigin = "anonymous" from a server that allows it`, {
        cause,
      });
    }
  }
}

function newCanvas(name: string): Canvas {
  const { OffscreenCanvas: Offscreen, document } = globalThis as unknown as {
    readonly OffscreenCanvas?: new (width: number, height: number) => Canvas;
    readonly document?: { createElement(kind: "canvas"): Canvas };
  };
  if (Offscreen) return new Offscreen(1, 1);
  if (document) return document.createElement("canvas");
  throw new Error(`${name}: there is no canvas here; decode the picture, and give { data, width, height }`);
}

/** Width and height in pixels; throws for a picture without pixels. */
function pixelSize(picture: Pixels | Drawable, what: string): [number, number] {
  if (isPixels(picture)) {
    const { data, width, height } = picture;
    for (const [name, extent] of Object.entries({ width, height }))
      if (!(Number.isInteger(extent) && extent > 0))
        throw new TypeError(
          `${what} has the ${name} ${shown(extent)}; it must be a whole number of pixels from 1 up`,
        );
    if (![1, 3, 4].includes(data.length / (width * height)))
      throw new TypeError(
        `${what} has ${data.length} bytes for ${width} × ${height} pixels; each pixel has 1, 3 or 4`,
      );
    return [width, height];
  }
  const width = picture.displayWidth ?? picture.videoWidth ?? picture.naturalWidth ?? picture.width ?? 0;
  const height = picture.displayHeight ?? picture.videoHeight ?? picture.naturalHeight ?? picture.height ?? 0;
  // A video has its size before its first frame.
  const isEarly = picture.videoWidth !== undefined && (picture.readyState ?? 4) < 2;
  if (width > 0 && height > 0 && !isEarly) return [width, height];
  const way = "await its decode(), or the event loadeddata of a video; frames and bitmaps must not be closed";
  throw new TypeError(`${what} is ${tagOf(picture)} without pixels; ${way}`);
}

/** The part of a picture that is given. */
function partOf(part: Part, width: number, height: number, what: string): Rectangle {
  const { x = 0, y = 0 } = part;
  const region = { x, y, width: part.width ?? width - x, height: part.height ?? height - y };
  const isInside =
    [x, y, region.width, region.height].every(Number.isFinite) &&
    x >= 0 &&
    y >= 0 &&
    region.width > 0 &&
    region.height > 0 &&
    x + region.width <= width &&
    y + region.height <= height;
  if (isInside) return region;
  const given = `${shown(region.width)} × ${shown(region.height)} pixels at ${shown(x)}, ${shown(y)}`;
  throw new RangeError(
    `${what} is a part of ${given}, which is not inside a picture of ${width} × ${height}`,
  );
}

/** The pixels of a picture, or of the part of one. */
export function pictureRegion(picture: Picture, what = "the picture"): Rectangle {
  if (!isPicture(picture)) throw new TypeError(`${what} must be a picture, not ${noPicture(picture)}`);
  const [width, height] = pixelSize("picture" in picture ? picture.picture : picture, what);
  return "picture" in picture ? partOf(picture, width, height, what) : { x: 0, y: 0, width, height };
}

function isPicture(value: unknown): value is Picture {
  if (typeof value !== "object" || value === null) return false;
  if ("picture" in value) return isPicture(value.picture) && !("picture" in value.picture);
  if (isPixels(value)) return true;
  const isElement = "naturalWidth" in value || "videoWidth" in value || "displayWidth" in value;
  return isElement || ("width" in value && ("getContext" in value || "close" in value));
}

/** Whether a value is like a GPUBuffer, of any library. */
function mayBeBuffer(value: unknown): boolean {
  return typeof value === "object" && value !== null && "mapAsync" in value;
}

/** What a value is that is no picture, and what to give instead. */
function noPicture(value: unknown): string {
  const pixels = "give pixels as an ImageData or { data, width, height }";
  if (isBytes(value)) return `a bare ${tagOf(value)}: ${pixels}`;
  if (typeof value === "object" && value !== null && "picture" in value && isPicture(value.picture))
    return "a part of a part: give its place in the whole picture";
  if (typeof value !== "object" || value === null || !("data" in value)) return `${tagOf(value)}: ${pixels}`;
  const { data } = value;
  if (!isBytes(data))
    return `${tagOf(value)} whose data is ${tagOf(data)}: its bytes must be a Uint8Array or a Uint8ClampedArray`;
  // As sharp gives it.
  const way = "info" in value ? "give { data, width: info.width, height: info.height }" : pixels;
  return `${tagOf(value)} without width and height: ${way}`;
}

/** A value that should be a number. */
function shown(value: unknown): string {
  return typeof value === "number" ? `${value}` : tagOf(value);
}

export function isPixels(value: object): value is Pixels {
  return "data" in value && isBytes(value.data) && "width" in value && "height" in value;
}

function isBytes(value: unknown): value is Uint8Array | Uint8ClampedArray {
  return tagOf(value) === "Uint8ClampedArray" || tagOf(value) === "Uint8Array";
}

/** By its tag, since an object of another realm is not an instance of this realm's class. */
function tagOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice(8, -1);
}
