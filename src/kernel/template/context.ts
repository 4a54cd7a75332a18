// The context of a body: the group that the kernel computes, and the builder.

import { bug } from "#diagnostic/diagnostic.js";
import type { Node, OpName } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import type { TensorType } from "#ir/type.js";
import type { Padding, Size } from "#ops/attributes.js";
import { add, operand } from "#ops/scalar.js";
import type { Group, Schedule, Source, Stage, Step } from "#schedule/schedule.js";
import type { Body } from "../ir/body.js";
import type { Emitter } from "../part/emitter.js";
import type { Operand } from "../part/operands.js";
import { reads, writes } from "../part/operands.js";
import { isZero } from "../part/pack.js";
import type { Steps } from "../part/steps.js";
import { elementwiseSteps } from "../part/steps.js";
import type { WindowSpec } from "../part/strip.js";

/** The group that a kernel computes, and the tools that its body uses. */
export interface Context extends Emitter {
  readonly schedule: Schedule;
  readonly group: Group;
}

/** Writes the body of a group's kernel. */
export type Make = (c: Context) => Body;

/** The input, the result, and the steps before the first stage, if there are any. */
export interface Ports {
  readonly x: Operand;
  readonly y: Operand;
  readonly prologue?: Steps;
}

/** The parameters for a group's own operand and result, and for the operands of its prologue. */
export function portsOf({ k, group }: Context, access: "write" | "read_write" = "write"): Ports {
  const x = reads(k, "x", group.input);
  const y = writes(k, group.output, access);
  return group.prologue.length === 0 ? { x, y } : { x, y, prologue: elementwiseSteps(k, group.prologue) };
}

/** A node of one of some ops. */
type OneOf<O extends OpName> = Extract<Node, { readonly op: O }>;

/** A stage with its node, and the types of the node's operands. */
export interface StageOf<O extends OpName> {
  readonly stage: Stage;
  readonly node: OneOf<O>;
  readonly types: readonly TensorType[];
}

/** A stage of a group, by its place. Throws `InternalError` if it has none of these ops. */
export function stageOf<O extends OpName>(
  { schedule, group }: Context,
  at: number,
  ops: O | readonly O[],
): StageOf<O> {
  const stage = group.stages[at] ?? bug(`${group.name} has no stage ${at}`);
  const node = nodeOf(schedule.graph, stage.node);
  const allowed = typeof ops === "string" ? [ops] : ops;
  if (!isOneOf(node, allowed))
    return bug(`${node.name} is a ${node.op}, where ${group.plan.template} has ${allowed.join(" or ")}`);
  return { stage, node, types: node.inputs.map((id) => nodeOf(schedule.graph, id).type) };
}

function isOneOf<O extends OpName>(node: Node, ops: readonly O[]): node is OneOf<O> {
  return ops.some((op) => op === node.op);
}

/** The rows of a strip that the plan has; undefined if it has none, and the template chooses. */
export function rowsOf({ group: { plan } }: Context): number | undefined {
  return plan.rows === 0 ? undefined : plan.rows;
}

/** An operand of a stage, except for the first. */
export function sourceOf(stage: Pick<Stage, "operands">, at: number): Source {
  return stage.operands.get(at) ?? bug(`a stage without operand ${at}`);
}

/** Whether a kernel only moves bytes from x to y: then it can move 16 at a time, where there are vecs. */
export function movesBytes({ k, group: { stages } }: Context, { x, y, prologue }: Ports): boolean {
  const { element } = x.place;
  const isByte = element === "i8" || element === "u8";
  return (
    k.lanes > 1 &&
    isByte &&
    y.place.element === element &&
    !prologue &&
    stages.every((one) => one.epilogue.length === 0)
  );
}

/** The steps after a stage. */
export function epilogueOf({ k }: Context, stage: Stage): Steps {
  return elementwiseSteps(k, stage.epilogue);
}

/** The bias of a stage, followed by the steps after it. */
export function biasedEpilogueOf(c: Context, stage: Stage): Steps {
  return elementwiseSteps(c.k, biasAndSteps(c, stage));
}

/** The bias and the steps after a stage. A bias that was omitted, or that is zeros, is left out. */
export function biasAndSteps({ schedule: { weights } }: Context, stage: Stage): readonly Step[] {
  const biases = [stage, ...(stage.added ? [stage.added] : [])].flatMap(({ node, operands }): Step[] => {
    const bias = sourceOf({ operands }, 2);
    if (bias.kind === "weight" && isZero(weights, bias.weight)) return [];
    const sides = new Map([[1, { source: bias, broadcast: "channel" as const }]]);
    return [{ node, scalar: add(operand(0), operand(1)), flow: [0], sides }];
  });
  return [...biases, ...stage.epilogue];
}

/** The window of a convolution; its size is that of the weights. */
export function windowOf({
  node,
  types,
}: {
  readonly node: OneOf<"conv2d" | "depthwise_conv2d">;
  readonly types: readonly TensorType[];
}): WindowSpec {
  const [height = 1, width = 1] = types[1]?.shape ?? [];
  const { stride, dilation, padding } = node.attributes;
  return { kernel: [height, width] satisfies Size, stride, dilation, padding: numbers(padding) };
}

/** The padding of a graph, which is in numbers. */
export function numbers(padding: Padding | "same" | "valid"): Padding {
  return typeof padding === "string" ? bug("a graph holds padding in numbers") : padding;
}
