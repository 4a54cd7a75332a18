// Finds the first pass after which outputs depart, and the application of a rule in it.

import type { Diagnostic } from "#diagnostic/diagnostic.js";
import { InternalError, bug } from "#diagnostic/diagnostic.js";
import { given } from "#diagnostic/given.js";
import { approximationsOf } from "#compile/approximations.js";
import type { OptimizeOptions } from "#compile/optimize.js";
import { optimize } from "#compile/optimize.js";
import type { Tensor } from "#ir/tensor.js";
import type { Module } from "#ir/weights.js";
import { verify } from "#ops/verify.js";
import type { PassRun } from "#rewrite/pipeline/pipeline.js";
import type { AppliedRule } from "#rewrite/rule/sweep.js";
import type { Expected } from "./compare.js";
import { driftsOf, expectedOf } from "./compare.js";
import type { Finding, PassSuspect } from "./suspect.js";
import { judge, optionsOf, outputsOf } from "./suspect.js";

/** Values for the inputs of a net. */
export interface Sample {
  /** The kind of values, or `given`. */
  readonly name: string;
  readonly inputs: ReadonlyMap<string, Tensor>;
}

export interface PassFault {
  readonly suspect: PassSuspect;
  readonly finding: Finding;
  /** The values that show it; absent for a crash. */
  readonly sample?: Sample;
  /** The module before the pass, or before the application of the rule. */
  readonly before: Module;
  /** The pass that undoes it, so that the results after all passes are right. */
  readonly undoneBy?: string;
  /** The rule that was applied then, and how many were applied before it and in all, in this run of the pass. */
  readonly applied?: { readonly rule: AppliedRule; readonly at: number; readonly of: number };
}

/** How far a pass that approximates on purpose changed an output. */
export interface Drifted {
  readonly pass: string;
  /** What approximates: `split`, `rule NAME`, `weights TYPE`. */
  readonly by: readonly string[];
  readonly output: string;
  /** The largest change, relative to the greatest value of the output. */
  readonly relative: number;
}

type OnStep = (step: string) => void;

export interface PassSearch {
  readonly diagnostics: readonly Diagnostic[];
  /** The passes that changed the graph, in order. */
  readonly changed: readonly string[];
  readonly drifted: readonly Drifted[];
  readonly fault?: PassFault;
  /** The module after all passes; absent after errors and crashes. */
  readonly optimized?: Module;
}

/**
 * Looks for the fault with each sample in turn. Passes that approximate on purpose are measured: up to `mostDrift` of the greatest value
 * of an output is no fault, and what comes after them is compared with the graph after them. The first sample is tried after every pass, since
 * a pass may undo the fault of another one.
 */
export function findInPasses(
  module: Module,
  samples: readonly Sample[],
  options: OptimizeOptions,
  { mostDrift, onStep }: { readonly mostDrift: number; readonly onStep?: OnStep },
): PassSearch {
  const run = runPasses(module, options, onStep);
  if ("fault" in run) return { diagnostics: [], changed: [], drifted: [], fault: run.fault };
  const { diagnostics } = run;
  if (!run.value) return { diagnostics, changed: [], drifted: [] };
  // New parameters are unrelated to the old ones until they are trained.
  const most = run.value.split?.needsTraining ? Number.POSITIVE_INFINITY : mostDrift;
  const runs = run.value.trace.filter(({ before, after }) => before.graph !== after.graph);
  const changed = runs.map(({ pass }) => pass.name);
  const drifted: Drifted[] = [];
  const segments = segmentsOf(runs, options);
  const scales = new Map<Segment, Map<string, number>>();
  const scalesOf = (segment: Segment): Map<string, number> => {
    const known = scales.get(segment) ?? new Map<string, number>();
    scales.set(segment, known);
    return known;
  };
  for (const sample of samples) {
    for (const segment of segments) {
      onStep?.(`interpreting (${sample.name} inputs)`);
      const fault = segment.by
        ? findDrift(segment.steps, segment.by, sample, most, scalesOf(segment), drifted)
        : findExact(segment.steps, sample, sample === samples[0], onStep);
      if (fault) return { diagnostics, changed, drifted, fault };
    }
  }
  return { diagnostics, changed, drifted, optimized: run.value.module };
}

/** All passes; if one fails, that is the fault. */
function runPasses(
  module: Module,
  options: OptimizeOptions,
  onStep: OnStep | undefined,
): ReturnType<typeof optimize> | { readonly fault: PassFault } {
  let [before, pass] = [module, ""];
  try {
    return optimize(module, {
      ...options,
      verify: true,
      onStart: (name) => {
        pass = name;
        onStep?.(`pass ${name}`);
      },
      onPass: (_, after) => void (before = after),
    });
  } catch (thrown) {
    if (!(thrown instanceof InternalError) || pass === "") throw thrown;
    const finding = { kind: "crash", message: thrown.message } as const;
    return { fault: { suspect: { pass, isCrash: true }, finding, ...unsoundRule(before, pass, options) } };
  }
}

/** The first application of a rule after which the graph is not sound, if the pass itself did not fail. */
function unsoundRule(
  before: Module,
  pass: string,
  options: OptimizeOptions,
): Pick<PassFault, "before" | "applied"> {
  try {
    const { value } = optimize(before, { ...optionsOf(options, [pass]), verify: false });
    const applied = value?.trace[0]?.applied ?? [];
    const at = applied.findIndex((one) => verify(one.after()).length > 0);
    const rule = applied[at];
    if (!rule) return { before };
    return { before: applied[at - 1]?.after() ?? before, applied: { rule, at, of: applied.length } };
  } catch {
    return { before };
  }
}

/** A change of the graph: by a pass, or by one rule of it. */
interface Step {
  readonly run: PassRun;
  readonly before: Module;
  readonly after: Module;
  /** The rules that were applied in it, and how many of the pass were before. */
  readonly applied: readonly AppliedRule[];
  readonly from: number;
}

/** Steps that are compared together: exact ones in a row, or one that approximates, by the causes `by`. */
interface Segment {
  readonly steps: readonly Step[];
  readonly by?: readonly string[];
}

function segmentsOf(runs: readonly PassRun[], { rules = [] }: OptimizeOptions): Segment[] {
  const segments: Segment[] = [];
  let exact: Step[] = [];
  const end = (): void => {
    if (exact.length > 0) segments.push({ steps: exact });
    exact = [];
  };
  const approximate = new Set(rules.flatMap(({ name, approx }) => (approx === undefined ? [] : [name])));
  for (const run of runs) {
    const whole: Step = { run, before: run.before, after: run.after, applied: run.applied, from: 0 };
    const causes = approximationsOf([run], []).map(({ by }) => by);
    const hasRules = run.applied.some(({ rule }) => approximate.has(rule));
    if (causes.length === 0 && !hasRules) exact.push(whole);
    else if (!hasRules) {
      end();
      segments.push({ steps: [whole], by: causes });
    } else {
      // Exact rules beside approximate ones are judged as exact ones.
      for (const step of singleRules(whole)) {
        const rule = step.applied[0]?.rule ?? "";
        if (!approximate.has(rule)) exact.push(step);
        else {
          end();
          segments.push({ steps: [step], by: [`rule ${rule}`] });
        }
      }
    }
  }
  end();
  return segments;
}

function singleRules({ run, before, applied }: Step): Step[] {
  return applied.map((rule, from) => ({
    run,
    before: applied[from - 1]?.after() ?? before,
    after: rule.after(),
    applied: [rule],
    from,
  }));
}

/** A step after which outputs depart. */
interface Wrong {
  readonly at: number;
  readonly finding: Finding;
  /** The pass after which they are right again. */
  readonly undoneBy?: string;
}

/**
 * The first of some exact steps after which outputs depart. If they are right after the last one, `isEach` says to try every step: one may
 * undo what another one did.
 */
function findExact(
  steps: readonly Step[],
  sample: Sample,
  isEach: boolean,
  onStep: OnStep | undefined,
): PassFault | undefined {
  const [first, last] = [steps[0], steps.at(-1)];
  if (!first || !last) return undefined;
  const expected = expectedOf({ module: first.before, inputs: sample.inputs });
  const finding = findingOf(expected, last.after);
  const afterStep = (at: number): Module => steps[at]?.after ?? bug("no such step");
  const wrong = finding
    ? firstWrong(expected, { count: steps.length, after: afterStep, finding }, "pass", onStep)
    : isEach
      ? firstUndone(expected, steps, onStep)
      : undefined;
  const step = wrong && steps[wrong.at];
  if (!step) return undefined;
  const { run, applied } = step;
  const pass = run.pass.name;
  const fault = { sample, ...given({ undoneBy: wrong.undoneBy }) };
  const lastRule = applied.at(-1);
  const byRules = lastRule && findingOf(expected, lastRule.after());
  // A pass may do more than apply rules.
  if (!byRules)
    return { ...fault, suspect: { pass, isCrash: false }, finding: wrong.finding, before: step.before };
  const afterRule = (at: number): Module => applied[at]?.after() ?? bug("no such rule");
  const among = { count: applied.length, after: afterRule, finding: byRules };
  const place = firstWrong(expected, among, "rule", onStep);
  const rule = applied[place.at] ?? bug("no rule is wrong");
  return {
    ...fault,
    suspect: { pass, rule: rule.rule, isCrash: false },
    finding: place.finding,
    before: applied[place.at - 1]?.after() ?? step.before,
    applied: { rule, at: step.from + place.at, of: run.applied.length },
  };
}

/** The first step that is wrong, by binary search. The last of the `count` steps has `finding`. */
function firstWrong(
  expected: Expected,
  steps: { readonly count: number; readonly after: (at: number) => Module; readonly finding: Finding },
  what: string,
  onStep: OnStep | undefined,
): Wrong {
  let { finding } = steps;
  let [low, high] = [0, steps.count - 1];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    onStep?.(`looking for the ${what}, ${high - low + 1} left`);
    const found = findingOf(expected, steps.after(middle));
    if (found) [high, finding] = [middle, found];
    else low = middle + 1;
  }
  return { at: low, finding };
}

/** The first step that is wrong, of steps of which the last is right. */
function firstUndone(
  expected: Expected,
  steps: readonly Step[],
  onStep: OnStep | undefined,
): Wrong | undefined {
  let wrong: Wrong | undefined;
  for (const [at, { run, after }] of steps.entries()) {
    onStep?.(`interpreting after ${run.pass.name}`);
    const finding = findingOf(expected, after);
    if (wrong && !finding) return { ...wrong, undoneBy: run.pass.name };
    if (finding) wrong ??= { at, finding };
  }
  return undefined;
}

function findDrift(
  [step]: readonly Step[],
  by: readonly string[],
  sample: Sample,
  mostDrift: number,
  scales: Map<string, number>,
  drifted: Drifted[],
): PassFault | undefined {
  if (!step) return undefined;
  const pass = step.run.pass.name;
  const expected = expectedOf({ module: step.before, inputs: sample.inputs });
  const actual = outputsOf({ module: step.after, inputs: sample.inputs });
  for (const { departure, relative } of driftsOf(expected, actual, scales)) {
    note(drifted, { pass, by, output: departure.output, relative });
    if (relative <= mostDrift) continue;
    const allowed = mostDrift * departure.allowed;
    const [rule] = step.applied;
    return {
      suspect: { pass, isCrash: false, allowed, ...given({ rule: rule?.rule }) },
      finding: { kind: "values", departure: { ...departure, allowed } },
      sample,
      before: step.before,
      ...(rule && { applied: { rule, at: step.from, of: step.run.applied.length } }),
    };
  }
  return undefined;
}

/** Keeps the largest drift of each output by each pass. */
function note(drifted: Drifted[], one: Drifted): void {
  const at = drifted.findIndex(
    ({ pass, output, by }) => pass === one.pass && output === one.output && by.join() === one.by.join(),
  );
  if (at < 0) drifted.push(one);
  else if (one.relative > (drifted[at]?.relative ?? 0)) drifted[at] = one;
}

/** The finding about the graph after some passes. The interpreter fails only for a graph that a pass has broken. */
function findingOf(expected: Expected, after: Module): Finding | undefined {
  try {
    return judge(expected, outputsOf({ module: after, inputs: expected.of.inputs }));
  } catch (thrown) {
    if (!(thrown instanceof Error)) throw thrown;
    return { kind: "crash", message: thrown.message };
  }
}
