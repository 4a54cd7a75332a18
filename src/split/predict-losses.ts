// Predicts what changed convolutions lose in the outputs, for all of them in one pass, from the gradients of the outputs.

import type { ConvolutionShape } from "#calibrate/patches.js";
import { convolutionShape, patchRows, positionCount, responseRows } from "#calibrate/patches.js";
import type { Matrix, Products, Sums } from "#calibrate/algebra/products.js";
import type { Samples } from "#calibrate/samples.js";
import type { Walk } from "#calibrate/walk.js";
import type { Result } from "#diagnostic/diagnostic.js";
import { bug } from "#diagnostic/diagnostic.js";
import type { OutputGradientOptions, SampleGradients } from "#gradient/output-gradients.js";
import { comparedOutputs } from "#gradient/compared-values.js";
import { outputGradients } from "#gradient/output-gradients.js";
import { metricSums } from "#gradient/output-metrics.js";
import type { NodeId } from "#ir/graph.js";
import { channels } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { weightsOfGroups } from "./curves.js";
import { scaleOf } from "./layer/fit-layer.js";
import type { Replaceable, Substitute } from "./measure.js";

export interface PredictedLosses {
  /** The losses of the substitutes of each convolution. */
  readonly losses: readonly (readonly number[])[];
  /** The result of `outputMetrics` over the same samples. */
  readonly metrics: ReadonlyMap<NodeId, Sums>;
}

/**
 * The factors for outputs that make a squared difference relative to their variance over the samples, as the mean over the outputs
 * (`outputLosses`).
 */
export async function outputWeights(
  module: Module,
  count: number,
  walk: Walk,
): Promise<Result<ReadonlyMap<NodeId, number>>> {
  const outputs = comparedOutputs(module.graph);
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

/** The most rows to multiply at once, because the patches of a large image do not fit into memory. */
const rowsAtOnce = 4096;

/**
 * To first order, the loss of a change δ of a layer's result is E‖J·δ‖², where J is the Jacobian of the outputs. With outputs weighted at
 * random, this is E⟨g, δ⟩², where g is the gradient of the weighted outputs at the layer. Here δ = U·ΔW + Δb with patches U, so
 * ⟨g, δ⟩ = ⟨Uᵀ·g, ΔW⟩ + ⟨Σ g, Δb⟩: a product with the gradient of the weights, which is computed once for all substitutes.
 * `options.weights` should make the variances of the outputs sum to 1.
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
  /** The weights of each group; and the bias, unless the net computes it: then its change is not known and is left out. */
  readonly groupWeights: readonly Matrix[];
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
    groupWeights: weightsOfGroups(candidate, module),
    bias: constant?.op === "constant" ? module.weights.readF32(constant.attributes.weight) : undefined,
  };
}

/** ⟨g, δ⟩ of each substitute for one sample. */
async function movesOf(
  { node, input, shape, substitutes, groupWeights, bias }: Changes,
  { value, gradient }: SampleGradients,
  products: Products,
): Promise<number[]> {
  const [x, g] = [value(input), gradient(node)];
  const moves = substitutes.map(() => 0);
  const all = channels(shape.output);
  const own = all / groupWeights.length;
  const summed = new Float64Array(all);
  for (let at = 0; at < g.length; at += 1) summed[at % all] = (summed[at % all] ?? 0) + (g[at] ?? 0);
  for (const [which, one] of substitutes.entries())
    for (let o = 0; o < all; o += 1)
      moves[which] =
        (moves[which] ?? 0) + (summed[o] ?? 0) * ((one.bias[o] ?? 0) - (bias?.[o] ?? one.bias[o] ?? 0));
  const count = positionCount(shape);
  for (const [group, weights] of groupWeights.entries()) {
    const sums = { ...weights, data: new Float32Array(weights.data.length) };
    for (let from = 0; from < count; from += rowsAtOnce) {
      const positions = Int32Array.from({ length: Math.min(rowsAtOnce, count - from) }, (_, at) => from + at);
      const [rows, columns] = [positions.length, weights.rows];
      const u = { rows, columns, data: patchRows(x, shape, positions, { group }) };
      const y = { rows, columns: own, data: responseRows(g, shape, positions, { group }) };
      await products.addProduct(sums, u, y, { transposeA: true });
    }
    for (const [which, { weights: changed }] of substitutes.entries()) {
      let sum = 0;
      for (let row = 0; row < weights.rows; row += 1)
        for (let o = 0; o < own; o += 1) {
          const at = row * own + o;
          const there = changed[row * all + group * own + o] ?? 0;
          sum += (sums.data[at] ?? 0) * (there - (weights.data[at] ?? 0));
        }
      moves[which] = (moves[which] ?? 0) + sum;
    }
  }
  return moves;
}
