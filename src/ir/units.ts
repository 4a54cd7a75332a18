// Formats numbers with units for people.

/** `4,221,032`, exactly. Grouped here, because `toLocaleString` loads the tables of all languages: 9 MB of memory. */
export function numberText(count: number): string {
  return Number.isInteger(count) ? String(count).replaceAll(/\B(?=(\d{3})+$)/g, ",") : String(count);
}

/** `1.2 K`, `569 M`: at most three significant digits; exact below 10,000. */
export function countText(count: number): string {
  if (count < 10_000) return numberText(count);
  for (const [size, unit] of [
    [1e9, "G"],
    [1e6, "M"],
    [1e3, "K"],
  ] as const) {
    if (count >= size * 0.9995) return `${significant(count / size)} ${unit}`;
  }
  return `${count}`;
}

/** `12.5 KiB`, `4.00 MiB`; exact bytes below 1 KiB. */
export function bytesText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  for (const [size, unit] of [
    [2 ** 30, "GiB"],
    [2 ** 20, "MiB"],
    [2 ** 10, "KiB"],
  ] as const) {
    if (bytes >= size) return `${significant(bytes / size)} ${unit}`;
  }
  return `${bytes} B`;
}

/** `1.25 ms`, `830 µs`. */
export function timeText(seconds: number): string {
  const [value, unit] =
    seconds >= 1 ? [seconds, "s"] : seconds >= 1e-3 ? [seconds * 1e3, "ms"] : [seconds * 1e6, "µs"];
  return `${Number(value.toPrecision(3))} ${unit}`;
}

/** `1 op`, `2,000 ops`. */
export function plural(count: number, word: string): string {
  return `${numberText(count)} ${word}${count === 1 ? "" : "s"}`;
}

/** `1×3×3×5`; `scalar` for an empty shape. */
export function shapeText(shape: readonly number[]): string {
  return shape.length === 0 ? "scalar" : shape.join("×");
}

function significant(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
