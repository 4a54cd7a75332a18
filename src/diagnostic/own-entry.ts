// Tables that are looked up by what a text says, which may be `constructor` or `__proto__`.

/** What an object itself holds under a name; nothing that all objects inherit. */
export function ownEntry<T>(table: Readonly<Record<string, T>> | undefined, name: string): T | undefined {
  return table && Object.hasOwn(table, name) ? table[name] : undefined;
}
