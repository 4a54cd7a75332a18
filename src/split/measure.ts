// Measures what a changed convolution does to the outputs.

import type { OnProgress } from "#calibrate/progress.js";
import type { Products } from "#calibrate/algebra/products.js";
import type { Samples } from "#calibrate/samples.js";
import { openProbes, runProbes } from "#calibrate/probes.js";
import { convolutionShape, patchRows, positionCount } from "#calibrate/patches.js";
import { bug } from "#diagnostic/diagnostic.js";
import type { Diagnostic, Result } from "#diagnostic/diagnostic.js";
import { judgedValues } from "#gradient/judged.js";
import type { NodeId } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import type { Module } from "#ir/weights.js";
import type { Candidate } from "#passes/split/candidates.js";
import { scaleOf } from "./layer/fit-layer.js";
import { reachOf } from "./surroundings.js";

/** A kernel in the place of a convolution's own, with its bias. */
export interface Substitute {
  /** [kh, kw, ci / groups, co]. */
  readonly kernel: Float32Array;
  /** [co]. */
  readonly bias: Float64Array;
}

/** A convolution, and kernels that may be put in its place. */
export interface Replaceable {
  readonly candidate: Candidate;
  readonly substitutes: readonly Substitute[];
}

/** Squared differences of outputs from what they should be, beside how much those vary over the samples. */
export function outputLosses(count: number) {
  const outputs = new Map<
    NodeId,
    { readonly sums: Float64Array; squares: number; readonly lost: Float64Array; samples: number }
  >();
  return {
    /** Takes what an output is for a sample. */
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
    /** Takes what it becomes by change number `which`. */
    compare(id: NodeId, which: number, expected: Float32Array, found: Float32Array): void {
      const { lost } = outputs.get(id) ?? bug("an output is compared with nothing");
      let sum = 0;
      for (let at = 0; at < expected.length; at += 1) sum += ((expected[at] ?? 0) - (found[at] ?? 0)) ** 2;
      lost[which] = (lost[which] ?? 0) + sum;
    },
    /** For each change Σ‖z − ẑ‖² / Σ‖z − E[z]‖², the mean over the outputs; where nothing varies, over Σ‖z‖². */
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
 * For each substitute the loss in the outputs when it alone is changed: relative squared differences, as `outputLosses` has them. Only what
 * stands behind the convolution is computed again for each.
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
  const { outputs, beside } = reachOf(graph, node.id);
  if (outputs.length === 0 || substitutes.length === 0)
    return { value: substitutes.map(() => 0), diagnostics: [] };
  const shape = convolutionShape(graph, node);
  const x = node.inputs[0] ?? bug(`${node.name} has no input`);
  const head = await openProbes(module, [x, ...beside, ...outputs], { threads });
  const tail = await openProbes(module, outputs, { from: [node.id, ...beside], threads });
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
  const kernels = Array.from({ length: groups }, (_, group) =>
    sideBySide(substitutes, group * own, own, all),
  );
  const result = new Float32Array(positions.length * all);
  await runProbes(
    [before],
    samples,
    async ([values]) => {
      const value = (id: NodeId): Float32Array => values?.get(id) ?? bug("a value was not probed");
      const rows = await Promise.all(
        kernels.map(async (kernel, group) => {
          const patches = patchRows(value(x), shape, positions, { group });
          const columns = kernel.rows;
          return products.multiply({ rows: positions.length, columns, data: patches }, kernel);
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
        for (const id of beside) sample[nodeOf(graph, id).name] = value(id);
        const found = await behind.run(sample);
        for (const id of outputs)
          losses.compare(id, which, value(id), found.get(id) ?? bug("an output was not computed"));
      }
    },
    onProgress,
  ).finally(close);
  // Outputs that do not depend on the layer lose nothing.
  const part = outputs.length / judgedValues(graph).length;
  return { value: losses.finish().map((loss) => part * loss), diagnostics: [] };
}

/** The columns of a group of all kernels as one matrix. */
function sideBySide(substitutes: readonly Substitute[], from: number, own: number, all: number) {
  const rows = (substitutes[0]?.kernel.length ?? 0) / all;
  const columns = substitutes.length * own;
  const data = new Float32Array(rows * columns);
  for (const [which, { kernel }] of substitutes.entries())
    for (let row = 0; row < rows; row += 1)
      data.set(kernel.subarray(row * all + from, row * all + from + own), row * columns + which * own);
  return { rows, columns, data };
}

function failures(...results: readonly Result<unknown>[]): Diagnostic[] {
  return results.flatMap(({ value, diagnostics }) => (value === undefined ? diagnostics : []));
}
