// Scales of the factors of a split, which may be moved from one to the next without changing what they compute together.

import type { Factor } from "#passes/split/form.js";

/** Rounds until the norms of three factors are equal but for 10⁻³. */
const rounds = 12;

/**
 * The kernels with each channel between two of them written and read with the same norm, so that steps of one relative size suit all. Nothing
 * but scale may stand between them: no bias, no activation.
 */
export function balanced(factors: readonly Factor[], kernels: readonly Float32Array[]): Float32Array[] {
  const result = kernels.map((kernel) => Float64Array.from(kernel));
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
  return result.map((kernel) => Float32Array.from(kernel));
}

/** Which input channel an element of the kernel, by its flat index, is multiplied with. */
function readChannel({ shape, groups }: Factor): (index: number) => number {
  const perGroup = shape[2] ?? 1;
  const outputs = shape.at(-1) ?? 1;
  return (index) => {
    const group = Math.floor(((index % outputs) * groups) / outputs);
    return group * perGroup + (Math.floor(index / outputs) % perGroup);
  };
}

function norms(kernel: Float64Array, channels: number, channelOf: (index: number) => number): Float64Array {
  const sums = new Float64Array(channels);
  for (const [index, value] of kernel.entries()) {
    const channel = channelOf(index);
    sums[channel] = (sums[channel] ?? 0) + value * value;
  }
  return sums.map(Math.sqrt);
}

/** √(mean of squares). */
export function rootMeanSquare(values: Float32Array): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / Math.max(1, values.length));
}
