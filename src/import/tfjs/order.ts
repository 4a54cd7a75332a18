// Things in an order in which each comes after what it needs, without recursion: files say how deep it goes.

/** What the targets need, and they themselves, each once. `cycle` throws at something that needs itself. */
export function order<T>(
  targets: readonly T[],
  {
    key,
    needs,
    cycle,
  }: {
    readonly key: (item: T) => string;
    readonly needs: (item: T) => readonly T[];
    readonly cycle: (item: T) => never;
  },
): T[] {
  const result: T[] = [];
  const states = new Map<string, "open" | "done">();
  const stack = targets.toReversed().map((item) => ({ item, isLeft: false }));
  for (let next = stack.pop(); next; next = stack.pop()) {
    const { item, isLeft } = next;
    const own = key(item);
    if (isLeft) {
      states.set(own, "done");
      result.push(item);
      continue;
    }
    const state = states.get(own);
    if (state === "done") continue;
    if (state === "open") cycle(item);
    states.set(own, "open");
    stack.push({ item, isLeft: true });
    for (const need of needs(item).toReversed()) {
      const there = states.get(key(need));
      if (there === "open") cycle(need);
      if (there === undefined) stack.push({ item: need, isLeft: false });
    }
  }
  return result;
}
