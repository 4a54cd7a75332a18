// Verifying: an emitted module against the reference interpreter on random inputs.

import { expectModule, expectOptions } from "#diagnostic/argument.js";
import { greatest } from "#diagnostic/extremes.js";
import type { Artifact } from "#backend/artifact.js";
import { bug } from "#diagnostic/diagnostic.js";
import {
  firstDifference,
  halfKernels,
  interpretScaled,
  longestReduction,
  tolerance,
} from "#interpret/tolerance.js";
import { inputNodes } from "#ir/graph.js";
import type { Tensor } from "#ir/tensor.js";
import { tensor } from "#ir/tensor.js";
import { elements } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { seededRandom } from "#ops/random.js";
import type { LoadOptions, Net } from "#runtime/types.js";
import { load } from "./load.js";

/** How one output compares. */
export interface Comparison {
  readonly output: string;
  readonly agrees: boolean;
  /** Largest |a − b|; NaN if NaN or ∞ stands on one side alone. */
  readonly largestDifference: number;
  /** The stated tolerance for this output; see `tolerance`. */
  readonly allowed: number;
}

export interface VerifyOptions {
  /** Seed of the random inputs; 1 by default. */
  readonly seed?: number;
  /** Hears what is being done, and which part of it is done where that is known, from 0 to 1. */
  readonly onStep?: (step: string, part?: number) => void;
}

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
 * Runs a net and the interpreter on the same standard normal inputs, and disposes of the net. One with an open batch gets three
 * samples, which the interpreter takes one by one.
 */
export async function verifyNet(
  net: Net,
  reference: Module,
  { seed = 1, onStep }: VerifyOptions = {},
): Promise<Comparison[]> {
  const { graph } = reference;
  const random = seededRandom(seed);
  const samples = graph.batch === undefined ? 1 : 3;
  // Not assigned one by one, since an input may be called `__proto__`.
  const inputs = Object.fromEntries(
    inputNodes(graph).map(({ name, type }) => [
      name,
      Float32Array.from({ length: samples * elements(type.shape) }, () => random.normal()),
    ]),
  );
  onStep?.("running the module");
  const actual = await net.run(inputs);
  net.dispose();

  let visited = 0;
  const expected = Array.from({ length: samples }, (_, k) =>
    interpretScaled(reference, sampleOf(reference, inputs, k), () => {
      visited += 1;
      onStep?.("interpreting", visited / (samples * graph.nodes.size));
    }),
  );
  const longest = longestReduction(reference);
  const kernels = halfKernels(net);
  return graph.outputs.map(({ name, once }) => {
    const values = actual[name] ?? bug(`the module has no output ${name}`);
    const results = (once ? expected.slice(0, 1) : expected).map(
      (outputs) => outputs.get(name) ?? bug(`the interpreter has no output ${name}`),
    );
    const wanted = Float64Array.from(results.flatMap(({ value }) => [...value.data]));
    const scale = greatest(results.map((result) => result.scale));
    const halves = kernels > 0 ? { kernels, scale } : undefined;
    return {
      output: name,
      agrees: firstDifference(values, wanted, longest, wanted, halves) < 0,
      largestDifference: largestDifference(values, wanted),
      allowed: tolerance(longest, wanted, halves),
    };
  });
}

function sampleOf(
  { graph }: Module,
  inputs: Readonly<Record<string, Float32Array>>,
  sample: number,
): Map<string, Tensor> {
  return new Map(
    inputNodes(graph).map(({ name, type: { shape } }) => {
      const start = sample * elements(shape);
      return [name, tensor(shape, (index) => inputs[name]?.[start + index] ?? Number.NaN)];
    }),
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
