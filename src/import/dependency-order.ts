// Things in an order in which each comes after what it needs, without recursion: files say how deep it goes.

import { quote } from "./refusal.js";

/**
 * What the targets need, and they themselves, each once: in the order of the targets, as far as that is possible. `cycle` throws
 * at things each of which needs the next one, and the last one the first.
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

/** Says that things need each other's results, or one its own. */
export function circle(names: readonly string[], what: string): string {
  if (names.length === 1) return `${what} ${quote(names[0] ?? "")} needs its own result`;
  const shown = names.map(quote);
  const some = shown.length > 8 ? [...shown.slice(0, 6), "…", ...shown.slice(-1)] : shown;
  return `${what}s ${some.join(", ")} need each other's results in a circle`;
}
