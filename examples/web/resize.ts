// Stretches a picture to 28×28 pixels in the same way as the command, that is, as libvips does.

/** Width and height of the nets' input, in pixels. */
export const side = 28;

/**
 * RGBA pixels of any size → RGB of 28×28. First along columns, then along rows. Each direction shrinks up to half of the way by means of
 * whole pixels, and the rest by a Lanczos filter of three lobes. Every result is rounded to a whole number, and the edge is repeated outside.
 */
export function resize(rgba: Uint8ClampedArray, width: number, height: number): Uint8ClampedArray {
  const flat = new Uint8ClampedArray(side * width * 3);
  const column = new Uint8ClampedArray(height);
  const alongColumns = shrinker(height);
  for (let x = 0; x < width; x++) {
    for (let channel = 0; channel < 3; channel++) {
      for (let y = 0; y < height; y++) column[y] = rgba[4 * (y * width + x) + channel] ?? 0;
      alongColumns(column, (y, value) => (flat[3 * (y * width + x) + channel] = value));
    }
  }
  const rgb = new Uint8ClampedArray(side * side * 3);
  const row = new Uint8ClampedArray(width);
  const alongRows = shrinker(width);
  for (let y = 0; y < side; y++) {
    for (let channel = 0; channel < 3; channel++) {
      for (let x = 0; x < width; x++) row[x] = flat[3 * (y * width + x) + channel] ?? 0;
      alongRows(row, (x, value) => (rgb[3 * (y * side + x) + channel] = value));
    }
  }
  return rgb;
}

/** Shrinks lines of `length` values to 28, and passes each value to `put`. */
function shrinker(
  length: number,
): (line: Uint8ClampedArray, put: (at: number, value: number) => void) => void {
  const width = Math.max(1, Math.floor(length / side / 2));
  const means = new Uint8ClampedArray(Math.ceil(length / width));
  const last = means.length - 1;
  const scale = length / width / side;
  const stretch = Math.max(1, scale);
  const taps = Array.from({ length: side }, (_, index) => {
    const center = (index + 0.5) * scale - 0.5;
    const first = Math.ceil(center - 3 * stretch);
    const count = Math.floor(center + 3 * stretch) - first + 1;
    const weights = Array.from({ length: count }, (_, tap) => lanczos((first + tap - center) / stretch));
    return { first, weights, sum: weights.reduce((total, weight) => total + weight, 0) };
  });
  return (line, put) => {
    for (let at = 0; at <= last; at++) {
      let sum = 0;
      for (let one = 0; one < width; one++) sum += line[Math.min(length - 1, at * width + one)] ?? 0;
      means[at] = sum / width;
    }
    taps.forEach(({ first, weights, sum }, index) => {
      let value = 0;
      weights.forEach((weight, tap) => {
        value += weight * (means[Math.min(last, Math.max(0, first + tap))] ?? 0);
      });
      put(index, value / sum);
    });
  };
}

/** The filter at `x`, in samples from its center (Duchon 1979, "Lanczos Filtering in One and Two Dimensions"). */
function lanczos(x: number): number {
  if (x === 0) return 1;
  if (Math.abs(x) >= 3) return 0;
  const angle = Math.PI * x;
  return (3 * Math.sin(angle) * Math.sin(angle / 3)) / angle ** 2;
}
