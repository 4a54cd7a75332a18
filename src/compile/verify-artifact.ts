// Verifies an emitted module against the reference interpreter, on inputs from several distributions.

import { expectModule } from "#diagnostic/argument.js";
import type { OptionKinds } from "#diagnostic/options.js";
import { aFunction, anObject, aNumber, expectOptions, listOf, oneOf } from "#diagnostic/options.js";
import type { Artifact } from "#backend/artifact.js";
import { bug } from "#diagnostic/diagnostic.js";
import { interpret } from "#interpret/interpret.js";
import { interpretErrors } from "#interpret/errors.js";
import type { Nearest } from "#interpret/tolerance.js";
import {
  halfKernels,
  interpretScaled,
  longestReduction,
  nearestToTolerance,
  tolerance,
} from "#interpret/tolerance.js";
import { totalCost } from "#inspect/cost.js";
import type { Graph } from "#ir/graph.js";
import { inputNodes } from "#ir/graph.js";
import type { Tensor } from "#ir/tensor.js";
import { elements, isInteger } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import type { Distribution } from "#ops/distributions.js";
import { distributionNames, drawIntegers, drawValues } from "#ops/distributions.js";
import type { Random } from "#ops/random.js";
import { seededRandom } from "#ops/random.js";
import type { LoadOptions, Net } from "#runtime/types.js";
import { isRounding } from "./approximations.js";
import type { Drift, Drifting } from "./drift.js";
import { driftOf } from "./drift.js";
import { load } from "./load.js";
import type { Optimized } from "./optimize.js";

/** The comparison of one output, for the inputs for which its error is greatest relative to its tolerance. */
export interface Comparison {
  readonly output: string;
  /** Whether the module agrees with the graph that it was made from, and that graph with the model as written, for all inputs. */
  readonly agrees: boolean;
  /** The kind of inputs to which the figures below belong. */
  readonly inputs: Distribution;
  /** |a − b| of the element whose error is greatest relative to its tolerance; NaN if only one side is NaN or ∞. */
  readonly largestDifference: number;
  /** The tolerance for that element: the stated `tolerance`, or its error by `interpretErrors` where that is more, because terms cancel. */
  readonly allowed: number;
  /**
   * Present if the optimized graph approximates. Then the figures above compare the module with that graph and show the error of the code;
   * these figures compare that graph with the model as written.
   */
  readonly drift?: Drift;
}

/** What `verifyArtifact` takes. */
export interface VerifyOptions {
  /** The seed of the random inputs; 1 by default. */
  readonly seed?: number;
  /** The kinds of inputs; one sample of each is drawn. By default those that `kindsFor` chooses for the reference. */
  readonly kinds?: readonly Distribution[];
  /** The result of `optimize`, if it was asked to approximate; drift is then reported apart from the error of the code. */
  readonly optimized?: Pick<Optimized, "module" | "approximations">;
  /**
   * The most that approximations may change an output, relative to its greatest |value|. By default as much as rounding the weights explains,
   * if that is the only approximation, and else 1, that is, as much as that value.
   */
  readonly mostDrift?: number;
  /** Called with the current step, and with the fraction of it that is done, from 0 to 1, if that is known. */
  readonly onStep?: (step: string, part?: number) => void;
}

const someKinds = listOf("one or more of `distributionNames`", oneOf(distributionNames));

const verifyKinds: OptionKinds<VerifyOptions> = {
  seed: aNumber,
  kinds: { ...someKinds, holds: (value) => someKinds.holds(value) && (value as unknown[]).length > 0 },
  optimized: anObject("what `optimize` gave", "module", "approximations"),
  mostDrift: { takes: "a number from 0 up", holds: (value) => typeof value === "number" && value >= 0 },
  onStep: aFunction,
};

/**
 * The kinds of inputs that nets are verified with; those that find most errors come first. They are values as networks are trained to see,
 * sums that grow, values so large or small that they show overflow and underflow, and roundings that all go one way.
 */
export const verifiedKinds: readonly Distribution[] = ["normal", "far", "large", "tiny", "constant"];

/** The most MACs that are interpreted, half a minute of work. Two samples are always interpreted. */
const mostMacs = 2e10;

/** The first of `verifiedKinds`, as many as can be interpreted in reasonable time. */
export function kindsFor(module: Module): readonly Distribution[] {
  const { macs } = totalCost(module);
  return verifiedKinds.slice(0, Math.max(2, Math.floor(mostMacs / Math.max(1, macs))));
}

/**
 * Loads the artifact into memory full of NaN, and compares it as `verifyNet` does. `reference` is the model as written, from `elaborate` or
 * an importer, not the result of `optimize`.
 */
export async function verifyArtifact(
  artifact: Artifact,
  reference: Module,
  options: VerifyOptions & { readonly load?: LoadOptions } = {},
): Promise<Comparison[]> {
  expectModule("verifyArtifact", reference);
  expectOptions("verifyArtifact", options, {
    ...verifyKinds,
    load: anObject("an object with options of `load`"),
  });
  return verifyNet(await load(artifact, { poison: true, ...options.load }), reference, options);
}

/**
 * Runs a net and the interpreter on samples from several distributions, compares each separately, and disposes of the net. A net with an
 * open batch gets all samples in one run; the interpreter takes them one by one. Throws `RangeError` if `mostDrift` is not a number from 0
 * up.
 */
export async function verifyNet(
  net: Net,
  reference: Module,
  { seed = 1, kinds = kindsFor(reference), onStep, optimized, mostDrift }: VerifyOptions = {},
): Promise<Comparison[]> {
  if (mostDrift !== undefined && !(mostDrift >= 0))
    throw new RangeError(`mostDrift must be a number from 0 up, not ${mostDrift}`);
  const approximations = optimized?.approximations ?? [];
  const explains = mostDrift === undefined && approximations.every(isRounding);
  const exact = optimized && approximations.length > 0 ? optimized.module : reference;
  const { graph } = reference;
  const random = seededRandom(seed);
  const samples = kinds.map((kind) => ({ kind, inputs: drawInputs(reference, kind, random) }));
  onStep?.("running the module");
  const batches = graph.batch === undefined ? samples.map((sample) => [sample]) : [samples];
  const actual: Record<string, Float32Array>[] = [];
  for (const batch of batches)
    for (const outputs of await runSamples(net, graph, batch)) actual.push(outputs);
  const kernels = halfKernels(net);
  net.dispose();

  let visited = 0;
  const longest = longestReduction(exact);
  const steps = samples.length * (exact.graph.nodes.size + (exact === reference ? 0 : graph.nodes.size));
  const step = (): void => {
    visited += 1;
    onStep?.("interpreting", visited / steps);
  };
  const drifting: Drifting[] = [];
  const compared = samples.map(({ kind, inputs }, at) => {
    const expected = interpretScaled(exact, inputs, step);
    let errors: ReturnType<typeof interpretErrors> | undefined;
    if (exact !== reference)
      drifting.push({
        inputs: kind,
        approximated: expected,
        written: interpret(reference, inputs, step),
        ...(explains && { rounded: interpretErrors(exact, inputs, { ofWeights: true }) }),
      });
    return graph.outputs.map(({ name }): Comparison => {
      const values = actual[at]?.[name] ?? bug(`the module has no output ${name}`);
      const { value, scale } = expected.get(name) ?? bug(`the interpreter has no output ${name}`);
      const halves = kernels > 0 ? { kernels, scale } : undefined;
      const allowed = tolerance(longest, value.data, halves);
      const figuresOf = ({ agrees, largestDifference, allowed: most }: Nearest): Comparison => ({
        output: name,
        inputs: kind,
        agrees,
        largestDifference,
        allowed: most,
      });
      const nearest = nearestToTolerance(values, value.data, allowed);
      if (nearest.agrees) return figuresOf(nearest);
      // Where terms cancel, the error is large relative to the result. It is computed only if it is needed.
      errors ??= interpretErrors(exact, inputs);
      const own = errors.get(name)?.errors ?? bug(`the interpreter has no errors of ${name}`);
      return figuresOf(nearestToTolerance(values, value.data, allowed, own));
    });
  });
  return graph.outputs.map(({ name }, output) => {
    const all = compared.map((outputs) => outputs[output] ?? bug("an output was not compared"));
    const code = all.reduce(further);
    const drift = driftOf(name, drifting, approximations, mostDrift);
    return drift ? { ...code, agrees: code.agrees && drift.agrees, drift } : code;
  });
}

/** Of two comparisons of an output, the one with the greater error relative to its tolerance. */
function further(a: Comparison, b: Comparison): Comparison {
  if (a.agrees !== b.agrees) return a.agrees ? b : a;
  return b.largestDifference * a.allowed > a.largestDifference * b.allowed ? b : a;
}

/** One sample of all inputs. */
export function drawInputs({ graph }: Module, kind: Distribution, random: Random): Map<string, Tensor> {
  return new Map(
    inputNodes(graph).map(({ name, type: { dtype, shape } }) => {
      const count = elements(shape);
      const data = isInteger(dtype) ? drawIntegers(random, dtype, count) : drawValues(random, kind, count);
      return [name, { shape, data: Float64Array.from(data) }];
    }),
  );
}

/** The outputs of some samples, from one run. An output that does not depend on the batch is the output of each sample. */
async function runSamples(
  net: Net,
  graph: Graph,
  samples: readonly { readonly inputs: ReadonlyMap<string, Tensor> }[],
): Promise<Record<string, Float32Array>[]> {
  const names = [...(samples[0]?.inputs.keys() ?? [])];
  const joined = names.map((name) => {
    const parts = samples.map(({ inputs }) => inputs.get(name)?.data ?? new Float64Array());
    const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
    for (const [at, part] of parts.entries()) all.set(part, at * part.length);
    return [name, all] as const;
  });
  const outputs = await net.run(Object.fromEntries(joined));
  return samples.map((_, at) =>
    Object.fromEntries(
      graph.outputs.map(({ name, once }) => {
        const all = outputs[name] ?? bug(`the module has no output ${name}`);
        const length = all.length / samples.length;
        return [name, once ? all : all.subarray(at * length, (at + 1) * length)];
      }),
    ),
  );
}
