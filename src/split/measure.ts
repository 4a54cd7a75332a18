// Measures how much a changed convolution changes the outputs.

import type { OnProgress } from "#calibrate/progress.js";
import type { Products } from "#calibrate/algebra/products.js";
import type { Samples } from "#calibrate/samples.js";
import { openProbes, runProbes } from "#calibrate/probes.js";
import { convolutionShape, patchRows, positionCount } from "#calibrate/patches.js";
import { bug } from "#diagnostic/diagnostic.js";
import type { Diagnostic, Result } from "#diagnostic/diagnostic.js";
import { comparedOutputs } from "#gradient/compared-values.js";
import type { NodeId } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import type { Module } from "#ir/weights.js";
import type { Candidate } from "#passes/split/candidates.js";
import { scaleOf } from "./layer/fit-layer.js";
import { reachOf } from "./surroundings.js";

/** Weights and a bias that replace those of a convolution. */
export interface Substitute {
  /** [kh, kw, ci / groups, co]. */
  readonly weights: Float32Array;
  /** [co]. */
  readonly bias: Float64Array;
}

/** A convolution, and substitutes for its weights. */
export interface Replaceable {
  readonly candidate: Candidate;
  readonly substitutes: readonly Substitute[];
}

/** Squared differences between expected and found outputs, relative to the variance of the outputs over the samples. */
export function outputLosses(count: number) {
  const outputs = new Map<
    NodeId,
    { readonly sums: Float64Array; squares: number; readonly lost: Float64Array; samples: number }
  >();
  return {
    /** Takes the expected value of an output for a sample. */
    expect(id: NodeId, values: Float32Array): void {
      const one = outputs.get(id) ?? {
        sums: new Float64Array(values.length),
        squares: 0,
        lost: new Float64Array(count),
        samples: 0,
      };
      outputs.set(id, one);
      one.samples += 1;
      for (let at = 0; at < values.length; at += 1) {
        const value = values[at] ?? 0;
        one.sums[at] = (one.sums[at] ?? 0) + value;
        one.squares += value ** 2;
      }
    },
    /** Takes the value of the output after change number `which`. */
    compare(id: NodeId, which: number, expected: Float32Array, found: Float32Array): void {
      const { lost } = outputs.get(id) ?? bug("an output is compared with nothing");
      let sum = 0;
      for (let at = 0; at < expected.length; at += 1) sum += ((expected[at] ?? 0) - (found[at] ?? 0)) ** 2;
      lost[which] = (lost[which] ?? 0) + sum;
    },
    /** For each change Σ‖z − ẑ‖² / Σ‖z − E[z]‖², the mean over the outputs; for an output that does not vary, relative to Σ‖z‖². */
    finish(): number[] {
      const all = new Array<number>(count).fill(0);
      for (const { sums, squares, lost, samples } of outputs.values()) {
        const variance = squares - sums.reduce((sum, value) => sum + value ** 2 / samples, 0);
        const scale = scaleOf(variance, squares);
        for (let which = 0; which < count; which += 1)
          all[which] = (all[which] ?? 0) + (lost[which] ?? 0) / scale / outputs.size;
      }
      return all;
    },
  };
}

/**
 * The loss in the outputs for each substitute alone: relative squared differences as in `outputLosses`. For each substitute, only the
 * part of the network after the convolution runs again.
 */
export async function measureSubstitutes(
  module: Module,
  { candidate, substitutes }: Replaceable,
  samples: Samples,
  products: Products,
  threads: number,
  onProgress?: OnProgress,
): Promise<Result<readonly number[]>> {
  const { graph } = module;
  const { node, groups } = candidate;
  const { outputs, otherInputs } = reachOf(graph, node.id);
  if (outputs.length === 0 || substitutes.length === 0)
    return { value: substitutes.map(() => 0), diagnostics: [] };
  const shape = convolutionShape(graph, node);
  const x = node.inputs[0] ?? bug(`${node.name} has no input`);
  const head = await openProbes(module, [x, ...otherInputs, ...outputs], { threads });
  const tail = await openProbes(module, outputs, { from: [node.id, ...otherInputs], threads });
  const close = (): void => {
    head.value?.dispose();
    tail.value?.dispose();
  };
  if (!head.value || !tail.value) {
    close();
    return { diagnostics: failures(head, tail) };
  }
  const [before, behind] = [head.value, tail.value];
  const losses = outputLosses(substitutes.length);
  const positions = Int32Array.from({ length: positionCount(shape) }, (_, at) => at);
  const all = candidate.shape[3] ?? 1;
  const own = all / groups;
  const matrices = Array.from({ length: groups }, (_, group) =>
    groupColumns(substitutes, group * own, own, all),
  );
  const result = new Float32Array(positions.length * all);
  await runProbes(
    [before],
    samples,
    async ([values]) => {
      const value = (id: NodeId): Float32Array => values?.get(id) ?? bug("a value was not probed");
      const rows = await Promise.all(
        matrices.map(async (matrix, group) => {
          const patches = patchRows(value(x), shape, positions, { group });
          const columns = matrix.rows;
          return products.multiply({ rows: positions.length, columns, data: patches }, matrix);
        }),
      );
      for (const id of outputs) losses.expect(id, value(id));
      for (const [which, { bias }] of substitutes.entries()) {
        for (let position = 0; position < positions.length; position += 1)
          for (const [group, { columns, data }] of rows.entries())
            for (let o = 0; o < own; o += 1) {
              const column = group * own + o;
              result[position * all + column] =
                (data[position * columns + which * own + o] ?? 0) + (bias[column] ?? 0);
            }
        const sample: Record<string, Float32Array> = { [node.name]: result };
        for (const id of otherInputs) sample[nodeOf(graph, id).name] = value(id);
        const found = await behind.run(sample);
        for (const id of outputs)
          losses.compare(id, which, value(id), found.get(id) ?? bug("an output was not computed"));
      }
    },
    onProgress,
  ).finally(close);
  // Outputs that do not depend on the layer lose nothing.
  const part = outputs.length / comparedOutputs(graph).length;
  return { value: losses.finish().map((loss) => part * loss), diagnostics: [] };
}

/** One matrix of the columns that a group has in the weights of all substitutes. */
function groupColumns(substitutes: readonly Substitute[], from: number, own: number, all: number) {
  const rows = (substitutes[0]?.weights.length ?? 0) / all;
  const columns = substitutes.length * own;
  const data = new Float32Array(rows * columns);
  for (const [which, { weights }] of substitutes.entries())
    for (let row = 0; row < rows; row += 1)
      data.set(weights.subarray(row * all + from, row * all + from + own), row * columns + which * own);
  return { rows, columns, data };
}

function failures(...results: readonly Result<unknown>[]): Diagnostic[] {
  return results.flatMap(({ value, diagnostics }) => (value === undefined ? diagnostics : []));
}
