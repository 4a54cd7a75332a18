// The largest entries of an output, with labels.

export interface Ranked {
  readonly index: number;
  readonly label: string;
  readonly value: number;
}

/** The k largest values, largest first; ties in order of index; NaN last. */
export function topK(values: Float32Array, k: number, labels?: readonly string[]): Ranked[] {
  const of = (index: number): number => values[index] ?? Number.NaN;
  const isNone = (index: number): number => Number(Number.isNaN(of(index)));
  return (
    Array.from(values.keys())
      // A difference of two infinities of one sign is NaN, as that of two NaN: they tie.
      .toSorted((a, b) => isNone(a) - isNone(b) || of(b) - of(a) || a - b)
      .slice(0, k)
      .map((index) => ({ index, label: labels?.[index] ?? `${index}`, value: values[index] ?? Number.NaN }))
  );
}
