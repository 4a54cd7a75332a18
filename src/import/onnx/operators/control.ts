// Control flow: If, Loop and Scan. Their subgraphs replace the node; the body of a loop does so once for each iteration.

import { given } from "#diagnostic/given.js";
import { bothBranches, knownCondition, selected, unrolled } from "#import/operators/control.js";
import { elementAt, stacked } from "#import/operators/parts.js";
import { axisOf, intsValue, numberOf, valueOf } from "#import/lowering.js";
import { bool } from "#import/element-type.js";
import { refuse, unsupported } from "#import/refusal.js";
import type { Value } from "#import/value.js";
import { natural } from "#ir/axis-order.js";
import type { GraphProto } from "#onnx/proto/onnx_pb.js";
import type { Context, OnnxNode, OperatorTable } from "../operator.js";

/** A known condition selects one of the graphs; a computed one selects between the results of both. */
function choose(node: OnnxNode, ctx: Context): readonly (Value | undefined)[] {
  const condition = node.input(0);
  const needed = node.outputs.map((name) => name !== undefined);
  const branch = (name: string): readonly (Value | undefined)[] => {
    const graph = graphOf(node, name);
    if (graph.output.length < needed.length)
      refuse("bad-model", `the ${name} of If gives ${graph.output.length} values, not ${needed.length}`);
    return ctx.inline(graph, { needed });
  };
  const known = knownCondition(condition, "the condition of If");
  if (known !== undefined) return branch(known ? "then_branch" : "else_branch");
  const [yes, no] = bothBranches(condition, () => [branch("then_branch"), branch("else_branch")]);
  return yes.map((value, at) => {
    const other = no[at];
    return value && other && selected(ctx, condition, value, other, "the condition of If");
  });
}

function loop(node: OnnxNode, ctx: Context): readonly (Value | undefined)[] {
  const body = graphOf(node, "body");
  const [count, start] = [node.optional(0), node.optional(1)];
  const carried = natural(Math.max(0, node.inputs - 2)).map((at) => node.input(at + 2));
  const results = body.output.length - 1 - carried.length;
  if (results < 0 || body.input.length !== carried.length + 2)
    refuse(
      "bad-model",
      `the body of Loop takes ${body.input.length} values and gives ${body.output.length} for ${carried.length} that it carries`,
    );
  const isUsed = (at: number): boolean => node.outputs[carried.length + at] !== undefined;
  const needed = [true, ...carried.map(() => true), ...natural(results).map(isUsed)];
  const most = count ? numberOf(count, "the number of steps of Loop") : Number.POSITIVE_INFINITY;
  const isCounted = most >= 16 && Number.isFinite(most) && keepsCondition(body);
  const ended = unrolled(ctx, { carried, most, what: "Loop", ...given({ start }) }, (at, values) => {
    const inputs = [intsValue(ctx, [at], []), valueOf(ctx.build.literal([1], []), bool), ...values];
    const steps = isCounted ? most - at : 1;
    const [next, ...rest] = ctx.inline(body, { inputs, needed, steps });
    const own = rest.filter((value) => value !== undefined);
    return {
      carried: own.slice(0, carried.length),
      gathered: own.slice(carried.length),
      ...given({ next }),
    };
  });
  let place = 0;
  const gathered = natural(results).map((at) => {
    if (!isUsed(at)) return undefined;
    const values = ended.gathered[place++] ?? [];
    if (values.length === 0) unsupported("a Loop without iterations that gathers results");
    return stacked(ctx, values, 0);
  });
  return [...ended.carried, ...gathered];
}

/** Whether the body of a loop returns the condition that it got. Then the loop takes all its iterations. */
function keepsCondition({ node, input, output }: GraphProto): boolean {
  const [given, result] = [input[1]?.name, output[0]?.name ?? ""];
  const maker = node.find((one) => one.output.includes(result));
  return result === given || (maker?.opType === "Identity" && maker.input[0] === given);
}

/** A Scan of one or several sequences; before opset 9, of each sample of a batch. */
function scan(node: OnnxNode, ctx: Context): readonly Value[] {
  if (node.opset >= 9) {
    const operands = natural(node.inputs).map((at) => node.input(at));
    return scanned(node, ctx, operands, {
      inputAxes: node.ints("scan_input_axes") ?? [],
      inputDirections: node.ints("scan_input_directions") ?? [],
      outputAxes: node.ints("scan_output_axes") ?? [],
      outputDirections: node.ints("scan_output_directions") ?? [],
    });
  }
  if (node.optional(0)) unsupported("Scan with lengths of sequences");
  const operands = natural(node.inputs - 1).map((at) => node.input(at + 1));
  const ways = {
    inputAxes: [],
    inputDirections: node.ints("directions") ?? [],
    outputAxes: [],
    outputDirections: [],
  };
  const batch = operands[0]?.shape[0] ?? 1;
  if (operands.some(({ shape }) => shape[0] !== batch))
    refuse("bad-model", "the operands of Scan have different numbers of samples");
  const samples = natural(batch).map((sample) =>
    scanned(
      node,
      ctx,
      operands.map((value) => elementAt(ctx, value, 0, sample)),
      ways,
    ),
  );
  return natural(samples[0]?.length ?? 0).map((at) =>
    stacked(
      ctx,
      samples.flatMap((results) => results[at] ?? []),
      0,
    ),
  );
}

interface Ways {
  readonly inputAxes: readonly number[];
  /** 0 for a sequence from the first element to the last, 1 for the opposite direction. */
  readonly inputDirections: readonly number[];
  readonly outputAxes: readonly number[];
  readonly outputDirections: readonly number[];
}

function scanned(node: OnnxNode, ctx: Context, operands: readonly Value[], ways: Ways): readonly Value[] {
  const body = graphOf(node, "body");
  const sequences = node.int("num_scan_inputs");
  const kept = operands.length - sequences;
  if (!(sequences >= 1) || kept < 0 || body.input.length !== operands.length || body.output.length < kept)
    refuse("bad-model", `Scan has ${operands.length} operands for ${sequences} sequences`);
  const inputs = operands.slice(kept).map((value, at) => ({
    value,
    axis: axisOf(ways.inputAxes[at] ?? 0, value.shape.length),
    isReverse: ways.inputDirections[at] === 1,
  }));
  const [length = 0, ...others] = inputs.map(({ value, axis }) => value.shape[axis] ?? 1);
  if (others.some((other) => other !== length))
    refuse("shape-mismatch", "the sequences of Scan have different lengths");
  const options = { carried: operands.slice(0, kept), most: length, what: "Scan" };
  const ended = unrolled(ctx, options, (at, carried) => {
    const elements = inputs.map(({ value, axis, isReverse }) =>
      elementAt(ctx, value, axis, isReverse ? length - 1 - at : at),
    );
    const own = ctx.inline(body, { inputs: [...carried, ...elements], steps: length - at });
    const values = own.filter((value) => value !== undefined);
    return { carried: values.slice(0, kept), gathered: values.slice(kept) };
  });
  const gathered = ended.gathered.map((values, at) => {
    const axis = axisOf(ways.outputAxes[at] ?? 0, (values[0]?.shape.length ?? 0) + 1);
    return stacked(ctx, ways.outputDirections[at] === 1 ? values.toReversed() : values, axis);
  });
  return [...ended.carried, ...gathered];
}

function graphOf(node: OnnxNode, name: string): GraphProto {
  return node.graph(name) ?? refuse("bad-model", `${node.op} lacks its \`${name}\``);
}

export const control: OperatorTable = { If: choose, Loop: loop, Scan: scan };
