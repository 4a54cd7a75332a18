// Checks that the two sides of a rule are equal, by evaluating both on random operands.

import { given } from "#diagnostic/given.js";
import type { NodeId } from "#ir/graph.js";
import type { Tensor } from "#ir/tensor.js";
import { tensor } from "#ir/tensor.js";
import { elements, isInteger } from "#ir/type.js";
import type { Module, WeightStore } from "#ir/weights.js";
import { opOf } from "#ops/index.js";
import { seededRandom } from "#ops/random.js";
import type { Random } from "#ops/random.js";
import type { Miss } from "../rule/match.js";
import type { Condition, UserRule } from "../rule/rule.js";
import { applyOnce } from "./apply-once.js";
import type { Comparison, Side } from "./compare-sides.js";
import { compareSides, distance } from "./compare-sides.js";
import type { Example, Shown } from "./example.js";
import { missExample } from "./example.js";
import type { ValueKind } from "./draw-values.js";
import { drawInput, drawInteger, valueKinds } from "./draw-values.js";
import { integersOf } from "./sample-integers.js";
import { sampleRule } from "./sample-rule.js";
import { createSeeker } from "./wishes.js";
import { workOf } from "./work.js";

export interface RuleCheckOptions {
  /** Makes an empty weight store. */
  readonly createStore: () => WeightStore;
  readonly seed?: number;
  /** How many samples to compare: random graphs that the rule applies to. */
  readonly samples?: number;
  /** How many random graphs to draw at most. */
  readonly attempts?: number;
}

/** How often something was found, with an example. */
interface Places {
  readonly places: number;
  readonly example: Example;
  /** The last part of `when` that did not hold: all parts before it did at some samples. */
  readonly condition?: Condition;
}

/** The result of a check. Examples are as they were drawn; `shrinkExample` makes them small. */
export interface RuleCheck {
  readonly rule: UserRule;
  /** Samples: random graphs that the rule applied to. */
  readonly samples: number;
  /** Elements that were compared: those that are finite on the left. */
  readonly compared: number;
  /** Operands for which the sides differ. */
  readonly counterexample?: Example;
  /** Operands for which only the right side is finite, or infinite operands for which the sides differ. */
  readonly notFinite?: Example;
  /** Operands for which the sides are zeros of different signs. */
  readonly signOfZero?: Example;
  /** How many samples have a right side that costs more than the left one, with an example; in multiply-accumulates if any differ. */
  readonly costlier: { readonly places: number; readonly macs: boolean; readonly example?: Example };
  /** How often the left side matched and the rule still did not apply, for each reason. */
  readonly misses: ReadonlyMap<Miss["kind"], Places>;
  /** Some of the samples, with the left side as it was before the rewrite. */
  readonly lefts: readonly Side[];
}

/** How many counterexamples to collect; the smallest is shown. */
const mostCounterexamples = 6;

/** How many samples to keep for the check of rules together. */
const mostLefts = 6;

/**
 * Compares both sides of a rule on random operands that it applies to. They must agree within the tolerance of f32, or within
 * the tolerance that `rule approx` states, wherever the left side is finite. The stated tolerance is relative to the greatest value
 * of all samples of one kind of operands, because in a net a small tensor with small values comes together with larger values.
 */
export function checkRule(rule: UserRule, options: RuleCheckOptions): RuleCheck {
  const { samples = 80, attempts = 8000, seed = 1 } = options;
  const found: Found = { compared: 0, counterexamples: [], greatest: new Map() };
  const costlier: Costlier = { places: 0, macs: false };
  const lefts: Side[] = [];
  const { can, must } = integersOf(rule);
  const search = { rule, options, found, costlier, lefts };
  const plain = must ? none : applied(search, { elements: "f32", samples, attempts, seed });
  const isDone = found.counterexamples.length > 0 && rule.approx === undefined;
  // Fewer samples show what is different with integers.
  const own = must ? { samples, attempts } : { samples: samples / 4, attempts: attempts / 4 };
  const exact = can && !isDone ? applied(search, { elements: "integers", ...own, seed: seed + 1 }) : none;
  const worst = rule.approx === undefined ? smallestOf(found) : worstOf(found, rule.approx);
  return {
    rule,
    samples: plain.places + exact.places,
    compared: found.compared,
    ...given({ counterexample: worst?.example, notFinite: found.notFinite, signOfZero: found.signOfZero }),
    costlier,
    // Many rules hold for f32 alone, which is no news.
    misses: must || (plain.places === 0 && exact.places > 0) ? exact.misses : plain.misses,
    lefts,
  };
}

/** How often a rule applied to samples, and why it did not to others. */
interface Applied {
  readonly places: number;
  readonly misses: ReadonlyMap<Miss["kind"], Places>;
}

interface Costlier {
  places: number;
  macs: boolean;
  example?: Example;
}

const none: Applied = { places: 0, misses: new Map() };

/** Compares both sides on samples of f32 or of integers. */
function applied(
  {
    rule,
    options,
    found,
    costlier,
    lefts,
  }: {
    readonly rule: UserRule;
    readonly options: RuleCheckOptions;
    readonly found: Found;
    readonly costlier: Costlier;
    readonly lefts: Side[];
  },
  how: {
    readonly elements: "f32" | "integers";
    readonly samples: number;
    readonly attempts: number;
    readonly seed: number;
  },
): Applied {
  const random = seededRandom(how.seed);
  const seeker = createSeeker(rule, how.seed + 2);
  const misses = new Map<Miss["kind"], Places>();
  const before = found.compared;
  let places = 0;
  for (let attempt = 0; attempt < how.attempts; attempt += 1) {
    const compared = found.compared - before;
    if (isEnough({ attempt, places, compared, misses }, how.samples, how.attempts)) break;
    const sample = sampleRule(rule, random, options.createStore(), how.elements, seeker.wishes);
    if (!sample || (how.elements === "integers" && !hasIntegers(sample.module))) {
      seeker.failed();
      continue;
    }
    const left: Side = sample;
    const once = applyOnce(rule, left);
    if (!("right" in once)) {
      noteMiss(rule, misses, once.misses.at(-1), left);
      if (once.misses.length > 0) seeker.missed(once.misses);
      else seeker.failed();
      continue;
    }
    const { right, match } = once;
    seeker.applied(match);
    noteCost(costlier, left, right);
    for (const kind of kindsAt(rule, places)) tryInputs(found, { rule, left, right, kind, random });
    places += 1;
    if (lefts.length < mostLefts) lefts.push(left);
    if (found.counterexamples.length >= mostCounterexamples && rule.approx === undefined) break;
  }
  return { places, misses };
}

function hasIntegers({ graph }: Module): boolean {
  return [...graph.nodes.values()].some(({ type }) => isInteger(type.dtype));
}

/** How many elements to compare before a check ends; samples with small results show little. */
const fewestCompared = 2000;

/** Whether more samples would show nothing new: enough elements were compared, the rule seldom applies, or its sides never fit. */
function isEnough(
  seen: {
    readonly attempt: number;
    readonly places: number;
    readonly compared: number;
    readonly misses: Applied["misses"];
  },
  samples: number,
  attempts: number,
): boolean {
  if (seen.places >= (seen.compared >= fewestCompared ? 1 : 3) * samples) return true;
  if (seen.places > 0) return seen.attempt > attempts / 4 && seen.places >= samples / 4;
  const misfits = (["same", "misfit", "type"] as const).map((kind) => seen.misses.get(kind)?.places ?? 0);
  return misfits.reduce((sum, one) => sum + one, 0) > 500;
}

/** What the comparisons have found so far. */
interface Found {
  compared: number;
  readonly counterexamples: Counterexample[];
  /** The greatest |left| by kind of operands. */
  readonly greatest: Map<ValueKind, number>;
  notFinite?: Example;
  signOfZero?: Example;
}

interface Counterexample {
  readonly kind: ValueKind;
  readonly distance: number;
  /** Elements of all operands. */
  readonly size: number;
  readonly example: Example;
}

interface Try {
  readonly rule: UserRule;
  readonly left: Side;
  readonly right: Side;
  readonly kind: ValueKind;
  readonly random: Random;
}

/** The kinds of operands that a sample is tried with. An approximation need only hold for ordinary and special operands. */
function kindsAt({ approx }: UserRule, place: number): readonly ValueKind[] {
  const other = valueKinds[place % valueKinds.length] ?? "special";
  return approx === undefined ? ["ordinary", other] : ["ordinary", "special"];
}

function tryInputs(found: Found, { rule, left, right, kind, random }: Try): void {
  const inputs = new Map<NodeId, Tensor>();
  const weights = weightOperands(left);
  for (const node of left.module.graph.nodes.values()) {
    if (node.op !== "input") continue;
    // Weights are never infinite: 0 · ∞ in the padding would be NaN.
    const own = kind === "infinite" && weights.has(node.id) ? "ordinary" : kind;
    const { dtype, shape } = node.type;
    const fill = isInteger(dtype)
      ? drawInteger(random, dtype)
      : drawInput(random, own, rule.literals.numbers);
    inputs.set(node.id, tensor(shape, fill));
  }
  const result: Comparison = compareSides(left, right, inputs);
  found.compared += result.compared;
  found.greatest.set(kind, Math.max(found.greatest.get(kind) ?? 0, result.greatest));
  const example = (shown: Shown): Example => ({ left, right, inputs, shown });
  if (result.differs && kind === "infinite")
    found.notFinite ??= example({ kind: "not-finite", element: result.differs });
  else if (result.differs) {
    const size = [...inputs.values()].reduce((sum, one) => sum + elements(one.shape), 0);
    found.counterexamples.push({
      kind,
      distance: distance(result.differs),
      size,
      example: example({ kind: "differs", element: result.differs }),
    });
  }
  if (result.onlyRightFinite)
    found.notFinite ??= example({ kind: "not-finite", element: result.onlyRightFinite });
  if (result.signOfZero) found.signOfZero ??= example({ kind: "sign-of-zero", element: result.signOfZero });
}

function weightOperands({ module }: Side): ReadonlySet<NodeId> {
  const nodes = [...module.graph.nodes.values()];
  return new Set(
    nodes.flatMap(({ op, inputs }) => inputs.filter((_, at) => opOf(op).operands[at]?.role === "weight")),
  );
}

/** The smallest counterexample; those in which each variable has its own value come first. */
function smallestOf({ counterexamples }: Found): Counterexample | undefined {
  const nodes = ({ example }: Counterexample): number => example.left.module.graph.nodes.size;
  return counterexamples.toSorted((a, b) => nodes(b) - nodes(a) || a.size - b.size)[0];
}

/** The counterexample that is furthest off, if it is further off than the rule states. */
function worstOf({ counterexamples, greatest }: Found, approx: number): Counterexample | undefined {
  const [worst] = counterexamples
    .map((one) => ({ ...one, beyond: approx * (greatest.get(one.kind) ?? 0) }))
    .filter(({ distance: off, beyond }) => off > beyond)
    .toSorted((a, b) => b.distance - a.distance);
  if (!worst) return undefined;
  const { shown, ...example } = worst.example;
  return {
    ...worst,
    example: { ...example, shown: shown.kind === "differs" ? { ...shown, beyond: worst.beyond } : shown },
  };
}

function noteMiss(
  rule: UserRule,
  misses: Map<Miss["kind"], Places>,
  miss: Miss | undefined,
  left: Side,
): void {
  if (!miss) return;
  const { places = 0, example, condition: before } = misses.get(miss.kind) ?? {};
  const own = miss.kind === "condition" ? miss.condition : undefined;
  const conditions = rule.kind === "equation" ? rule.conditions : [];
  const isLater = own !== undefined && (!before || conditions.indexOf(own) > conditions.indexOf(before));
  misses.set(miss.kind, {
    places: places + 1,
    example: example ?? missExample(miss, left),
    ...given({ condition: isLater ? own : before }),
  });
}

/**
 * A side costs more if it takes more multiply-accumulates; or as many, no fewer ops, and over a quarter more arithmetic. The margin is
 * there because the time of an operation depends on the target.
 */
function noteCost(costlier: Costlier, left: Side, right: Side): void {
  const before = workOf(left);
  const after = workOf(right);
  const macs = after.macs > before.macs;
  const steps = after.macs === before.macs && after.ops >= before.ops && after.steps > 1.25 * before.steps;
  if (!macs && !steps) return;
  costlier.places += 1;
  if (!costlier.example || (macs && !costlier.macs))
    costlier.example = { left, right, inputs: new Map(), shown: { kind: "cost" } };
  costlier.macs ||= macs;
}
