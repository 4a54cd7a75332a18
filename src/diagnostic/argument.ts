// Arguments of the public API that no type checker saw: a caller's slip is a TypeError in words, not one from our depths.

/** Throws a TypeError that says what `call` takes, unless `holds`. */
export function expectArgument(call: string, takes: string, value: unknown, holds: boolean): void {
  if (!holds) throw new TypeError(`${call} takes ${takes}, not ${kindOf(value)}`);
}

/** Whether a value is an object with these properties. */
export function hasProperties(value: unknown, ...names: readonly string[]): boolean {
  return typeof value === "object" && value !== null && names.every((name) => name in value);
}

/** Throws unless a value is a graph with its weights. */
export function expectModule(call: string, value: unknown): void {
  expectArgument(call, "a module, `{ graph, weights }`", value, hasProperties(value, "graph", "weights"));
}

/** Throws unless a value is a string; `takes` says which. */
export function expectText(call: string, takes: string, value: unknown): void {
  expectArgument(call, takes, value, typeof value === "string");
}

/** Throws unless a value is a list; `takes` says of what. */
export function expectList(call: string, takes: string, value: unknown): void {
  expectArgument(call, takes, value, Array.isArray(value));
}

/** Throws unless a value is a Map; `takes` says of what. */
export function expectMap(call: string, takes: string, value: unknown): void {
  expectArgument(call, takes, value, hasProperties(value, "has", "get"));
}

function kindOf(value: unknown): string {
  if (value === null || ["undefined", "boolean", "number"].includes(typeof value)) return String(value);
  if (typeof value !== "object") return `a ${typeof value}`;
  const name: unknown = value.constructor?.name;
  return typeof name === "string" && name !== "Object" ? `an instance of ${name}` : "such an object";
}
