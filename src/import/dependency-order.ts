// Sorts items so that each comes after those it needs. It does not recurse, because a file decides how deep the dependencies go.

import { quote } from "./refusal.js";

/**
 * The targets and everything that they need, each once, in the order of the targets as far as possible. `cycle` gets a list of items in
 * which each needs the next and the last needs the first, and throws.
 */
export function dependencyOrder<T>(
  targets: readonly T[],
  {
    key,
    needs,
    cycle,
  }: {
    readonly key: (item: T) => unknown;
    readonly needs: (item: T) => readonly T[];
    readonly cycle: (items: readonly T[]) => never;
  },
): T[] {
  const result: T[] = [];
  const states = new Map<unknown, "open" | "done">();
  const stack = targets.toReversed().map((item) => ({ item, isLeft: false }));
  const path: T[] = [];
  for (let next = stack.pop(); next; next = stack.pop()) {
    const { item, isLeft } = next;
    const own = key(item);
    if (isLeft) {
      states.set(own, "done");
      path.pop();
      result.push(item);
      continue;
    }
    if (states.get(own) === "done") continue;
    states.set(own, "open");
    path.push(item);
    stack.push({ item, isLeft: true });
    for (const need of needs(item).toReversed()) {
      const there = states.get(key(need));
      if (there === "open") cycle(path.slice(path.findIndex((one) => key(one) === key(need))));
      if (there === undefined) stack.push({ item: need, isLeft: false });
    }
  }
  return result;
}

/** The message that some items need each other's results, or that one needs its own. */
export function circle(names: readonly string[], what: string): string {
  if (names.length === 1) return `${what} ${quote(names[0] ?? "")} needs its own result`;
  const shown = names.map(quote);
  const some = shown.length > 8 ? [...shown.slice(0, 6), "…", ...shown.slice(-1)] : shown;
  return `${what}s ${some.join(", ")} need each other's results in a circle`;
}
