// From the pixels of a picture to values of an input: the part that is used, its size, and the numbers.

/** How pictures become values of an input: a byte becomes (byte · scale − mean) / std; the mean and the deviation are those of each channel. */
export interface PictureInput {
  readonly name: string;
  readonly height: number;
  readonly width: number;
  /** Channels: 1 (luma), 3, or 4 with transparency. */
  readonly depth: number;
  readonly isFirst: boolean;
  readonly isBgr: boolean;
  readonly fit: "stretch" | "cover" | "contain";
  readonly crop: number;
  readonly pad: number;
  readonly scale: number;
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** Whether values are rounded to integers. */
  readonly isInteger?: boolean;
}

/** Bytes of pixels in rows from the top: 1 (gray), 3 (red, green, blue) or 4 (and transparency) for each, as in an ImageData. */
export interface Pixels {
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

/** A part of a picture, in its pixels. */
export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** The part of a picture that becomes an input, and its width and height there. */
export interface Placing {
  readonly from: Rectangle;
  readonly width: number;
  readonly height: number;
}

/** Where a picture, or the part `within` of it, goes. What is smaller than the input lies in its middle. */
export function placing(within: Rectangle, { height, width, fit, crop }: PictureInput): Placing {
  let [w, h] = [within.width * crop, within.height * crop];
  const [x, y] = [within.x + within.width / 2, within.y + within.height / 2];
  let [toWidth, toHeight] = [width, height];
  const [byWidth, byHeight] = [width / w, height / h];
  if (fit === "cover") {
    const factor = Math.max(byWidth, byHeight);
    [w, h] = [width / factor, height / factor];
  } else if (fit === "contain") {
    const factor = Math.min(byWidth, byHeight);
    toWidth = Math.max(1, Math.round(w * factor));
    toHeight = Math.max(1, Math.round(h * factor));
  }
  return { from: { x: x - w / 2, y: y - h / 2, width: w, height: h }, width: toWidth, height: toHeight };
}

/** Resizes a part of a picture; each pixel of the result has `channels` bytes. `resized` is one. */
export type Resize = (pixels: Pixels, place: Placing, channels: number) => Pixels;

/** Pixels as values of an input, in `values` from `start` on. */
export function pixelValues(
  pixels: Pixels,
  within: Rectangle,
  input: PictureInput,
  values: Float32Array,
  start: number,
  resize: Resize = resized,
): void {
  const place = placing(within, input);
  const stride = pixels.data.length / (pixels.width * pixels.height);
  const isAsItIs =
    place.from.x === 0 &&
    place.from.y === 0 &&
    [place.from.width, place.width].every((width) => width === pixels.width) &&
    [place.from.height, place.height].every((height) => height === pixels.height);
  const solid = stride === 4 && input.depth !== 4 ? withoutAlpha(pixels, input.pad) : pixels;
  const made = isAsItIs
    ? solid
    : stride === 4 && input.depth === 4
      ? resizedWithAlpha(solid, place, resize)
      : resize(solid, place, Math.min(stride, 3));
  storePixels(made, input, values, start);
}

/** Stores pixels as values of an input, in its middle, and borders around them. */
export function storePixels(
  { data, width, height }: Pixels,
  input: PictureInput,
  values: Float32Array,
  start: number,
): void {
  const { depth, isFirst, isBgr } = input;
  const table = tableOf(input);
  const area = input.width * input.height;
  const [step, next] = isFirst ? [1, area] : [depth, 1];
  if (width < input.width || height < input.height) {
    for (let c = 0; c < depth; c++) {
      const border = table[256 * c + Math.round(input.pad)] ?? 0;
      for (let at = 0; at < area; at++) values[start + at * step + c * next] = border;
    }
  }
  const left = (input.width - width) >> 1;
  const top = (input.height - height) >> 1;
  const stride = data.length / (width * height);
  // Where the bytes of a pixel are for each channel of the input; gray pixels have one for all.
  const places = Array.from({ length: depth }, (_, c) => (stride < 3 ? 0 : isBgr && c < 3 ? 2 - c : c));
  for (let c = 0; c < depth; c++) {
    const place = places[c] ?? 0;
    const isOpaque = c === 3 && stride !== 4;
    for (let y = 0, from = 0; y < height; y++) {
      let to = start + ((top + y) * input.width + left) * step + c * next;
      for (let x = 0; x < width; x++, from += stride, to += step) {
        const byte = isOpaque
          ? 255
          : depth === 1 && stride >= 3
            ? luma(data[from] ?? 0, data[from + 1] ?? 0, data[from + 2] ?? 0)
            : (data[from + place] ?? 0);
        values[to] = table[256 * c + byte] ?? 0;
      }
    }
  }
}

/**
 * Luma of ITU-R BT.601 in the fixed-point form of Pillow, with which most grayscale networks were trained. The weights sum to 2¹⁶, so a
 * gray pixel does not change.
 */
function luma(red: number, green: number, blue: number): number {
  return (19_595 * red + 38_470 * green + 7_471 * blue + 32_768) >> 16;
}

/** The value of each byte in each channel. */
export function tableOf({ depth, scale, mean, std, isInteger }: PictureInput): Float32Array {
  const table = new Float32Array(256 * depth);
  for (let at = 0; at < table.length; at++) {
    const c = at >> 8;
    const value = ((at & 255) * scale - (mean[c] ?? 0)) / (std[c] ?? 1);
    table[at] = isInteger ? Math.round(value) : value;
  }
  return table;
}

/** Pixels with transparency on a gray ground; if all are opaque, as they are. */
function withoutAlpha(pixels: Pixels, pad: number): Pixels {
  const { data, width, height } = pixels;
  if (isOpaque(data)) return pixels;
  const solid = new Uint8ClampedArray(data.length);
  for (let pixel = 0; pixel < data.length; pixel += 4) {
    const alpha = (data[pixel + 3] ?? 0) / 255;
    for (let c = 0; c < 3; c++) solid[pixel + c] = (data[pixel + c] ?? 0) * alpha + pad * (1 - alpha);
    solid[pixel + 3] = 255;
  }
  return { data: solid, width, height };
}

function isOpaque(data: Pixels["data"]): boolean {
  let all = 255;
  let at = 3;
  // Four pixels at a time take a third of the time of one after another.
  for (; at + 12 < data.length; at += 16)
    all &= (data[at] ?? 0) & (data[at + 4] ?? 0) & (data[at + 8] ?? 0) & (data[at + 12] ?? 0);
  for (; at < data.length; at += 4) all &= data[at] ?? 0;
  return all === 255;
}

/** As `resize`, for pixels with transparency: the more opaque a pixel is, the more its color counts. */
function resizedWithAlpha({ data, width, height }: Pixels, place: Placing, resize: Resize): Pixels {
  const small = resize({ data: withColors(data, byteProduct), width, height }, place, 4);
  return { ...small, data: withColors(small.data, byteQuotient) };
}

/** Pixels with other colors, and the same transparency. */
function withColors(
  data: Pixels["data"],
  colorOf: (color: number, alpha: number) => number,
): Uint8ClampedArray {
  const changed = Uint8ClampedArray.from(data);
  for (let at = 0; at < data.length; at++)
    if (at % 4 < 3) changed[at] = colorOf(data[at] ?? 0, data[at | 3] ?? 0);
  return changed;
}

/** color · alpha / 255, as Pillow rounds it. */
function byteProduct(color: number, alpha: number): number {
  const product = color * alpha + 128;
  return ((product >> 8) + product) >> 8;
}

/** The color whose product with alpha this is. */
function byteQuotient(product: number, alpha: number): number {
  return alpha > 0 ? Math.trunc((255 * product) / alpha) : product;
}

/**
 * A part of a picture in another size, by a triangle filter with half-pixel centers, which is widened when a picture shrinks so that every
 * pixel counts. Near its border, a part also takes pixels from around it, as if it was cut out after the resize. It is the filter `BILINEAR`
 * of Pillow, with the same integers, so results are the same bytes: weights have 22 bits behind the point, and rows are resized first.
 * Of each pixel, the result has `channels` bytes.
 */
function resized(pixels: Pixels, { from, width, height }: Placing, channels: number): Pixels {
  const { data } = pixels;
  const stride = data.length / (pixels.width * pixels.height);
  const columns = tapsOf(width, from.x, from.width, pixels.width);
  const rows = tapsOf(height, from.y, from.height, pixels.height);
  const first = rows.first[0] ?? 0;
  const count = (rows.first[height - 1] ?? 0) + (rows.count[height - 1] ?? 0) - first;
  const line = width * channels;
  const narrow = new Uint8ClampedArray(count * line);
  for (let row = 0, to = 0; row < count; row++) {
    const start = (first + row) * pixels.width;
    for (let column = 0; column < width; column++) {
      const at = column * columns.most;
      const end = at + (columns.count[column] ?? 0);
      const begin = (start + (columns.first[column] ?? 0)) * stride;
      let c = 0;
      if (channels > 1) {
        // Three sums at a time take 0.7 of the time of one after another.
        let red = half;
        let green = half;
        let blue = half;
        for (let tap = at, source = begin; tap < end; tap++, source += stride) {
          const weight = columns.weight[tap] ?? 0;
          red += Math.imul(weight, data[source] ?? 0);
          green += Math.imul(weight, data[source + 1] ?? 0);
          blue += Math.imul(weight, data[source + 2] ?? 0);
        }
        narrow[to++] = red >> weightBits;
        narrow[to++] = green >> weightBits;
        narrow[to++] = blue >> weightBits;
        c = 3;
      }
      for (; c < channels; c++) {
        let sum = half;
        for (let tap = at, source = begin + c; tap < end; tap++, source += stride)
          sum += Math.imul(columns.weight[tap] ?? 0, data[source] ?? 0);
        narrow[to++] = sum >> weightBits;
      }
    }
  }
  const result = new Uint8ClampedArray(height * line);
  for (let row = 0, to = 0; row < height; row++) {
    const at = row * rows.most;
    const end = at + (rows.count[row] ?? 0);
    const begin = ((rows.first[row] ?? 0) - first) * line;
    for (let place = 0; place < line; place++) {
      let sum = half;
      for (let tap = at, source = begin + place; tap < end; tap++, source += line)
        sum += Math.imul(rows.weight[tap] ?? 0, narrow[source] ?? 0);
      result[to++] = sum >> weightBits;
    }
  }
  return { data: result, width, height };
}

/** The bits behind the point of weights, of which those of all taps have the sum 1, and a half. */
export const weightBits = 22;
const half = 1 << (weightBits - 1);

/** For each result along an axis: the first pixel that counts, how many do, and their weights, of which there is room for `most`. */
export interface Taps {
  readonly first: Int32Array;
  readonly count: Int32Array;
  readonly weight: Int32Array;
  readonly most: number;
}

/** `length` pixels from `start` on become `count`; an axis has `limit` pixels. */
export function tapsOf(count: number, start: number, length: number, limit: number): Taps {
  const step = length / count;
  const reach = Math.max(1, step);
  const most = 2 * Math.ceil(reach) + 1;
  const taps = {
    first: new Int32Array(count),
    count: new Int32Array(count),
    weight: new Int32Array(count * most),
    most,
  };
  for (let at = 0; at < count; at++) {
    const center = start + (at + 0.5) * step;
    const first = Math.max(0, Math.trunc(center - reach + 0.5));
    const end = Math.min(limit, Math.trunc(center + reach + 0.5));
    const weights = Array.from({ length: end - first }, (_, tap) =>
      Math.max(0, 1 - Math.abs((first + tap - center + 0.5) / reach)),
    );
    const sum = weights.reduce((total, weight) => total + weight, 0);
    taps.weight.set(
      weights.map((weight) => Math.trunc((weight / sum) * 2 ** weightBits + 0.5)),
      at * most,
    );
    taps.first[at] = first;
    taps.count[at] = end - first;
  }
  return taps;
}
