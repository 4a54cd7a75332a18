// Histograms of values whose range is not known in advance.

/** The number of bins. A range that fills a quarter of them has 16 bins for each of 127 steps. */
const bins = 8192;

/** How often values occur, in bins of one width around zero. Plain data, so that it can be stored. */
export interface Histogram {
  counts: Float64Array;
  /** 0 as long as all values are 0. */
  width: number;
  /** Zeros are counted apart, since they are often most of the values, and exact as integers. */
  zeros: number;
  least: number;
  greatest: number;
  /** Whether all values so far are finite. */
  isFinite: boolean;
}

export function createHistogram(): Histogram {
  return {
    counts: new Float64Array(bins),
    width: 0,
    zeros: 0,
    least: Number.POSITIVE_INFINITY,
    greatest: Number.NEGATIVE_INFINITY,
    isFinite: true,
  };
}

/** Adds values. If one is beyond the bins, their width doubles until it is not, and pairs of them merge. */
export function addValues(histogram: Histogram, values: Float32Array): void {
  let { least, greatest, isFinite, zeros } = histogram;
  for (let at = 0; at < values.length; at += 1) {
    const value = values[at] as number;
    if (value < least) least = value;
    if (value > greatest) greatest = value;
    // The difference is NaN for infinities and NaN.
    if (value - value !== 0) isFinite = false;
  }
  Object.assign(histogram, { least, greatest, isFinite });
  if (!isFinite || values.length === 0) return;
  const most = Math.max(-least, greatest);
  if (most > 0) reach(histogram, most);
  const { counts, width } = histogram;
  for (let at = 0; at < values.length; at += 1) {
    const value = values[at] as number;
    if (value === 0) zeros += 1;
    else {
      const bin = bins / 2 + Math.floor(value / width);
      counts[bin] = (counts[bin] as number) + 1;
    }
  }
  histogram.zeros = zeros;
}

/** Doubles the width until the bins reach from −most to most. */
function reach(histogram: Histogram, most: number): void {
  if (histogram.width === 0) histogram.width = 2 ** (Math.floor(Math.log2(most)) + 2) / bins;
  while (most >= (bins / 2) * histogram.width) {
    const merged = new Float64Array(bins);
    for (let at = 0; at < bins; at += 1) {
      const to = bins / 2 + Math.floor((at - bins / 2) / 2);
      merged[to] = (merged[to] ?? 0) + (histogram.counts[at] ?? 0);
    }
    histogram.counts = merged;
    histogram.width *= 2;
  }
}

/** The centres of the bins that are not empty, and how many values each has. */
export function filledBins({ counts, width, zeros }: Histogram): {
  readonly values: Float64Array;
  readonly counts: Float64Array;
} {
  const filled = [...counts.keys()].filter((at) => counts[at] !== 0);
  return {
    values: Float64Array.from([0, ...filled.map((at) => (at + 0.5 - bins / 2) * width)]),
    counts: Float64Array.from([zeros, ...filled.map((at) => counts[at] ?? 0)]),
  };
}
