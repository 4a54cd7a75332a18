// The one message about all operators of a model that are not supported.

import { ownEntry } from "#diagnostic/own-entry.js";
import type { Diagnostic } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import { plural } from "#ir/units.js";
import { quote } from "./refusal.js";

/** Notes the name of a node of an unknown operator. */
export function addUnknown(found: Map<string, string[]>, op: string, name: string): void {
  const names = found.get(op);
  if (names) names.push(name);
  else found.set(op, [name]);
}

/**
 * The message that lists all unknown operators with their counts, some of their nodes, and what can be done; undefined if there are none.
 */
export function unknownMessage(
  found: ReadonlyMap<string, readonly string[]>,
  {
    file,
    advice,
    help,
  }: {
    readonly file: string;
    readonly advice: Readonly<Record<string, string>>;
    readonly help: readonly string[];
  },
): Diagnostic[] {
  if (found.size === 0) return [];
  const shown = [...found].slice(0, 30);
  const lines = shown.map(([op, names]) => {
    const list = names.slice(0, 3).map(quote).join(", ");
    const tip = ownEntry(advice, op);
    return `${printable(op)}, ${plural(names.length, "node")}: ${list}${names.length > 3 ? ", …" : ""}${tip ? `; ${tip}` : ""}`;
  });
  const count = [...found.values()].reduce((sum, names) => sum + names.length, 0);
  return [
    error(
      "unsupported-operator",
      `${file}: ${plural(count, "node")} of ${plural(found.size, "operator")} cannot be imported`,
      {
        help: [
          ...lines,
          ...(found.size > shown.length ? [`and ${found.size - shown.length} more`] : []),
          ...help,
        ],
      },
    ),
  ];
}

function printable(name: string): string {
  return quote(name).slice(1, -1);
}
