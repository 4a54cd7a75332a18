// Lookup in tables by names from a text, which may be `constructor` or `__proto__`.

/** The own property of an object with this name, not an inherited one. */
export function ownEntry<T>(table: Readonly<Record<string, T>> | undefined, name: string): T | undefined {
  return table && Object.hasOwn(table, name) ? table[name] : undefined;
}
