// What a check should draw because of what it missed: where the condition of a rule seldom holds, operands that were drawn at random are
// changed until it does.

import type { AttributeValue } from "#ir/graph.js";
import type { Shape } from "#ir/type.js";
import { seededRandom } from "#ops/random.js";
import type { Random } from "#ops/random.js";
import type { Wish } from "../rule/aim.js";
import type { Miss } from "../rule/match.js";
import type { Match, UserRule } from "../rule/rule.js";

/** Wishes for one sample, by what they are about. */
export interface Wishes {
  readonly isEmpty: boolean;
  attribute(name: string): AttributeValue | undefined;
  count(list: string): number | undefined;
  /** How many ops outside the left side read a value, and whether it is an output. */
  outside(name: string): { readonly readers: number | undefined; readonly isOutput: boolean | undefined };
  /** The values about which `outside` says something. */
  readonly outsiders: readonly string[];
  numbers(name: string): { readonly least: number; readonly greatest: number } | undefined;
  /** The shape with the wished number of axes and extents. */
  shape(name: string, drawn: Shape): Shape;
}

/** Collects wishes from misses. */
export interface Seeker {
  readonly wishes: Wishes;
  /** A sample to which the rule did not apply, with the reasons: one for each way in which the left side matches. */
  missed(misses: readonly Miss[]): void;
  /** A sample to which the rule applied, with what its names stand for there. */
  applied(match: Match | undefined): void;
  /** Nothing could be drawn. */
  failed(): void;
}

/** If this many samples miss for each one that fits, drawing at random is not enough. */
const mostMisses = 20;

/** After this many failures, the wishes contradict each other or what an op accepts. */
const mostFailures = 60;

/** After this many failures, a variation is given up: the rule applies without it. */
const mostVaried = 4;

export function createSeeker(rule: UserRule, seed: number): Seeker {
  const random = seededRandom(seed);
  // What varies samples does not change how others are sought.
  const variety = seededRandom(seed + 1);
  const wishes = new Map<string, Wish>();
  let misses = 0;
  let places = 0;
  let failures = 0;
  /** Whether the wishes vary a sample to which the rule applied. */
  let varies = false;
  const clear = (): void => {
    wishes.clear();
    failures = 0;
    varies = false;
  };
  return {
    wishes: wishesOf(wishes),
    missed: (reasons) => {
      misses += 1;
      if (varies) return clear();
      if (misses < mostMisses * (places + 2)) return;
      const furthest = furthestOf(rule, reasons);
      failures += 1;
      if (failures > mostFailures) clear();
      for (const wish of (furthest && wishesFrom(furthest, random)) ?? []) wishes.set(keyOf(wish), wish);
    },
    applied: (match) => {
      places += 1;
      failures = 0;
      // Some samples with the same wishes, and then others: a condition may hold in several ways.
      if (random.next() < 0.3 || varies) clear();
      if (!match || wishes.size > 0 || variety.next() < 0.5) return;
      for (const wish of variation(rule, match, variety)) wishes.set(keyOf(wish), wish);
      varies = wishes.size > 0;
    },
    failed: () => {
      if (wishes.size === 0) return;
      failures += 1;
      if (failures > (varies ? mostVaried : mostFailures)) clear();
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

/** Other numbers at which one of the conditions still holds: at random, mostly those are drawn that the rule mentions. */
function variation(rule: UserRule, match: Match, random: Random): readonly Wish[] {
  if (rule.kind !== "equation" || rule.conditions.length === 0) return [];
  const wishes = random.pick(rule.conditions).aim?.(match, random) ?? [];
  return wishes.filter(
    (wish) =>
      wish.kind === "numbers" ||
      (wish.kind === "attribute" && typeof wish.value === "number" && !Number.isInteger(wish.value)),
  );
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
    outside: (name) => {
      const readers = all.get(`readers ${name}`);
      const output = all.get(`output ${name}`);
      return {
        readers: readers?.kind === "readers" ? readers.count : undefined,
        isOutput: output?.kind === "output" ? output.isOutput : undefined,
      };
    },
    get outsiders() {
      const wishes = [...all.values()].filter(({ kind }) => kind === "readers" || kind === "output");
      return [...new Set(wishes.map(({ of }) => of))];
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
