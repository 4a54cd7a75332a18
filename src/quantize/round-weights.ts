// Weights as integers of eight bits, with a scale for each output channel.

/** Weights in −127 … 127, and the scale of each output channel. */
export interface RoundedWeights {
  readonly integers: Float32Array;
  /** f32. */
  readonly scales: Float32Array;
}

/** The greatest integer: −128 is left out, so that products of two signs are alike. */
const greatest = 127;

/** The shares of the greatest weight that are tried as the end of the range. */
const shares = Array.from({ length: 16 }, (_, at) => 1 - at / 40);

/** The most steps of a bias: below 2²⁴, where f32 holds all integers, and with room for a correction. */
const mostBias = 2 ** 22;

/**
 * Rounds weights, whose last axis has the output channels. Each scale has the least sum of squared differences, where those of input i count
 * `importance[i]` times (by default once); `importance` has an element for each row of the weights. A bias is rounded to steps of its channel's
 * scale times `inputScale`, so scales are not so small that it would take more than 2²² of them.
 */
export function roundWeights(
  weights: Float32Array,
  bias: ArrayLike<number>,
  inputScale: number,
  importance?: Float64Array,
): RoundedWeights {
  const filters = bias.length;
  const rows = weights.length / filters;
  const scales = new Float32Array(filters);
  const integers = new Float32Array(weights.length);
  for (let filter = 0; filter < filters; filter += 1) {
    let most = 0;
    for (let row = 0; row < rows; row += 1)
      most = Math.max(most, Math.abs(weights[row * filters + filter] ?? 0));
    const least = Math.max(Math.abs(bias[filter] ?? 0) / (inputScale * mostBias), 2 ** -100);
    let best = { scale: Math.fround(Math.max(most / greatest, least)), error: Number.POSITIVE_INFINITY };
    for (const share of shares) {
      const scale = Math.fround(Math.max((share * most) / greatest, least));
      let error = 0;
      for (let row = 0; row < rows; row += 1) {
        const value = weights[row * filters + filter] ?? 0;
        const lost = value - scale * nearest(value / scale);
        error += lost * lost * (importance?.[row] ?? 1);
      }
      if (error < best.error) best = { scale, error };
    }
    scales[filter] = best.scale;
    for (let row = 0; row < rows; row += 1) {
      const at = row * filters + filter;
      integers[at] = nearest((weights[at] ?? 0) / best.scale);
    }
  }
  return { integers, scales };
}

/** The nearest integer, ties away from zero, within the range. */
function nearest(value: number): number {
  const rounded = Math.sign(value) * Math.round(Math.abs(value));
  return Math.min(Math.max(rounded, -greatest), greatest) + 0;
}
