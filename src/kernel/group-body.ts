// Which template makes a group: by the ops of its stages.

import { bug } from "#diagnostic/diagnostic.js";
import type { Node, NodeOf } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import type { WeightId } from "#ir/graph.js";
import { channels } from "#ir/type.js";
import type { TensorType } from "#ir/type.js";
import type { WeightStore } from "#ir/weights.js";
import { entryOf } from "#ir/weights.js";
import type { Padding, Size } from "#ops/attributes.js";
import { isMember } from "#ops/index.js";
import { axisOf } from "#ops/reduce.js";
import { resizeTaps } from "#ops/resize.js";
import { operand } from "#ops/scalar.js";
import { add, div, mul, sub, unary } from "#ops/scalar.js";
import type { Group, Schedule, Source, Stage, Step } from "#schedule/schedule.js";
import type { Body } from "./convolution.js";
import { convolutionBody, pointwiseBody } from "./convolution.js";
import { depthwiseBody, separableBody } from "./depthwise.js";
import {
  concatBody,
  elementwiseBody,
  padBody,
  reshapeBody,
  resizeBody,
  sliceBody,
  transposeBody,
} from "./map.js";
import type { Build, Operand, Steps } from "./operands.js";
import { elementwiseSteps, reads, writes } from "./operands.js";
import { poolBody } from "./pool.js";
import type { Reduction } from "./reduce.js";
import { batchedMatmulBody, globalPoolBody, reduceBody, softmaxBody } from "./reduce.js";
import type { WindowSpec } from "./strip.js";
import type { Tile } from "./tile.js";

/** The body of a group's kernel. Throws `InternalError` for a fusion that no template makes. */
export function groupBody(k: Build, tile: Tile, schedule: Schedule, group: Group): Body {
  const { graph } = schedule;
  const x = reads(k, "x", group.input);
  const y = writes(k, group.output);
  const [first, second] = group.stages;
  const prologue = group.prologue.length > 0 ? { prologue: elementwiseSteps(k, group.prologue) } : {};
  if (!first) return elementwiseBody(k, x, y, elementwiseSteps(k, group.prologue));
  const node = nodeOf(graph, first.node);
  if (group.stages.length > 2) bug(`no template for ${group.name} (${group.rule ?? "no rule"})`);
  if (second) {
    const last = nodeOf(graph, second.node);
    if (node.op !== "depthwise_conv2d" || last.op !== "conv2d")
      bug(`no template for ${node.op} and ${last.op}`);
    const depthwise = {
      weight: weightOf(first, 1),
      window: windowOf(schedule, node),
      channels: channels(node.type.shape),
    };
    return separableBody(k, tile, x, y, depthwise, weightOf(second, 1), {
      ...prologue,
      between: withBias(k, schedule, first),
      epilogue: withBias(k, schedule, second),
    });
  }
  return stageBody(k, tile, schedule, { node, stage: first, x, y, prologue });
}

interface StageContext {
  readonly node: Node;
  readonly stage: Stage;
  readonly x: Operand;
  readonly y: Operand;
  readonly prologue: { readonly prologue?: Steps };
}

function stageBody(k: Build, tile: Tile, schedule: Schedule, context: StageContext): Body {
  const { node, stage, x, y, prologue } = context;
  const epilogue = (): Steps => elementwiseSteps(k, stage.epilogue);
  switch (node.op) {
    case "conv2d": {
      const steps = { ...prologue, epilogue: withBias(k, schedule, stage) };
      if (!steps.prologue && isMember("pointwise", node, typesOf(schedule, node))) {
        return pointwiseBody(k, tile, x, y, weightOf(stage, 1), steps.epilogue);
      }
      return convolutionBody(
        k,
        tile,
        x,
        y,
        weightOf(stage, 1),
        windowOf(schedule, node),
        node.attributes.groups,
        steps,
      );
    }
    case "depthwise_conv2d":
      return depthwiseBody(k, tile, x, y, weightOf(stage, 1), windowOf(schedule, node), {
        ...prologue,
        epilogue: withBias(k, schedule, stage),
      });
    case "dense":
      if (prologue.prologue) return bug("no template for elementwise steps before dense");
      return denseBody(k, tile, schedule, context);
    case "max_pool":
    case "avg_pool":
      return poolBody(k, tile, x, y, poolOf(node), { ...prologue, epilogue: epilogue() });
    default:
      if (prologue.prologue) return bug(`no template for elementwise steps before ${node.op}`);
      return movingBody(k, tile, schedule, context, epilogue);
  }
}

/** Ops without a window: reductions and what moves elements. */
function movingBody(
  k: Build,
  tile: Tile,
  schedule: Schedule,
  context: StageContext,
  epilogue: () => Steps,
): Body {
  const { node, stage, x, y } = context;
  switch (node.op) {
    case "global_avg_pool":
      return globalPoolBody(k, x, y, "mean", epilogue());
    case "global_max_pool":
      return globalPoolBody(k, x, y, "max", epilogue());
    case "reduce_sum":
    case "reduce_mean":
    case "reduce_max":
    case "reduce_min":
    case "reduce_prod": {
      const kind = node.op.slice("reduce_".length) as Reduction;
      return reduceBody(k, x, y, { kind, axes: node.attributes.axes }, epilogue());
    }
    case "softmax":
      if (stage.epilogue.length > 0) return bug("no template for elementwise steps behind softmax");
      return softmaxBody(k, x, y, axisOf(node.attributes.axis, node.type.shape) ?? 0);
    case "matmul":
      return batchedMatmulBody(k, x, reads(k, "b", sourceOf(stage, 1)), y, epilogue());
    case "reshape":
      return reshapeBody(k, x, y, epilogue());
    case "transpose":
      return transposeBody(k, x, y, node.attributes.perm, epilogue());
    case "slice":
      return sliceBody(k, x, y, node.attributes, epilogue());
    case "pad":
      return padBody(k, x, y, node.attributes, epilogue());
    case "concat":
      return concatBody(k, x, y, node.type.shape, channels(node.type.shape));
    case "resize":
      return resizeBody(k, x, y, tapsOf(schedule, node), epilogue());
    case "batch_norm":
      return elementwiseBody(k, x, y, elementwiseSteps(k, [batchNormStep(node, stage), ...stage.epilogue]));
    default:
      return bug(`no template for ${node.op} (${tile.rows}×${tile.columns})`);
  }
}

function denseBody(k: Build, tile: Tile, schedule: Schedule, context: StageContext): Body {
  const { stage, x, y } = context;
  return pointwiseBody(k, tile, x, y, weightOf(stage, 1), withBias(k, schedule, stage));
}

/** The epilogue of a stage with its bias in front; a bias that was left out, or that is zeros, costs nothing. */
function withBias(k: Build, schedule: Schedule, stage: Stage): Steps {
  const bias = sourceOf(stage, 2);
  if (isZero(schedule.weights, bias)) return elementwiseSteps(k, stage.epilogue);
  const step: Step = {
    node: stage.node,
    scalar: add(operand(0), operand(1)),
    flow: [0],
    sides: new Map([[1, { source: bias, broadcast: "channel" }]]),
  };
  return elementwiseSteps(k, [step, ...stage.epilogue]);
}

function isZero(weights: WeightStore, source: Source): boolean {
  if (source.kind !== "weight") return false;
  const entry = entryOf(weights, source.weight).source;
  if (entry.kind === "absent") return true;
  return entry.kind === "seeded" && entry.generator === "zeros";
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

function poolOf(node: NodeOf<"max_pool"> | NodeOf<"avg_pool">): Parameters<typeof poolBody>[4] {
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

function tapsOf(schedule: Schedule, node: NodeOf<"resize">): Parameters<typeof resizeBody>[3] {
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

function sourceOf(stage: Stage, at: number): Source {
  return stage.operands.get(at) ?? bug(`a stage without operand ${at}`);
}

function weightOf(stage: Stage, at: number): WeightId {
  const source = sourceOf(stage, at);
  return source.kind === "weight" ? source.weight : bug("a kernel's weights must be constant");
}
