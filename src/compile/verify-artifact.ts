// Verifying: an emitted module against the reference interpreter on random inputs.

import type { Artifact } from "#backend/artifact.js";
import { interpret } from "#interpret/interpret.js";
import { firstDifference, longestReduction, tolerance } from "#interpret/tolerance.js";
import { inputNodes } from "#ir/graph.js";
import { elements } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { seededRandom } from "#ops/random.js";
import { load } from "./load.js";

/** How one output compares. */
export interface Comparison {
  readonly output: string;
  readonly agrees: boolean;
  readonly largestDifference: number;
  /** The stated tolerance for this output; see `tolerance`. */
  readonly allowed: number;
}

/** Runs the artifact and the interpreter on the same standard normal inputs, over memory full of NaN. */
export async function verifyArtifact(artifact: Artifact, reference: Module, seed = 1): Promise<Comparison[]> {
  const random = seededRandom(seed);
  const inputs: Record<string, Float32Array> = {};
  for (const node of inputNodes(reference.graph)) {
    inputs[node.name] = Float32Array.from({ length: elements(node.type.shape) }, () => random.normal());
  }
  const tensors = new Map(
    Object.entries(inputs).map(([name, data]) => [
      name,
      { shape: [data.length], data: Float64Array.from(data) },
    ]),
  );
  const expected = interpret(reference, tensors);
  const net = await load(artifact, { poison: true });
  const actual = await net.run(inputs);
  net.dispose();
  const longest = longestReduction(reference);
  return [...expected].map(([output, { data }]) => {
    const values = actual[output] ?? new Float32Array();
    return {
      output,
      agrees: firstDifference(values, data, longest) < 0,
      largestDifference: data.reduce(
        (most, value, index) => Math.max(most, Math.abs(value - (values[index] ?? Number.NaN))),
        0,
      ),
      allowed: tolerance(longest, data),
    };
  });
}
