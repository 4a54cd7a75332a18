// Predicts what changed convolutions lose in the outputs, all of them in one pass, from the gradients of the outputs.

import type { ConvolutionShape } from "#calibrate/patches.js";
import { convolutionShape, patchRows, positionCount, responseRows } from "#calibrate/patches.js";
import type { Matrix, Products, Sums } from "#calibrate/algebra/products.js";
import type { Samples } from "#calibrate/samples.js";
import type { Walk } from "#calibrate/walk.js";
import type { Result } from "#diagnostic/diagnostic.js";
import { bug } from "#diagnostic/diagnostic.js";
import type { OutputGradientOptions, SampleGradients } from "#gradient/output-gradients.js";
import { judgedValues } from "#gradient/judged.js";
import { outputGradients } from "#gradient/output-gradients.js";
import { metricSums } from "#gradient/output-metrics.js";
import type { NodeId } from "#ir/graph.js";
import { channels } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { kernelsOfGroups } from "./curves.js";
import { scaleOf } from "./layer/fit-layer.js";
import type { Replaceable, Substitute } from "./measure.js";

export interface PredictedLosses {
  /** For each convolution the loss of each of its substitutes. */
  readonly losses: readonly (readonly number[])[];
  /** As `outputMetrics` gives them, over the same samples. */
  readonly metrics: ReadonlyMap<NodeId, Sums>;
}

/**
 * What outputs are to be multiplied with, so that a squared difference is the part that it is of how much they vary over the samples, the mean over the outputs
 * (`outputLosses`).
 */
export async function outputWeights(
  module: Module,
  count: number,
  walk: Walk,
): Promise<Result<ReadonlyMap<NodeId, number>>> {
  const outputs = judgedValues(module.graph);
  const sums = new Map<NodeId, { readonly means: Float64Array; squares: number }>();
  const { value, diagnostics } = await walk.values(module, outputs, (values) => {
    for (const [id, data] of values) {
      const sum = sums.get(id) ?? { means: new Float64Array(data.length), squares: 0 };
      sums.set(id, sum);
      for (let at = 0; at < data.length; at += 1) {
        const one = data[at] ?? 0;
        sum.means[at] = (sum.means[at] ?? 0) + one / count;
        sum.squares += one ** 2 / count;
      }
    }
  });
  if (!value) return { diagnostics };
  const weights = outputs.map((id): [NodeId, number] => {
    const { means, squares } = sums.get(id) ?? bug("an output without values");
    const variance = squares - means.reduce((sum, one) => sum + one ** 2, 0);
    return [id, 1 / Math.sqrt(outputs.length * scaleOf(variance, squares))];
  });
  return { value: new Map(weights), diagnostics };
}

/** Rows that are multiplied at once: patches of a large picture do not fit into memory. */
const rowsAtOnce = 4096;

/**
 * The loss of a change δ of a layer's result is E‖J·δ‖² in first order, J what the outputs change with it; with outputs weighed at random that is E⟨g, δ⟩²,
 * g the gradient of the weighed outputs at the layer. Here δ = U·ΔW + Δb, U the patches, so ⟨g, δ⟩ = ⟨Uᵀ·g, ΔW⟩ + ⟨Σ g, Δb⟩: a product with the
 * gradient of the kernel, which is found once for all its substitutes. `options.weights` should make the outputs' variances 1 in all.
 */
export async function predictLosses(
  module: Module,
  layers: readonly Replaceable[],
  samples: Samples,
  products: Products,
  options: Omit<OutputGradientOptions, "values">,
): Promise<Result<PredictedLosses>> {
  const changes = layers.map((layer) => changesOf(module, layer));
  const nodes = layers.map(({ candidate }) => candidate.node.id);
  const metrics = metricSums(module.graph, nodes, products);
  const values = changes.map(({ input }) => input);
  const losses = layers.map(({ substitutes }) => substitutes.map(() => 0));
  const { value, diagnostics } = await outputGradients(
    module,
    nodes,
    samples,
    { ...options, values },
    async (sample) => {
      await metrics.add(sample);
      for (const [at, change] of changes.entries()) {
        const sums = losses[at] ?? bug("a layer without losses");
        for (const [which, moved] of (await movesOf(change, sample, products)).entries())
          sums[which] = (sums[which] ?? 0) + moved ** 2 / samples.count;
      }
    },
  );
  return value ? { value: { losses, metrics: metrics.finish() }, diagnostics } : { diagnostics };
}

interface Changes {
  readonly node: NodeId;
  readonly input: NodeId;
  readonly shape: ConvolutionShape;
  readonly substitutes: readonly Substitute[];
  /** The own kernel of each group, and the own bias unless that is computed: then the change of it is not known, and left out. */
  readonly kernels: readonly Matrix[];
  readonly bias: Float32Array | undefined;
}

function changesOf(module: Module, { candidate, substitutes }: Replaceable): Changes {
  const { node } = candidate;
  const [input = bug(`${node.name} has no input`), , bias] = node.inputs;
  const constant = module.graph.nodes.get(bias ?? -1);
  return {
    node: node.id,
    input,
    shape: convolutionShape(module.graph, node),
    substitutes,
    kernels: kernelsOfGroups(candidate, module),
    bias: constant?.op === "constant" ? module.weights.readF32(constant.attributes.weight) : undefined,
  };
}

/** ⟨g, δ⟩ of each substitute for one sample. */
async function movesOf(
  { node, input, shape, substitutes, kernels, bias }: Changes,
  { value, gradient }: SampleGradients,
  products: Products,
): Promise<number[]> {
  const [x, g] = [value(input), gradient(node)];
  const moves = substitutes.map(() => 0);
  const all = channels(shape.output);
  const own = all / kernels.length;
  const summed = new Float64Array(all);
  for (let at = 0; at < g.length; at += 1) summed[at % all] = (summed[at % all] ?? 0) + (g[at] ?? 0);
  for (const [which, one] of substitutes.entries())
    for (let o = 0; o < all; o += 1)
      moves[which] =
        (moves[which] ?? 0) + (summed[o] ?? 0) * ((one.bias[o] ?? 0) - (bias?.[o] ?? one.bias[o] ?? 0));
  const count = positionCount(shape);
  for (const [group, kernel] of kernels.entries()) {
    const sums = { ...kernel, data: new Float32Array(kernel.data.length) };
    for (let from = 0; from < count; from += rowsAtOnce) {
      const positions = Int32Array.from({ length: Math.min(rowsAtOnce, count - from) }, (_, at) => from + at);
      const [rows, columns] = [positions.length, kernel.rows];
      const u = { rows, columns, data: patchRows(x, shape, positions, { group }) };
      const y = { rows, columns: own, data: responseRows(g, shape, positions, { group }) };
      await products.addProduct(sums, u, y, { transposeA: true });
    }
    for (const [which, { kernel: changed }] of substitutes.entries()) {
      let sum = 0;
      for (let row = 0; row < kernel.rows; row += 1)
        for (let o = 0; o < own; o += 1) {
          const at = row * own + o;
          const there = changed[row * all + group * own + o] ?? 0;
          sum += (sums.data[at] ?? 0) * (there - (kernel.data[at] ?? 0));
        }
      moves[which] = (moves[which] ?? 0) + sum;
    }
  }
  return moves;
}
