// Which template makes a group: by the ops of its stages.

import { bug } from "#diagnostic/diagnostic.js";
import type { Node, NodeOf, OpName } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import type { TensorType } from "#ir/type.js";
import { channels, elements } from "#ir/type.js";
import type { Padding, Size } from "#ops/attributes.js";
import { isMember } from "#ops/index.js";
import { axisOf } from "#ops/reduce.js";
import { resizeTaps } from "#ops/resize.js";
import { add, div, mul, operand, sub, unary } from "#ops/scalar.js";
import { costOf } from "#schedule/cost.js";
import type { AddedStage, Group, Schedule, Source, Stage, Step } from "#schedule/schedule.js";
import type { Body } from "./body.js";
import { convolutionBody, convolutionFactors, matmulBody, pointwiseBody } from "./convolution.js";
import { depthwiseBody } from "./depthwise.js";
import {
  concatBody,
  elementwiseBody,
  padBody,
  reshapeBody,
  resizeBody,
  sliceBody,
  transposeBody,
} from "./map.js";
import type { Build, Operand } from "./operands.js";
import { reads, writes, writesPart } from "./operands.js";
import { isZero } from "./pack.js";
import type { PoolSpec } from "./pool.js";
import { poolBody } from "./pool.js";
import { groupNormBody } from "./group-norm.js";
import { layerNormBody } from "./layer-norm.js";
import { gatherBody, placeReader } from "./gather.js";
import type { Reduction } from "./reduce.js";
import { globalPoolBody, pooledDenseBody, reduceBody, softmaxBody } from "./reduce.js";
import { scatterBody } from "./scatter.js";
import { suppressionBody, topKBody } from "./select.js";
import { separableBody } from "./separable.js";
import type { Steps } from "./steps.js";
import { elementwiseSteps } from "./steps.js";
import type { WindowSpec } from "./strip.js";
import type { Tile } from "./tile.js";
import { transposedConvolutionBody } from "./transposed-convolution.js";
import { winogradBody } from "./winograd.js";

/** Ops whose template reads what it wrote. */
const readsBack: ReadonlySet<OpName> = new Set<OpName>([
  "softmax",
  "scatter",
  "top_k",
  "non_max_suppression",
]);

/** The body of a group's kernel. Throws `InternalError` for a fusion that no template makes. */
export function groupBody(k: Build, tile: Tile, schedule: Schedule, group: Group): Body {
  const { graph } = schedule;
  const x = reads(k, "x", group.input);
  const [first, ...more] = group.stages;
  const node = first && nodeOf(graph, first.node);
  if (node?.op === "concat") {
    const part = writesPart(k, group.output, node.type.shape);
    return concatBody(k, tile, x, part, node.type.shape);
  }
  const y = writes(k, group.output, node && readsBack.has(node.op) ? "read_write" : "write");
  const steps = elementwiseSteps(k, group.prologue);
  if (!first || !node) return elementwiseBody(k, tile, x, y, steps);
  const prologue = group.prologue.length > 0 ? { prologue: steps } : {};
  if (more.length > 0) return chainBody(k, tile, schedule, { group, x, y, prologue });
  const rows = stripRows(schedule, group);
  return stageBody({ k, tile, schedule, node, stage: first, x, y, prologue, ...(rows ? { rows } : {}) });
}

/** The strip height that the cost model chose, for a group whose strips cost something. */
function stripRows({ graph, target }: Schedule, group: Group): number | undefined {
  if (group.nodes.length < 2) return undefined;
  const { rows } = costOf(
    graph,
    group.nodes.map((id) => nodeOf(graph, id)),
    target,
  );
  return rows === 0 ? undefined : rows;
}

/** The pixels of a tile, where the target keeps those. */
function pixelsOf({ graph, target }: Schedule, group: Group): { readonly pixels?: number } {
  const nodes = group.nodes.map((id) => nodeOf(graph, id));
  const { pixels } = costOf(graph, nodes, target);
  return pixels === 0 ? {} : { pixels };
}

/** Chains of stages: see `StageChain`. */
function chainBody(
  k: Build,
  tile: Tile,
  schedule: Schedule,
  of: {
    readonly group: Group;
    readonly x: Operand;
    readonly y: Operand;
    readonly prologue: { readonly prologue?: Steps };
  },
): Body {
  const { group, x, y, prologue } = of;
  const nodes = group.stages.map((stage) => nodeOf(schedule.graph, stage.node));
  const ops = nodes.map((node) => node.op).join(", ");
  const [pool, dense] = group.stages;
  if (nodes[0]?.op === "global_avg_pool" && pool && dense)
    return pooledDenseBody(k, tile, x, y, {
      kind: "mean",
      between: elementwiseSteps(k, pool.epilogue),
      weight: sourceOf(dense, 1),
      epilogue: withBias(k, schedule, dense),
    });
  const isExpanded = nodes.length === 3 && nodes[1]?.op === "depthwise_conv2d";
  const [expand, middle, last, widen] = isExpanded ? group.stages : [undefined, ...group.stages];
  const depthwise = nodes[isExpanded ? 1 : 0];
  const projected = nodes[1];
  if (!middle || !last || depthwise?.op !== "depthwise_conv2d" || (isExpanded && prologue.prologue))
    return bug(`no template for ${ops}`);
  const inputs = channels(typesOf(schedule, depthwise)[0]?.shape ?? []);
  return separableBody(
    k,
    tile,
    x,
    y,
    {
      ...(expand ? { expand: { weight: sourceOf(expand, 1), epilogue: withBias(k, schedule, expand) } } : {}),
      depthwise: {
        weight: sourceOf(middle, 1),
        window: windowOf(schedule, depthwise),
        inputs,
        multiplier: channels(depthwise.type.shape) / inputs,
        steps: biasAndSteps(schedule, middle),
      },
      pointwise: sourceOf(last, 1),
      ...(widen && projected
        ? {
            last: {
              weight: sourceOf(widen, 1),
              between: withBias(k, schedule, last),
              columns: channels(projected.type.shape),
            },
          }
        : {}),
      rows: stripRows(schedule, group) ?? 1,
      ...pixelsOf(schedule, group),
    },
    { ...prologue, epilogue: withBias(k, schedule, widen ?? last) },
  );
}

interface StageContext {
  readonly k: Build;
  readonly tile: Tile;
  readonly schedule: Schedule;
  readonly node: Node;
  readonly stage: Stage;
  readonly x: Operand;
  readonly y: Operand;
  readonly prologue: { readonly prologue?: Steps };
  /** Output rows of a strip, where the cost model chose. */
  readonly rows?: number;
}

function stageBody(context: StageContext): Body {
  const { k, tile, schedule, node, stage, x, y, prologue } = context;
  const rows = context.rows === undefined ? {} : { rows: context.rows };
  switch (node.op) {
    case "conv2d": {
      const steps = { ...prologue, epilogue: withBias(k, schedule, stage) };
      const weight = sourceOf(stage, 1);
      const added = stage.added ? addedFactors(context, stage.added) : undefined;
      if (!steps.prologue && isMember("pointwise", node, typesOf(schedule, node)))
        return pointwiseBody(k, tile, x, y, weight, steps.epilogue, added);
      const size = schedule.winograd.get(node.id);
      if (size !== undefined && weight.kind === "weight") {
        const { padding } = windowOf(schedule, node);
        return winogradBody(k, tile, x, y, weight.weight, { size, padding }, steps);
      }
      const { groups } = node.attributes;
      const convolution = {
        window: windowOf(schedule, node),
        groups,
        ...rows,
        ...(added ? { added } : {}),
      };
      return convolutionBody(k, tile, x, y, weight, convolution, steps);
    }
    case "depthwise_conv2d": {
      const depthwise = { window: windowOf(schedule, node), ...rows };
      const steps = { ...prologue, epilogue: withBias(k, schedule, stage) };
      return depthwiseBody(k, tile, x, y, sourceOf(stage, 1), depthwise, steps);
    }
    case "max_pool":
    case "avg_pool": {
      const steps = { ...prologue, epilogue: elementwiseSteps(k, stage.epilogue) };
      return poolBody(k, tile, x, y, { ...poolOf(node), ...rows }, steps);
    }
    default:
      if (prologue.prologue) return bug(`no template for elementwise steps before ${node.op}`);
      return plainBody(context);
  }
}

/** Ops without a window: dense products, reductions and what moves elements. */
function plainBody({ k, tile, schedule, node, stage, x, y }: StageContext): Body {
  if (node.op === "dense")
    return pointwiseBody(k, tile, x, y, sourceOf(stage, 1), withBias(k, schedule, stage));
  if (node.op === "conv2d_transpose") {
    const [kh = 1, kw = 1] = typesOf(schedule, node)[1]?.shape ?? [];
    const spec = { ...node.attributes, kernel: [kh, kw], padding: numbers(node.attributes.padding) } as const;
    return transposedConvolutionBody(k, x, y, sourceOf(stage, 1), spec, withBias(k, schedule, stage));
  }
  if (node.op === "softmax") {
    if (stage.epilogue.length > 0) return bug("no template for elementwise steps behind softmax");
    return softmaxBody(k, tile, x, y, axisOf(node.attributes.axis, node.type.shape) ?? 0);
  }
  if (node.op === "batch_norm") {
    const steps = [batchNormStep(node, stage), ...stage.epilogue];
    return elementwiseBody(k, tile, x, y, elementwiseSteps(k, steps));
  }
  if (node.op === "scatter" || node.op === "top_k" || node.op === "non_max_suppression")
    return selectionBody({ k, schedule, stage, x, y }, node);
  const epilogue = elementwiseSteps(k, stage.epilogue);
  switch (node.op) {
    case "group_norm":
      return groupNormBody(k, tile, x, y, node.attributes, epilogue);
    case "layer_norm":
      return layerNormBody(k, tile, x, y, node.attributes.epsilon, epilogue);
    case "global_avg_pool":
      return globalPoolBody(k, x, y, "mean", epilogue);
    case "global_max_pool":
      return globalPoolBody(k, x, y, "max", epilogue);
    case "reduce_sum":
    case "reduce_mean":
    case "reduce_max":
    case "reduce_min":
    case "reduce_prod": {
      const kind = node.op.slice("reduce_".length) as Reduction;
      return reduceBody(k, tile, x, y, { kind, axes: node.attributes.axes }, epilogue);
    }
    case "matmul":
      return matmulBody(k, tile, x, reads(k, "b", sourceOf(stage, 1)), y, epilogue);
    case "reshape":
      return reshapeBody(k, tile, x, y, epilogue);
    case "transpose":
      return transposeBody(k, tile, x, y, node.attributes.perm, epilogue);
    case "slice":
      return sliceBody(k, tile, x, y, node.attributes, epilogue);
    case "gather":
      return gatherBody(k, tile, { x, y, ...placesOf(k, schedule, stage) }, node.attributes, epilogue);
    case "pad":
      return padBody(k, tile, x, y, node.attributes, epilogue);
    case "resize":
      return resizeBody(k, tile, x, y, tapsOf(schedule, node), epilogue);
    default:
      return bug(`no template for ${node.op}`);
  }
}

/** Ops that read back what they wrote, and take no steps behind them. */
function selectionBody(
  { k, schedule, stage, x, y }: Pick<StageContext, "k" | "schedule" | "stage" | "x" | "y">,
  node: NodeOf<"scatter"> | NodeOf<"top_k"> | NodeOf<"non_max_suppression">,
): Body {
  if (stage.epilogue.length > 0) return bug(`no template for elementwise steps behind ${node.op}`);
  const { weights } = schedule;
  if (node.op === "top_k") return topKBody(k, x, y, node.attributes);
  if (node.op === "scatter") {
    const updates = reads(k, "u", sourceOf(stage, 2));
    const axis = node.attributes.axis + x.shape.length;
    const count = updates.shape[axis] ?? 1;
    const shape = [elements(x.shape.slice(0, axis)), count];
    const placeAt = placeReader(k, weights, sourceOf(stage, 1), x.shape[axis] ?? 1, shape);
    return scatterBody(k, { x, updates, y, placeAt, count }, node.attributes);
  }
  const scores = reads(k, "s", sourceOf(stage, 1));
  const source = sourceOf(stage, 2);
  const count = channels(source.kind === "weight" ? source.type.shape : source.view.type.shape);
  const shape = [elements(y.shape.slice(0, 2)), count];
  const orderAt = placeReader(k, weights, source, channels(scores.shape), shape);
  return suppressionBody(k, { boxes: x, scores, y, orderAt, count }, node.attributes);
}

/** The places of a gather. */
function placesOf(k: Build, { weights }: Schedule, stage: Stage) {
  const source = sourceOf(stage, 1);
  const { shape } = source.kind === "weight" ? source.type : source.view.type;
  return {
    rank: shape.length,
    placeAt: (extent: number) => placeReader(k, weights, source, extent),
  };
}

/** The second convolution of a sum, for the template of the first. */
function addedFactors({ k, tile, schedule, y }: StageContext, { node: id, input, operands }: AddedStage) {
  const node = nodeOf(schedule.graph, id);
  const weight = operands.get(1);
  if (node.op !== "conv2d" || !weight) return bug(`no template adds a ${node.op}`);
  return convolutionFactors(k, tile, reads(k, "x", input), y.shape, weight, windowOf(schedule, node));
}

/** The epilogue of a stage with its bias in front. */
function withBias(k: Build, schedule: Schedule, stage: Stage): Steps {
  return elementwiseSteps(k, biasAndSteps(schedule, stage));
}

/** A bias that was left out, or that is zeros, costs nothing. */
function biasAndSteps({ weights }: Schedule, stage: Stage): readonly Step[] {
  const biases = [stage, ...(stage.added ? [stage.added] : [])].flatMap(({ node, operands }): Step[] => {
    const bias = sourceOf({ operands }, 2);
    if (bias.kind === "weight" && isZero(weights, bias.weight)) return [];
    const sides = new Map([[1, { source: bias, broadcast: "channel" as const }]]);
    return [{ node, scalar: add(operand(0), operand(1)), flow: [0], sides }];
  });
  return [...biases, ...stage.epilogue];
}

/** A batch norm on its own, as an elementwise step with four sides. */
function batchNormStep(node: NodeOf<"batch_norm">, stage: Stage): Step {
  const [x, scale, offset, mean, variance] = [0, 1, 2, 3, 4].map(operand);
  if (!x || !scale || !offset || !mean || !variance) return bug("batch_norm has five operands");
  const deviation = unary("sqrt", add(variance, node.attributes.epsilon));
  return {
    node: node.id,
    scalar: add(mul(div(sub(x, mean), deviation), scale), offset),
    flow: [0],
    sides: new Map([1, 2, 3, 4].map((at) => [at, { source: sourceOf(stage, at), broadcast: "channel" }])),
  };
}

function windowOf(schedule: Schedule, node: NodeOf<"conv2d"> | NodeOf<"depthwise_conv2d">): WindowSpec {
  const [height = 1, width = 1] = typesOf(schedule, node)[1]?.shape ?? [];
  const { stride, dilation, padding } = node.attributes;
  return { kernel: [height, width] satisfies Size, stride, dilation, padding: numbers(padding) };
}

function poolOf(node: NodeOf<"max_pool"> | NodeOf<"avg_pool">): PoolSpec {
  const { kernel, stride, dilation, padding } = node.attributes;
  return {
    kernel,
    stride,
    dilation,
    padding: numbers(padding),
    kind: node.op === "max_pool" ? "max" : "avg",
    countPadding: node.op === "avg_pool" && node.attributes.count_include_pad,
  };
}

function tapsOf(schedule: Schedule, node: NodeOf<"resize">): Parameters<typeof resizeBody>[4] {
  const [, height = 1, width = 1] = typesOf(schedule, node)[0]?.shape ?? [];
  const { size, method } = node.attributes;
  return {
    rows: resizeTaps(height, size[0], node.attributes),
    columns: resizeTaps(width, size[1], node.attributes),
    bilinear: method === "bilinear",
  };
}

function numbers(padding: Padding | "same" | "valid"): Padding {
  return typeof padding === "string" ? bug("a graph holds padding in numbers") : padding;
}

function typesOf(schedule: Schedule, node: Node): TensorType[] {
  return node.inputs.map((id) => nodeOf(schedule.graph, id).type);
}

function sourceOf(stage: Pick<Stage, "operands">, at: number): Source {
  return stage.operands.get(at) ?? bug(`a stage without operand ${at}`);
}
