// Finds the first pass after which the results of a net depart, the rule in it, or the kernel; and a small case that shows it.

import type { AdapterClass } from "#backend/wgsl/adapter.js";
import type { Limits } from "#backend/wgsl/limits.js";
import type { OptimizeOptions } from "#compile/optimize.js";
import { optimizeKinds } from "#compile/optimize.js";
import { targetOf } from "#compile/targets.js";
import { drawInputs, kindsFor } from "#compile/verify-artifact.js";
import { expectModule } from "#diagnostic/argument.js";
import type { Result, Span } from "#diagnostic/diagnostic.js";
import { given } from "#diagnostic/given.js";
import type { OptionKinds } from "#diagnostic/options.js";
import {
  aBoolean,
  aFunction,
  aNumber,
  aText,
  anAmount,
  anObject,
  expectOptions,
  listOf,
  oneOf,
  recordOf,
} from "#diagnostic/options.js";
import { printGraph } from "#inspect/lift.js";
import type { NodeId } from "#ir/graph.js";
import { uniteSpans } from "#ir/graph.js";
import type { TargetName } from "#ir/target.js";
import { targetNames } from "#ir/target.js";
import type { Tensor } from "#ir/tensor.js";
import type { Module } from "#ir/weights.js";
import type { Distribution } from "#ops/distributions.js";
import { seededRandom } from "#ops/random.js";
import type { LoadOptions } from "#runtime/types.js";
import type { Case } from "./case.js";
import { computedNodes } from "./case.js";
import type { CodeFault } from "./find-in-code.js";
import { findInCode } from "./find-in-code.js";
import type { Drifted, PassFault, Sample } from "./find-in-passes.js";
import { findInPasses } from "./find-in-passes.js";
import { firstDeparting, partAround } from "./locate.js";
import { reduce } from "./reduce.js";
import type { CodeSettings, Finding, RunCode, Suspect } from "./suspect.js";
import { codeRunner, codeSuspect, passSuspect } from "./suspect.js";

/** What is compiled, as in `optimize` and `emit`, and how the fault is looked for. */
export interface BisectOptions extends Omit<
  OptimizeOptions,
  "target" | "verify" | "printAfter" | "onPrint" | "onStart" | "onPass" | "onTime"
> {
  /** The target for which passes run, and whose code is compared. WebAssembly by default. */
  readonly target?: TargetName;
  /** wgsl: as in `emit`. */
  readonly limits?: Partial<Limits>;
  readonly adapter?: AdapterClass;
  readonly f16?: boolean;
  /** Options of `load`, such as the GPU for the target wgsl. */
  readonly load?: LoadOptions;
  /** Values of the inputs, by name; each of the list is one sample. By default random ones, of the kinds that `verifyArtifact` draws. */
  readonly samples?: readonly Readonly<Record<string, Float32Array>>[];
  /** The seed of random values; 1 by default. */
  readonly seed?: number;
  /** How far passes that approximate may change an output, relative to its greatest value; 1 by default. */
  readonly mostDrift?: number;
  /** The most seconds for making the case smaller; 60 by default. */
  readonly seconds?: number;
  /** Called with the current step. */
  readonly onStep?: (step: string) => void;
}

const bisectKinds: OptionKinds<BisectOptions> = {
  ...withoutCallbacks(),
  target: oneOf(targetNames),
  limits: recordOf("numbers by limit", aNumber),
  adapter: aText,
  f16: aBoolean,
  load: anObject("an object with options of `load`"),
  samples: listOf(
    "records of values by the names of inputs",
    anObject("an object with a Float32Array by input"),
  ),
  seed: aNumber,
  mostDrift: anAmount,
  seconds: anAmount,
  onStep: aFunction,
};

/** What was compared, and the fault if there is one. */
export interface Bisection {
  /** The kinds of the samples that were compared: those of random values, or `given`. */
  readonly samples: readonly string[];
  /** The passes that changed the graph, in order. */
  readonly changed: readonly string[];
  /** How far passes that approximate on purpose changed the outputs. */
  readonly drifted: readonly Drifted[];
  readonly fault?: Fault;
}

/** What changes results and must not. */
export interface Fault {
  /** A pass changes results, or the code of the target computes something else than the interpreter. */
  readonly in: "pass" | "code";
  readonly pass?: string;
  /** A later pass after which the results are right again. */
  readonly undoneBy?: string;
  /** The rule, and which of how many applications in this run of the pass it was, from 1. */
  readonly rule?: string;
  readonly application?: number;
  readonly applications?: number;
  /** Where the rule is written, if it is one of the caller's. */
  readonly ruleSpan?: Span;
  /** The nodes of the kernel, if the code of one alone is wrong. */
  readonly kernel?: readonly string[];
  readonly finding: Finding;
  /** The sample that shows it; absent for a failure. */
  readonly sample?: string;
  /** The nodes that were replaced, or the first that departs, by name, and the places that they come from. */
  readonly nodes: readonly string[];
  readonly spans: readonly Span[];
  readonly reduced: Reduced;
}

/** A small case that shows a fault. */
export interface Reduced {
  readonly module: Module;
  readonly inputs: ReadonlyMap<string, Tensor>;
  /** Ops of the case, and of the net. */
  readonly ops: number;
  readonly from: number;
  readonly finding: Finding;
  /** Its graph, and for a pass the graph after it. */
  readonly before: string;
  readonly after?: string;
  /** The passes that must run alone to show it again; absent if all passes show it too. */
  readonly passes?: readonly string[];
  /** Whether random values show it too, so that `inputs` need not be given. */
  readonly isRandom: boolean;
  /** Whether the time ended before every smaller case was tried. */
  readonly isUnfinished: boolean;
}

/**
 * Runs the passes and interprets the graph before and after them; if no pass changes the results, runs the code of the target too. Diagnostics
 * are errors in the options; a fault is a value. Throws what a machine without the means throws, such as a missing GPU.
 */
export async function bisect(module: Module, options: BisectOptions = {}): Promise<Result<Bisection>> {
  expectModule("bisect", module);
  expectOptions("bisect", options, bisectKinds);
  return bisectWith(module, options, codeRunner(codeSettings(options)));
}

/** `bisect` with another way to run code, for tests of code that is wrong. */
export async function bisectWith(
  module: Module,
  options: BisectOptions,
  run: RunCode,
): Promise<Result<Bisection>> {
  const { mostDrift = 1, onStep, seconds = 60 } = options;
  const samples = samplesFor(module, options);
  const settings = passSettings(options);
  const search = findInPasses(module, samples, settings, { mostDrift, ...given({ onStep }) });
  const { diagnostics, changed, drifted, optimized } = search;
  const found = { samples: samples.map(({ name }) => name), changed, drifted };
  const from = computedNodes(module.graph).length;
  const end = (): number => performance.now() + 1000 * seconds;
  if (search.fault) {
    const fault = await faultOfPass(search.fault, options, { from, end: end() });
    return { value: { ...found, fault }, diagnostics };
  }
  if (!optimized) return { diagnostics };
  const code = codeSettings(options);
  const wrong = await findInCode(optimized, samples, codeSuspect(run, code), run, onStep);
  if (!wrong) return { value: found, diagnostics };
  const suspect = codeSuspect(run, code, wrong.finding.kind);
  const fault = await faultOfCode(wrong, suspect, options, { from, end: end() });
  return { value: { ...found, fault }, diagnostics };
}

interface Bounds {
  /** Ops of the net. */
  readonly from: number;
  /** The time at which reducing ends. */
  readonly end: number;
}

async function faultOfPass(found: PassFault, options: BisectOptions, bounds: Bounds): Promise<Fault> {
  const { suspect: about, finding, sample, before, applied, undoneBy } = found;
  const suspect = passSuspect(passSettings(options), about);
  const inputs = sample?.inputs ?? new Map<string, Tensor>();
  const start: Case = { module: before, inputs };
  const after = finding.kind === "values" ? suspect.after?.(before) : undefined;
  const departing = after && firstDeparting(start, after);
  const ids = applied?.rule.covered ?? (departing === undefined ? [] : [departing]);
  const reduced = await smallest(start, departing, suspect, finding, options, bounds);
  const isShownByAll = (): boolean => {
    const whole = findInPasses(
      reduced.module,
      [{ name: "", inputs: reduced.inputs }],
      passSettings(options),
      {
        mostDrift: options.mostDrift ?? 1,
      },
    );
    return whole.fault?.suspect.pass === about.pass;
  };
  const places = placesOf(before, ids);
  const graphAfter = finding.kind === "values" ? suspect.after?.(reduced.module) : undefined;
  return {
    in: "pass",
    pass: about.pass,
    ...given({ undoneBy }),
    ...(applied && { rule: applied.rule.rule, application: applied.at + 1, applications: applied.of }),
    ...given({ ruleSpan: options.rules?.find(({ name }) => name === applied?.rule.rule)?.span }),
    finding,
    ...given({ sample: sample?.name }),
    // Without a place, the reduced case is the place.
    ...(places.nodes.length > 0 ? places : placesOf(reduced.module, idsOf(reduced.module))),
    reduced: {
      ...reduced,
      ...(graphAfter && { after: printGraph(graphAfter) }),
      ...(!isShownByAll() && { passes: [about.pass] }),
    },
  };
}

async function faultOfCode(
  { finding, sample, kernel, part }: CodeFault,
  suspect: Suspect,
  options: BisectOptions,
  bounds: Bounds,
): Promise<Fault> {
  const reduced = await smallest(part, undefined, suspect, finding, options, bounds);
  const places = kernel ? part.module : reduced.module;
  return {
    in: "code",
    ...given({ kernel }),
    finding,
    sample: sample.name,
    ...placesOf(places, idsOf(places)),
    reduced,
  };
}

/** The smallest case that shows a finding of the same kind; `departing` is the first value that departs. */
async function smallest(
  start: Case,
  departing: NodeId | undefined,
  suspect: Suspect,
  finding: Finding,
  options: BisectOptions,
  { from, end }: Bounds,
): Promise<Reduced> {
  const { onStep } = options;
  const find = async (of: Case): Promise<Finding | undefined> => {
    const own = await suspect.find(of);
    return own && isAlike(own, finding) ? own : undefined;
  };
  const shows = async (of: Case): Promise<boolean> => (await find(of)) !== undefined;
  const isOver = (): boolean => performance.now() > end;
  onStep?.("reducing");
  const part = departing === undefined ? undefined : await partAround(start, departing, shows);
  const small = await reduce(part ?? start, {
    shows,
    withValues: finding.kind === "values",
    isOver,
    onTry: (ops) => onStep?.(`reducing, ${ops} ${ops === 1 ? "op" : "ops"} left`),
  });
  const random = await withRandomInputs(small, shows, options);
  const of = random ?? small;
  return {
    ...of,
    ops: computedNodes(of.module.graph).length,
    from,
    finding: (await find(of)) ?? finding,
    before: printGraph(of.module),
    isRandom: random !== undefined || finding.kind === "crash",
    isUnfinished: isOver(),
  };
}

/**
 * Whether two findings are of one fault: both are departures of numbers or both of infinities or NaN, both that a pass fails, or both that the
 * graph after it is not sound.
 */
function isAlike(a: Finding, b: Finding): boolean {
  if (a.kind === "values" || b.kind === "values")
    return a.kind === "values" && b.kind === "values" && isFinite(a) === isFinite(b);
  return isUnsound(a.message) === isUnsound(b.message);
}

function isFinite({ departure }: Extract<Finding, { kind: "values" }>): boolean {
  return Number.isFinite(departure.actual - departure.expected);
}

function isUnsound(message: string): boolean {
  return message.startsWith("after pass ");
}

/** The case with the values that `bisect` itself draws, if they show the fault too. */
async function withRandomInputs(
  { module }: Case,
  shows: (of: Case) => Promise<boolean>,
  { seed }: BisectOptions,
): Promise<Case | undefined> {
  for (const { inputs } of samplesFor(module, given({ seed })))
    if (await shows({ module, inputs })) return { module, inputs };
  return undefined;
}

/** The given samples, or one of each kind of random values. */
function samplesFor(
  module: Module,
  { samples, seed = 1 }: Pick<BisectOptions, "samples" | "seed">,
): Sample[] {
  const shapes = new Map([...module.graph.nodes.values()].map(({ name, type }) => [name, type.shape]));
  if (samples && samples.length > 0)
    return samples.map((values, at) => ({
      name: samples.length === 1 ? "given" : `given ${at + 1}`,
      inputs: new Map(
        Object.entries(values).map(([name, data]) => [
          name,
          { shape: shapes.get(name) ?? [data.length], data: Float64Array.from(data) },
        ]),
      ),
    }));
  const random = seededRandom(seed);
  return kindsFor(module).map((kind: Distribution) => ({
    name: kind,
    inputs: drawInputs(module, kind, random),
  }));
}

function idsOf({ graph }: Module): NodeId[] {
  return computedNodes(graph).map(({ id }) => id);
}

function placesOf({ graph }: Module, ids: readonly NodeId[]): Pick<Fault, "nodes" | "spans"> {
  const nodes = ids.map((id) => graph.nodes.get(id)).filter((node) => node !== undefined);
  return { nodes: nodes.map(({ name }) => name), spans: uniteSpans(nodes.map(({ origin }) => origin.spans)) };
}

function passSettings(options: BisectOptions): OptimizeOptions {
  const { limits: _, adapter: __, f16: ___, load: ____, samples: _____, ...rest } = options;
  const { seed: ______, mostDrift: _______, seconds: ________, onStep: _________, ...settings } = rest;
  const { target } = targetOf(options.target, codeSettings(options));
  return { ...settings, target };
}

function codeSettings({ target, limits, adapter, f16, load }: BisectOptions): CodeSettings {
  return given({ target, limits, adapter, f16, load });
}

function withoutCallbacks(): Omit<
  typeof optimizeKinds,
  "verify" | "printAfter" | "onPrint" | "onStart" | "onPass" | "onTime"
> {
  const {
    verify: _,
    printAfter: __,
    onPrint: ___,
    onStart: ____,
    onPass: _____,
    onTime: ______,
    ...kinds
  } = optimizeKinds;
  return kinds;
}
