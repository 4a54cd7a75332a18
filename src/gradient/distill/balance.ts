// Balances the scales of the factors of a split. Scale can move from one factor to the next without changing what they compute together.

import type { Factor } from "#passes/split/form.js";

/** Rounds until the norms of three factors are equal to within 10⁻³. */
const rounds = 12;

/**
 * The weights, scaled so that each channel between two factors is written and read with the same norm. Then steps of one relative size suit
 * all factors. There must be no bias and no activation between the factors.
 */
export function balanced(factors: readonly Factor[], weights: readonly Float32Array[]): Float32Array[] {
  const result = weights.map((one) => Float64Array.from(one));
  for (let round = 0; round < rounds; round += 1)
    for (let at = 0; at + 1 < result.length; at += 1) {
      const [writer, reader, factor] = [result[at], result[at + 1], factors[at + 1]];
      const channels = factors[at]?.shape.at(-1) ?? 1;
      if (!writer || !reader || !factor) continue;
      const read = readChannel(factor);
      const written = norms(writer, channels, (index) => index % channels);
      const needed = norms(reader, channels, read);
      const scales = written.map((norm, channel) => {
        const other = needed[channel] ?? 0;
        return norm > 0 && other > 0 ? Math.sqrt(other / norm) : 1;
      });
      for (const [index, value] of writer.entries()) writer[index] = value * (scales[index % channels] ?? 1);
      for (const [index, value] of reader.entries()) reader[index] = value / (scales[read(index)] ?? 1);
    }
  return result.map((one) => Float32Array.from(one));
}

/** The input channel by which an element of the weights, given by its flat index, is multiplied. */
function readChannel({ shape, groups }: Factor): (index: number) => number {
  const perGroup = shape[2] ?? 1;
  const outputs = shape.at(-1) ?? 1;
  return (index) => {
    const group = Math.floor(((index % outputs) * groups) / outputs);
    return group * perGroup + (Math.floor(index / outputs) % perGroup);
  };
}

function norms(weights: Float64Array, channels: number, channelOf: (index: number) => number): Float64Array {
  const sums = new Float64Array(channels);
  for (const [index, value] of weights.entries()) {
    const channel = channelOf(index);
    sums[channel] = (sums[channel] ?? 0) + value * value;
  }
  return sums.map(Math.sqrt);
}

/** √(mean of squares). */
export function rootMeanSquare(values: Float32Array): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / Math.max(1, values.length));
}
