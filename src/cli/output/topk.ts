// The largest entries of an output, with labels: what a classifier says.

export interface Ranked {
  readonly index: number;
  readonly label: string;
  readonly value: number;
}

/** The k largest values, largest first; ties in order of index; NaN last. */
export function topK(values: Float32Array, k: number, labels?: readonly string[]): Ranked[] {
  const key = (index: number): number => {
    const value = values[index] ?? Number.NaN;
    return Number.isNaN(value) ? Number.NEGATIVE_INFINITY : value;
  };
  return Array.from(values.keys())
    .toSorted((a, b) => key(b) - key(a) || a - b)
    .slice(0, k)
    .map((index) => ({ index, label: labels?.[index] ?? `${index}`, value: values[index] ?? Number.NaN }));
}
