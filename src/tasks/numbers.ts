// Checks what programs without types give as numbers.

/** Throws a TypeError unless the value has a length, as arrays have. An object of outputs would else count as no numbers at all. */
export function expectNumbers(what: string, values: unknown): void {
  const isArray = typeof values === "object" && values !== null && "length" in values;
  if (isArray && typeof values.length === "number") return;
  const given = Object.prototype.toString.call(values).slice(8, -1);
  throw new TypeError(`${what} must be an array of numbers, such as an output of run, not ${given}`);
}
