// A seeded source of random choices: a seed gives the same choices on every machine.

/** Seeded random choices. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** An integer, both ends included. */
  int(low: number, high: number): number;
  pick<T>(items: readonly T[]): T;
  /** Standard normal (Box and Muller 1958). */
  normal(): number;
}

/** A `Random` from a seed (mulberry32, with 32 bits of state, which is enough for tests). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    next,
    int: (low, high) => low + Math.floor(next() * (high - low + 1)),
    pick: (items) => {
      const item = items[Math.floor(next() * items.length)];
      if (item === undefined) throw new RangeError("pick from an empty list");
      return item;
    },
    normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
  };
}
