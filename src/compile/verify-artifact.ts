// Verifying: an emitted module against the reference interpreter on inputs from several distributions.

import { expectModule, expectOptions } from "#diagnostic/argument.js";
import type { Artifact } from "#backend/artifact.js";
import { bug } from "#diagnostic/diagnostic.js";
import {
  firstDifference,
  halfKernels,
  interpretScaled,
  longestReduction,
  tolerance,
} from "#interpret/tolerance.js";
import type { Graph } from "#ir/graph.js";
import { inputNodes } from "#ir/graph.js";
import type { Tensor } from "#ir/tensor.js";
import { elements } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import type { Distribution } from "#ops/distributions.js";
import { drawValues } from "#ops/distributions.js";
import type { Random } from "#ops/random.js";
import { seededRandom } from "#ops/random.js";
import type { LoadOptions, Net } from "#runtime/types.js";
import { load } from "./load.js";

/** How one output compares, with those inputs for which it is nearest to its tolerance or beyond it. */
export interface Comparison {
  readonly output: string;
  /** With all inputs. */
  readonly agrees: boolean;
  /** What inputs the figures below are of. */
  readonly inputs: Distribution;
  /** Largest |a − b|; NaN if NaN or ∞ stands on one side alone. */
  readonly largestDifference: number;
  /** The stated tolerance for this output; see `tolerance`. */
  readonly allowed: number;
}

export interface VerifyOptions {
  /** Seed of the random inputs; 1 by default. */
  readonly seed?: number;
  /** What is drawn as input: a sample of each kind. `verifiedKinds` by default. */
  readonly kinds?: readonly Distribution[];
  /** Hears what is being done, and which part of it is done where that is known, from 0 to 1. */
  readonly onStep?: (step: string, part?: number) => void;
}

/**
 * What nets are verified with: values as they are trained to see, sums that grow, roundings that all go one way, and values that large
 * and small enough to show what overflows or vanishes.
 */
export const verifiedKinds: readonly Distribution[] = ["normal", "far", "constant", "large", "tiny"];

/** Loads the artifact over memory full of NaN, and compares it as `verifyNet` does. */
export async function verifyArtifact(
  artifact: Artifact,
  reference: Module,
  options: VerifyOptions & { readonly load?: LoadOptions } = {},
): Promise<Comparison[]> {
  expectModule("verifyArtifact", reference);
  expectOptions("verifyArtifact", options);
  return verifyNet(await load(artifact, { poison: true, ...options.load }), reference, options);
}

/**
 * Runs a net and the interpreter on samples from several distributions, each compared on its own, and disposes of the net. One with an
 * open batch gets all of them in one run; the interpreter takes them one by one.
 */
export async function verifyNet(
  net: Net,
  reference: Module,
  { seed = 1, kinds = verifiedKinds, onStep }: VerifyOptions = {},
): Promise<Comparison[]> {
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
  const longest = longestReduction(reference);
  const compared = samples.map(({ kind, inputs }, at) => {
    const expected = interpretScaled(reference, inputs, () => {
      visited += 1;
      onStep?.("interpreting", visited / (samples.length * graph.nodes.size));
    });
    return graph.outputs.map(({ name }): Comparison => {
      const values = actual[at]?.[name] ?? bug(`the module has no output ${name}`);
      const { value, scale } = expected.get(name) ?? bug(`the interpreter has no output ${name}`);
      const halves = kernels > 0 ? { kernels, scale } : undefined;
      return {
        output: name,
        agrees: firstDifference(values, value.data, longest, value.data, halves) < 0,
        inputs: kind,
        largestDifference: largestDifference(values, value.data),
        allowed: tolerance(longest, value.data, halves),
      };
    });
  });
  return graph.outputs.map((_, output) =>
    compared.map((all) => all[output] ?? bug("an output was not compared")).reduce(further),
  );
}

/** Of two comparisons of an output the one that is further off, by its own tolerance. */
function further(a: Comparison, b: Comparison): Comparison {
  if (a.agrees !== b.agrees) return a.agrees ? b : a;
  return b.largestDifference * a.allowed > a.largestDifference * b.allowed ? b : a;
}

/** One sample of all inputs. */
function drawInputs({ graph }: Module, kind: Distribution, random: Random): Map<string, Tensor> {
  return new Map(
    inputNodes(graph).map(({ name, type: { shape } }) => {
      const data = drawValues(random, kind, elements(shape));
      return [name, { shape, data: Float64Array.from(data) }];
    }),
  );
}

/** The outputs of some samples, from one run; what is given once for all is that of each. */
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

function largestDifference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let largest = 0;
  for (let index = 0; index < expected.length; index += 1) {
    const a = actual[index] ?? Number.NaN;
    const b = expected[index] ?? Number.NaN;
    // NaN on both sides, or the same infinity.
    if (!Object.is(a, b)) largest = Math.max(largest, Math.abs(a - b));
  }
  return largest;
}
