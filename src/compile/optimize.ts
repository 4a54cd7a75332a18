// Optimizes a module: runs the passes that the caller chooses, with instruments around them.

import type { WeightType } from "#ir/compact.js";
import { weightTypes } from "#ir/compact.js";
import { given } from "#diagnostic/given.js";
import { passes as allPasses } from "#passes/index.js";
import type { PassOptions } from "#passes/index.js";
import type { CompactReport } from "#passes/compact-weights.js";
import type { SplitMode, SplitReport } from "#passes/split.js";
import type { FuseReport } from "#passes/fuse.js";
import { didYouMean } from "#diagnostic/suggest.js";
import { checkKernels } from "#passes/fuse/check-kernels.js";
import { builtInFusions } from "#passes/fuse/plan-fusions.js";
import { builtInRules } from "#passes/rules/index.js";
import { compactWeights } from "#passes/compact-weights.js";
import { split as splitPass, wrongSplit } from "#passes/split.js";
import { activeRules, passOfRule } from "#passes/apply-rules.js";
import { expectModule } from "#diagnostic/argument.js";
import type { OptionKind, OptionKinds } from "#diagnostic/options.js";
import { aBoolean, aFunction, anObject, aText, expectOptions, listOf, oneOf } from "#diagnostic/options.js";
import type { Diagnostic, Result } from "#diagnostic/diagnostic.js";
import { error, hasErrors, warning } from "#diagnostic/diagnostic.js";
import type { Target, TargetName } from "#ir/target.js";
import { targetNames } from "#ir/target.js";
import type { Module } from "#ir/weights.js";
import { verify } from "#ops/verify.js";
import type { Fusion } from "#rewrite/fusion/fusion.js";
import { printing, starting, timing, verifying } from "#rewrite/pipeline/instruments.js";
import type { ExtraPass } from "#rewrite/pipeline/extra-pass.js";
import { placeExtraPasses } from "#rewrite/pipeline/extra-pass.js";
import type { Pass } from "#rewrite/pipeline/pass.js";
import type { Instrument, PassRun } from "#rewrite/pipeline/pipeline.js";
import { runPipeline } from "#rewrite/pipeline/pipeline.js";
import type { UserRule } from "#rewrite/rule/rule.js";
import type { WinogradOptions } from "#schedule/winograd.js";
import { expectWinograd, winogradKinds } from "#schedule/winograd.js";
import { selectPasses } from "#rewrite/pipeline/selection.js";
import type { Approximation } from "./approximations.js";
import { approximationsOf } from "./approximations.js";
import { aRule, checkRules } from "./check-rules.js";
import { placeRules } from "./place-rules.js";
import type { RuleCount } from "./rule-counts.js";
import { ruleCountsOf } from "./rule-counts.js";
import { targetOf } from "./targets.js";

/** What `optimize` takes. */
export interface OptimizeOptions extends WinogradOptions {
  /** The target that the module is for: passes use its costs, and make what its kernels can compute. WebAssembly by default. */
  readonly target?: TargetName | Target;
  /** Whether and how convolutions are split; by default they are not. */
  readonly split?: SplitMode;
  /**
   * How the packed file stores weights: `f16` or `int8` (with a scale for each output channel) rounds the weights of convolutions, dense layers
   * and products. By default each weight is stored as in the model's file, exactly; `f32` stores all of them as f32.
   */
  readonly weightType?: WeightType;
  /** Rules and fusions of the caller. If several rules match at one place, the one with the greatest benefit wins, then the first. */
  readonly rules?: readonly UserRule[];
  readonly fusions?: readonly Fusion[];
  /**
   * The places of the rules among the passes, each `before PASS` or `after PASS`. By default they see the graph as it was written (`before
   * canonicalize`), and once more as the built-in rules left it (`after absorb-moves`).
   */
  readonly rulesAt?: readonly string[];
  /**
   * Whether to apply rules unchecked. By default, a rule that `cleave check` refutes is an error; the check takes about half a second for
   * each rule, once.
   */
  readonly trustRules?: boolean;
  /** Whether `rule approx` applies. */
  readonly approx?: boolean;
  /** The names of rules, sets of rules and fusions that do not apply: built-in ones and those of the caller. */
  readonly withoutRules?: readonly string[];
  /** Passes of the caller, each with its place among the passes. The module is verified after each of them. */
  readonly extraPasses?: readonly ExtraPass<PassOptions>[];
  /** The only passes to run, in this order. */
  readonly passes?: readonly string[];
  readonly without?: readonly string[];
  /** The pass after which the module was dumped: only the passes after it run. If it runs twice, its last run counts. */
  readonly from?: string;
  readonly stopAfter?: string;
  /**
   * Whether to check the module's invariants (`verify` in `src/ops`). A problem in the given module is an error; a problem after a pass is
   * a bug, and throws `InternalError`.
   */
  readonly verify?: boolean;
  /** The passes after which `onPrint` is called, or `all`. */
  readonly printAfter?: readonly string[];
  readonly onPrint?: (pass: string, module: Module) => void;
  /** Called before every pass. */
  readonly onStart?: (pass: string) => void;
  /** Called after every pass. */
  readonly onPass?: (pass: string, module: Module) => void;
  readonly onTime?: (pass: string, milliseconds: number, changed: boolean) => void;
}

const aPass = anObject("a pass", "name", "run");
const anExtraPass: OptionKind = {
  takes: 'a pass with its place, `{ pass: { name, doc, run }, at: "after fold-batch-norm" }`',
  holds: (value) => {
    const { pass, at } = (value ?? {}) as { readonly pass?: Partial<Pass>; readonly at?: unknown };
    return aPass.holds(pass) && aText.holds(pass?.name) && aFunction.holds(pass?.run) && aText.holds(at);
  },
};

const described = anObject("the description of a target", "name", "lanes");
const named = oneOf(targetNames);
const aTarget: OptionKind = {
  takes: `${named.takes}, or ${described.takes}`,
  holds: (value) => named.holds(value) || described.holds(value),
};

export const optimizeKinds: OptionKinds<Omit<OptimizeOptions, "target">> = {
  ...winogradKinds,
  split: anObject("an object with a `mode`", "mode"),
  weightType: oneOf(weightTypes),
  rules: listOf("rules, as `parseRules` and `nativeRule` make them, and no copies", aRule),
  fusions: listOf("fusions, as `parseRules` gives them", anObject("a fusion", "name", "links")),
  rulesAt: listOf("texts", aText),
  trustRules: aBoolean,
  approx: aBoolean,
  withoutRules: listOf("names of rules and fusions", aText),
  extraPasses: listOf(anExtraPass.takes, anExtraPass),
  passes: listOf("names of passes", aText),
  without: listOf("names of passes", aText),
  from: aText,
  stopAfter: aText,
  verify: aBoolean,
  printAfter: listOf("names of passes", aText),
  onPrint: aFunction,
  onStart: aFunction,
  onPass: aFunction,
  onTime: aFunction,
};

/** What `optimize` gives: the module after the passes, and reports on them. */
export interface Optimized {
  readonly module: Module;
  /** The record of each pass, in order: the module before and after, its time, and the change as patches. */
  readonly trace: readonly PassRun[];
  /** How often each rule and fusion was applied, for each run of a pass. */
  readonly ruleCounts: readonly RuleCount[];
  /** The values that were changed, and by which rules or splits; empty if no pass approximates. */
  readonly approximations: readonly Approximation[];
  /** What was split, and why the rest was not; present if `split` was asked for. */
  readonly split?: SplitReport;
  /** How weights are stored; present if any has fewer bits than f32, or should have. */
  readonly compact?: CompactReport;
  /** Which ops were fused, which were not, and why; absent if `fuse` did not run. */
  readonly fused?: FuseReport;
}

/** The module after the passes, or the errors in the options. */
export function optimize(module: Module, options: OptimizeOptions = {}): Result<Optimized> {
  expectModule("optimize", module);
  expectOptions("optimize", options, { ...optimizeKinds, target: aTarget });
  expectWinograd(options);
  const problem = options.split && wrongSplit(options.split);
  if (problem !== undefined) return { diagnostics: [error("wrong-option", `split: ${problem}`)] };
  const unknown = unknownRules(options);
  if (unknown.length > 0) return { diagnostics: unknown };
  const wrong = options.verify ? verify(module) : [];
  if (wrong.length > 0) return { diagnostics: [wrongModule(module, wrong)] };
  const placed = placeRules(allPasses, options.rulesAt ?? [], options.rules);
  if (!placed.value) return { diagnostics: placed.diagnostics };
  const { extraPasses = [] } = options;
  const extra = new Set(extraPasses.map(({ pass }) => pass));
  const all = placeExtraPasses(placed.value, extraPasses);
  if (!all.value) return { diagnostics: all.diagnostics };
  const selected = selectPasses(all.value, {
    ...given({
      passes: options.passes,
      without: options.without,
      from: options.from,
      stopAfter: options.stopAfter,
      printAfter: options.printAfter,
    }),
  });
  if (!selected.value) return { diagnostics: selected.diagnostics };
  const idle = withoutPass(options, selected.value);
  if (idle) return { diagnostics: [idle] };
  const trace: PassRun[] = [];
  const { onStart } = options;
  const instruments: Instrument[] = [
    ...(onStart ? [starting(onStart)] : []),
    { after: (run) => void trace.push(run) },
    ...(options.verify ? [verifying()] : []),
    ...(options.onTime ? [timing(options.onTime)] : []),
    ...(options.onPrint ? [printing(options.printAfter ?? [], options.onPrint)] : []),
    ...(options.onPass ? [printing(["all"], options.onPass)] : []),
  ];
  let split: SplitReport | undefined;
  let compact: CompactReport | undefined;
  let fused: FuseReport | undefined;
  const passOptions: PassOptions = {
    ...given({
      rules: options.rules,
      fusions: options.fusions,
      split: options.split,
      winograd: options.winograd,
      winogradMemory: options.winogradMemory,
      withoutRules: options.withoutRules,
      weightType: options.weightType,
    }),
    approx: options.approx ?? false,
    onSplit: (report) => void (split = report),
    onCompact: (report) => void (compact = report),
    onFused: (report) => void (fused = report),
  };
  const target = typeof options.target === "object" ? options.target : targetOf(options.target).target;
  const own = selected.value.filter((pass) => !extra.has(pass));
  const told = [...namesakes(options), ...toldOfRules(options, own, target)];
  if (hasErrors(told)) return { diagnostics: told };
  const context = { target, options: passOptions };
  const run = runPipeline(module, selected.value, context, { instruments, extra });
  const said = [...told, ...run.diagnostics];
  if (!run.value) return { diagnostics: said };
  const approximations = approximationsOf(trace, passOptions.rules ?? []);
  const ruleCounts = ruleCountsOf(trace, activeRules(options), fused);
  const reports = { approximations, ruleCounts, ...given({ split, compact, fused }) };
  if (fused) return { value: { module: run.value, trace, ...reports }, diagnostics: said };
  // `fuse` checks the kernels of a dump. Without `fuse`, invalid kernels must be dissolved here.
  const { graph, problems } = checkKernels(run.value, target);
  const warnings = problems.map((problem) => warning("wrong-kernel", `${problem}; its ops run one by one`));
  const checked = graph === run.value.graph ? run.value : { graph, weights: run.value.weights };
  return {
    value: { module: checked, trace, ...reports },
    diagnostics: [...said, ...warnings],
  };
}

/** An error if an option asks for what only a pass does, and the pass was left out. A pipeline that stops before it is no error. */
function withoutPass(
  { split, weightType, passes, without = [], from, stopAfter }: OptimizeOptions,
  selected: readonly Pass<PassOptions>[],
): Diagnostic | undefined {
  const asked: readonly (readonly [string | undefined, Pass<PassOptions>])[] = [
    [split && "`--split` (`split`)", splitPass],
    [
      weightType && weightType !== "f32" ? `\`--weights ${weightType}\` (\`weightType\`)` : undefined,
      compactWeights,
    ],
  ];
  for (const [what, pass] of asked) {
    const isPast = from !== undefined && stopAfter === undefined;
    const isLeftOut = without.includes(pass.name) || passes?.includes(pass.name) === false || isPast;
    if (what !== undefined && isLeftOut && !selected.includes(pass))
      return error("wrong-option", `${what} has no effect without the pass \`${pass.name}\``, {
        help: [`leave out the option, or let \`${pass.name}\` run`],
      });
  }
  return undefined;
}

/** An error for each name in `withoutRules` that no rule, set of rules or fusion has. */
function unknownRules({ withoutRules = [], rules = [], fusions = [] }: OptimizeOptions): Diagnostic[] {
  const sets = rules.flatMap(({ set }) => (set ? [set] : []));
  const named = [...rules, ...sets, ...fusions, ...builtInRules(), ...builtInFusions()];
  const known = [...new Set(named.map(({ name }) => name))];
  return withoutRules
    .filter((name) => !known.includes(name))
    .map((name) =>
      error("unknown-rule", `there is no rule, set of rules or fusion \`${name}\``, {
        help: [...didYouMean(name, known), `there are ${known.join(", ")}`].slice(0, 1),
      }),
    );
}

/** Warnings about rules of the caller that have the name of a built-in one: options and reports name rules by their names alone. */
function namesakes({ rules = [] }: OptimizeOptions): Diagnostic[] {
  const builtIn = new Map(builtInRules().map((rule) => [rule.name, rule]));
  return rules.flatMap((rule) => {
    const other = builtIn.get(rule.name);
    if (!other || other === rule) return [];
    return [
      warning("repeated-name", `Cleave has a rule \`${rule.name}\` of its own`, {
        ...given({ span: rule.span }),
        help: ["give this one another name: options and reports cannot tell the two apart"],
      }),
    ];
  });
}

/** The most problems of a module that are reported, because one wrong type may cause many others. */
const mostProblems = 10;

function wrongModule({ graph }: Module, problems: readonly string[]): Diagnostic {
  const more = problems.length - mostProblems;
  return error("wrong-module", `the module ${graph?.name ?? ""} is not sound: ${problems[0] ?? ""}`, {
    help: [
      ...problems.slice(1, mostProblems),
      ...(more > 0 ? [`and ${more} more`] : []),
      "a module that Cleave did not make must be complete, as src/ir/graph.ts describes",
    ],
  });
}

/**
 * Errors for refused rules, and warnings about rules that never match at their place; `cleave check` reports everything else. Trusted rules
 * are not refused, but if the caller chooses their place, it is checked too.
 */
function toldOfRules(
  options: OptimizeOptions,
  passes: readonly Pass<PassOptions>[],
  target: Target,
): Diagnostic[] {
  const { trustRules = false, rulesAt = [] } = options;
  const rules = activeRules(options).filter((rule) => passes.includes(passOfRule(rule)));
  if (rules.length === 0 || (trustRules && rulesAt.length === 0)) return [];
  const found = checkRules(rules, passes, target);
  const refuted = trustRules ? [] : found.filter(({ severity }) => severity === "error");
  if (refuted.length === 0) return found.filter(({ code }) => code === "rule-never-matches");
  const advice = "`--trust-rules` (`trustRules: true`) applies rules unchecked";
  return refuted.map((one) => ({ ...one, help: [...(one.help ?? []), advice] }));
}
