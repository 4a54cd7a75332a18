// What a check should draw because of what it missed: where the condition of a rule seldom holds, operands that were drawn at random are
// changed until it does.

import type { AttributeValue } from "#ir/graph.js";
import type { Shape } from "#ir/type.js";
import type { Random } from "#ops/random.js";
import type { Wish } from "../rule/aim.js";
import type { Miss } from "../rule/match.js";
import type { UserRule } from "../rule/rule.js";

/** Wishes for one sample, by what they are about. */
export interface Wishes {
  readonly isEmpty: boolean;
  attribute(name: string): AttributeValue | undefined;
  count(list: string): number | undefined;
  numbers(name: string): { readonly least: number; readonly greatest: number } | undefined;
  /** The shape with the wished number of axes and extents. */
  shape(name: string, drawn: Shape): Shape;
}

/** Collects wishes from misses. */
export interface Seeker {
  readonly wishes: Wishes;
  /** A sample to which the rule did not apply, with the reasons: one for each way in which the left side matches. */
  missed(misses: readonly Miss[]): void;
  /** A sample to which the rule applied. */
  applied(): void;
  /** Nothing could be drawn. */
  failed(): void;
}

/** While so many samples miss for each that does not, drawing at random is not enough. */
const mostMisses = 20;

/** After so many failures the wishes contradict each other, or what ops can have. */
const mostFailures = 60;

export function createSeeker(rule: UserRule, random: Random): Seeker {
  const wishes = new Map<string, Wish>();
  let misses = 0;
  let places = 0;
  let failures = 0;
  const clear = (): void => {
    wishes.clear();
    failures = 0;
  };
  return {
    wishes: wishesOf(wishes),
    missed: (reasons) => {
      misses += 1;
      if (misses < mostMisses * (places + 2)) return;
      const furthest = furthestOf(rule, reasons);
      failures += 1;
      if (failures > mostFailures) clear();
      for (const wish of (furthest && wishesFrom(furthest, random)) ?? []) wishes.set(keyOf(wish), wish);
    },
    applied: () => {
      places += 1;
      failures = 0;
      // Some samples with the same wishes, and then others: a condition may hold in several ways.
      if (random.next() < 0.3) clear();
    },
    failed: () => {
      if (wishes.size === 0) return;
      failures += 1;
      if (failures > mostFailures) clear();
    },
  };
}

/** No wishes. */
export const noWishes: Wishes = wishesOf(new Map());

/** The miss of the way to match that came furthest: operands that may be exchanged match in several, of which most are hopeless. */
function furthestOf(rule: UserRule, misses: readonly Miss[]): Miss | undefined {
  const conditions = rule.kind === "equation" ? rule.conditions : [];
  const place = (miss: Miss): number =>
    miss.kind === "condition" ? 1 + conditions.indexOf(miss.condition) : miss.kind === "where" ? 0 : -1;
  return misses.toSorted((a, b) => place(b) - place(a))[0];
}

function wishesFrom(miss: Miss, random: Random): readonly Wish[] | undefined {
  switch (miss.kind) {
    case "condition":
      return miss.condition.aim?.(miss.match, random);
    case "where":
      return miss.aim?.(miss.match, undefined, random);
    default:
      return undefined;
  }
}

function keyOf(wish: Wish): string {
  return wish.kind === "extent" ? `extent ${wish.axis} ${wish.of}` : `${wish.kind} ${wish.of}`;
}

function wishesOf(all: ReadonlyMap<string, Wish>): Wishes {
  return {
    get isEmpty() {
      return all.size === 0;
    },
    attribute: (name) => {
      const wish = all.get(`attribute ${name}`);
      return wish?.kind === "attribute" ? wish.value : undefined;
    },
    count: (list) => {
      const wish = all.get(`count ${list}`);
      return wish?.kind === "count" ? wish.count : undefined;
    },
    numbers: (name) => {
      const wish = all.get(`numbers ${name}`);
      return wish?.kind === "numbers" ? wish : undefined;
    },
    shape: (name, drawn) => {
      if (all.size === 0) return drawn;
      const wish = all.get(`rank ${name}`);
      const rank = wish?.kind === "rank" ? wish.rank : drawn.length;
      const missing = Array.from({ length: Math.max(0, rank - drawn.length) }, () => 1);
      const fitting = [...missing, ...drawn.slice(drawn.length - Math.min(rank, drawn.length))];
      return fitting.map((extent, at) => {
        const own = all.get(`extent ${at - rank} ${name}`);
        return own?.kind === "extent" ? own.extent : extent;
      });
    },
  };
}
