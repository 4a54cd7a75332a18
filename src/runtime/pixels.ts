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
export interface Region {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** The part of a picture that becomes an input, and its width and height there. */
export interface Placing {
  readonly from: Region;
  readonly width: number;
  readonly height: number;
}

/** Where a picture, or the part `within` of it, goes. What is smaller than the input lies in its middle. */
export function placing(within: Region, { height, width, fit, crop }: PictureInput): Placing {
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

/** Pixels as values of an input, in `values` from `start` on. */
export function pixelValues(
  pixels: Pixels,
  within: Region,
  input: PictureInput,
  values: Float32Array,
  start: number,
): void {
  const place = placing(within, input);
  const opaque = input.depth === 4 ? pixels : withoutAlpha(pixels, input.pad);
  storePixels(resized(opaque, place), input, values, start);
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
function tableOf({ depth, scale, mean, std, isInteger }: PictureInput): Float32Array {
  const table = new Float32Array(256 * depth);
  for (let at = 0; at < table.length; at++) {
    const c = at >> 8;
    const value = ((at & 255) * scale - (mean[c] ?? 0)) / (std[c] ?? 1);
    table[at] = isInteger ? Math.round(value) : value;
  }
  return table;
}

/** Pixels on a gray ground; those without transparency as they are. */
function withoutAlpha(pixels: Pixels, pad: number): Pixels {
  const { data, width, height } = pixels;
  if (data.length !== 4 * width * height) return pixels;
  let at = 3;
  while (at < data.length && data[at] === 255) at += 4;
  if (at >= data.length) return pixels;
  const solid = new Uint8ClampedArray(data.length);
  for (let pixel = 0; pixel < data.length; pixel += 4) {
    const alpha = (data[pixel + 3] ?? 0) / 255;
    for (let c = 0; c < 3; c++) solid[pixel + c] = (data[pixel + c] ?? 0) * alpha + pad * (1 - alpha);
    solid[pixel + 3] = 255;
  }
  return { data: solid, width, height };
}

/**
 * A part of a picture in another size, by a triangle filter with half-pixel centers, which is widened when a picture shrinks so that every
 * pixel counts: the filter `BILINEAR` of Pillow and torchvision (`antialias=True`). Results are rounded to bytes. Near its border, a part
 * also takes pixels from around it, as if it was cut out after the resize.
 */
function resized(pixels: Pixels, { from, width, height }: Placing): Pixels {
  const { data } = pixels;
  const { x, y } = from;
  const isSame = from.width === width && from.height === height && x % 1 === 0 && y % 1 === 0;
  if (isSame && pixels.width === width && pixels.height === height) return pixels;
  const stride = data.length / (pixels.width * pixels.height);
  const columns = tapsOf(width, x, from.width, pixels.width);
  const rows = tapsOf(height, y, from.height, pixels.height);
  const left = (columns.first[0] ?? 0) * stride;
  const line = ((columns.first[width - 1] ?? 0) + (columns.count[width - 1] ?? 0)) * stride - left;
  const sums = new Float32Array(line);
  const result = new Uint8ClampedArray(width * height * stride);
  let to = 0;
  for (let row = 0; row < height; row++) {
    sums.fill(0);
    for (let tap = 0; tap < (rows.count[row] ?? 0); tap++) {
      const weight = rows.weight[row * rows.most + tap] ?? 0;
      const start = ((rows.first[row] ?? 0) + tap) * pixels.width * stride + left;
      for (let at = 0; at < line; at++) sums[at] = (sums[at] ?? 0) + weight * (data[start + at] ?? 0);
    }
    for (let column = 0; column < width; column++) {
      const start = (columns.first[column] ?? 0) * stride - left;
      const taps = columns.count[column] ?? 0;
      for (let c = 0; c < stride; c++) {
        let sum = 0;
        for (let tap = 0; tap < taps; tap++)
          sum += (columns.weight[column * columns.most + tap] ?? 0) * (sums[start + tap * stride + c] ?? 0);
        result[to++] = sum;
      }
    }
  }
  return { data: result, width, height };
}

/** For each result along an axis: the first pixel that counts, how many do, and `most` weights, whose sum is 1. */
interface Taps {
  readonly first: Int32Array;
  readonly count: Int32Array;
  readonly weight: Float64Array;
  readonly most: number;
}

/** `length` pixels from `start` on become `count`; an axis has `limit` pixels. */
function tapsOf(count: number, start: number, length: number, limit: number): Taps {
  const step = length / count;
  const reach = Math.max(1, step);
  const most = Math.ceil(2 * reach) + 1;
  const taps = {
    first: new Int32Array(count),
    count: new Int32Array(count),
    weight: new Float64Array(count * most),
    most,
  };
  for (let at = 0; at < count; at++) {
    const center = start + (at + 0.5) * step - 0.5;
    const first = Math.max(0, Math.floor(center - reach) + 1);
    const end = Math.min(limit, Math.ceil(center + reach));
    const weights = taps.weight.subarray(at * most, at * most + end - first);
    let sum = 0;
    for (let tap = 0; tap < weights.length; tap++) {
      const weight = 1 - Math.abs(first + tap - center) / reach;
      weights[tap] = weight;
      sum += weight;
    }
    for (let tap = 0; tap < weights.length; tap++) weights[tap] = (weights[tap] ?? 0) / sum;
    taps.first[at] = first;
    taps.count[at] = end - first;
  }
  return taps;
}
