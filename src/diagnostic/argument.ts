// Checks arguments of the public API at run time, for callers without a type checker: a wrong one is a TypeError that names the call.

/** Throws a TypeError that says what `call` takes, if `holds` is false. */
export function expectArgument(call: string, takes: string, value: unknown, holds: boolean): void {
  if (!holds) throw new TypeError(`${call} takes ${takes}, not ${kindOf(value)}`);
}

/** Whether a value is an object with these properties. */
export function hasProperties(value: unknown, ...names: readonly string[]): boolean {
  return typeof value === "object" && value !== null && names.every((name) => name in value);
}

/** Throws a TypeError unless a value is a graph with its weights. */
export function expectModule(call: string, value: unknown): void {
  expectArgument(call, "a module, `{ graph, weights }`", value, hasProperties(value, "graph", "weights"));
}

/** Throws a TypeError unless a value is a string; `takes` describes it. */
export function expectText(call: string, takes: string, value: unknown): void {
  expectArgument(call, takes, value, typeof value === "string");
}

/** Throws a TypeError unless a value is a list; `takes` describes it. */
export function expectList(call: string, takes: string, value: unknown): void {
  expectArgument(call, takes, value, Array.isArray(value));
}

/** Throws a TypeError unless a value is a Map; `takes` describes it. */
export function expectMap(call: string, takes: string, value: unknown): void {
  expectArgument(call, takes, value, hasProperties(value, "has", "get"));
}

/** The most characters of a text that a message shows. */
const longestShown = 40;

function kindOf(value: unknown): string {
  if (value === null || ["undefined", "boolean", "number"].includes(typeof value)) return String(value);
  if (typeof value === "string" && value.length <= longestShown) return JSON.stringify(value);
  if (typeof value !== "object") return `a ${typeof value}`;
  const name: unknown = value.constructor?.name;
  return typeof name === "string" && name !== "Object" ? `an instance of ${name}` : "such an object";
}
