// Means and variances of values by channel, over samples and positions.

export interface ChannelMoments {
  add(values: Float32Array): void;
  readonly means: Float64Array;
  readonly variances: Float64Array;
}

/** For values whose last axis has `depth` channels. */
export function createMoments(depth: number): ChannelMoments {
  const [sums, squares] = [new Float64Array(depth), new Float64Array(depth)];
  let count = 0;
  return {
    add(values) {
      count += values.length / depth;
      for (let at = 0; at < values.length; at += 1) {
        const value = values[at] ?? 0;
        sums[at % depth] = (sums[at % depth] ?? 0) + value;
        squares[at % depth] = (squares[at % depth] ?? 0) + value * value;
      }
    },
    get means() {
      return sums.map((sum) => sum / count);
    },
    get variances() {
      return squares.map((sum, at) => Math.max(0, sum / count - ((sums[at] ?? 0) / count) ** 2));
    },
  };
}
