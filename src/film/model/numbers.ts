// Numbers of values as a page shows them.

/** A number of any size in few characters. */
export function valueText(value: number): string {
  return Number.isInteger(value) && Math.abs(value) < 1e6
    ? String(value)
    : String(Number(value.toPrecision(4)));
}
