// Converts to ONNX's order of axes: channels before rows and columns.

/** `[n, h, w, c]` as `[n, c, h, w]`; other ranks are unchanged. */
export function channelsFirst(shape: readonly number[]): readonly number[] {
  const [n = 1, h = 1, w = 1, c = 1] = shape;
  return shape.length === 4 ? [n, c, h, w] : shape;
}

/** The values of one image `[1, h, w, c]` with the channels first. */
export function imageChannelsFirst(values: Float32Array, shape: readonly number[]): Float32Array {
  if (shape.length !== 4) return values;
  const depth = shape[3] ?? 1;
  const pixels = values.length / depth;
  return Float32Array.from(values, (_, at) => values[(at % pixels) * depth + Math.floor(at / pixels)] ?? 0);
}
