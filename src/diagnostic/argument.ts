// Arguments of the public API that no type checker saw: a caller's slip is a TypeError in words, not one from our depths.

/** Throws a TypeError that says what `call` takes, unless `holds`. */
export function expectArgument(call: string, takes: string, value: unknown, holds: boolean): void {
  if (!holds) throw new TypeError(`${call} takes ${takes}, not ${kindOf(value)}`);
}

/** Whether a value is an object with these properties. */
export function hasProperties(value: unknown, ...names: readonly string[]): boolean {
  return typeof value === "object" && value !== null && names.every((name) => name in value);
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== "object") return `a ${typeof value}`;
  const name: unknown = value.constructor?.name;
  return typeof name === "string" && name !== "Object" ? `an instance of ${name}` : "such an object";
}
