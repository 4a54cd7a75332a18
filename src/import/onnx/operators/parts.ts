// Slices, pads, concatenations, tiles and the like.

import { batchAxis, filled, keepBatch, mixed, powersIn, sizesIn, sizesOf } from "#import/batch.js";
import { bool } from "#import/element-type.js";
import { picked } from "#import/operators/gather.js";
import { axisOf, knownNumbers, numberOf, numbersOf, ordered } from "#import/lowering.js";
import { checkJoined, expanded, sliced, tiled } from "#import/operators/parts.js";
import { refuse, unsupported } from "#import/refusal.js";
import { joinedRows } from "#import/counted/select.js";
import type { Value } from "#import/value.js";
import { natural, permuted } from "#ir/axis-order.js";
import type { Context, OnnxNode, OperatorTable } from "../operator.js";

/** An end from here on means "to the end", also along the batch. */
const endLimit = 2 ** 31 - 1;

/** The most places along an axis that are listed one by one. */
const placeLimit = 65_536;

function concat(node: OnnxNode, ctx: Context): Value {
  const values = natural(node.inputs).map((at) => node.input(at));
  checkJoined(ctx, values);
  const axis = axisOf(node.int("axis", node.opset < 4 ? 1 : undefined), values[0]?.shape.length ?? 0);
  if (values.some((value) => value.shape.length !== values[0]?.shape.length))
    refuse("shape-mismatch", "Concat has operands of different ranks");
  return joinedRows(ctx, values, axis);
}

function split(node: OnnxNode, ctx: Context): Value[] {
  const x = node.input(0);
  const axis = axisOf(node.int("axis", 0), x.shape.length);
  const extent = x.shape[axis] ?? 1;
  const count = node.outputs.length;
  const operand = node.opset >= 13 ? node.optional(1) : undefined;
  if (count > 1 || operand || node.ints("split")) keepBatch(ctx, x, axis, "it splits the batch");
  const given = operand ? numbersOf(operand, "the sizes of Split") : node.ints("split");
  const chunk = Math.ceil(extent / count);
  const sizes = given ?? natural(count).map((at) => Math.min(chunk, extent - at * chunk));
  if (sizes.length !== count || sizes.reduce((sum, size) => sum + size, 0) !== extent)
    refuse("shape-mismatch", `[${sizes.join(", ")}] does not split ${extent} into ${count} parts`);
  let begin = 0;
  return sizes.map((size, at) => {
    const part = node.outputs[at] === undefined ? x : sliced(ctx, x, axis, begin, size);
    begin += size;
    return part;
  });
}

function slice(node: OnnxNode, ctx: Context): Value {
  let x = node.input(0);
  const rank = x.shape.length;
  const operand = (at: number, what: string): readonly number[] | undefined => {
    const value = node.optional(at);
    return value && numbersOf(value, `the ${what} of Slice`);
  };
  const isOld = node.opset < 10;
  const starts = (isOld ? node.ints("starts") : operand(1, "starts")) ?? [];
  const last = isOld ? undefined : node.optional(2);
  // An end that equals the size of the batch is the end of the batch.
  const isAll = last ? powersIn(last) : [];
  const ends = (last ? knownNumbers(last, "the ends of Slice") : node.ints("ends")) ?? [];
  const axes = (isOld ? node.ints("axes") : operand(3, "axes")) ?? natural(starts.length);
  const steps = (isOld ? undefined : operand(4, "steps")) ?? starts.map(() => 1);
  if (ends.length !== starts.length || axes.length !== starts.length || steps.length !== starts.length)
    refuse("bad-model", "starts, ends, axes and steps of Slice differ in number");
  for (const [at, given] of axes.entries()) {
    const axis = axisOf(given, rank);
    const [start = 0, end = 0, step = 1] = [starts[at], ends[at], steps[at]];
    if (step === 0) refuse("bad-model", "a step of Slice is 0");
    if (axis === batchAxis(ctx, x)) {
      const isWhole = start === 0 && step === 1 && (isAll[at] === 1 ? end >= 1 : end >= endLimit);
      if (!isWhole) mixed(ctx, "it takes single samples of the batch");
      continue;
    }
    if (isAll[at]) mixed(ctx, "it slices by the size of the batch");
    const extent = x.shape[axis] ?? 1;
    const clamp = (place: number, low: number, high: number): number =>
      Math.min(Math.max(place < 0 ? place + extent : place, low), high);
    if (step > 0) {
      const [from, to] = [clamp(start, 0, extent), clamp(end, 0, extent)];
      const size = Math.max(0, Math.ceil((to - from) / step));
      if (size === 0 && x.ref.kind !== "constant") unsupported("an empty slice");
      // With one element, the step has no effect.
      x = sliced(ctx, x, axis, from, size, size === 1 ? 1 : step);
    } else {
      const [from, to] = [clamp(start, -1, extent - 1), clamp(end, -1, extent - 1)];
      const size = Math.max(0, Math.ceil((from - to) / -step));
      if (size > placeLimit) unsupported(`a slice of ${size} elements in reverse`);
      x = picked(
        ctx,
        x,
        axis,
        natural(Math.min(size, extent)).map((k) => from + k * step),
      );
    }
  }
  return x;
}

function pad(node: OnnxNode, ctx: Context): Value {
  let x = node.input(0);
  const rank = x.shape.length;
  const isOld = node.opset < 11;
  const given = isOld ? (node.ints("pads") ?? []) : numbersOf(node.input(1), "the pads of Pad");
  const valueOperand = isOld ? undefined : node.optional(2);
  const value = isOld
    ? node.float("value", 0)
    : valueOperand
      ? numberOf(valueOperand, "the value of Pad")
      : 0;
  const axesOperand = isOld ? undefined : node.optional(3);
  const axes = (axesOperand ? numbersOf(axesOperand, "the axes of Pad") : natural(rank)).map((axis) =>
    axisOf(axis, rank),
  );
  if (given.length !== 2 * axes.length)
    refuse("bad-model", `Pad has ${given.length} numbers for ${axes.length} axes`);
  const [before, after] = [new Array<number>(rank).fill(0), new Array<number>(rank).fill(0)];
  for (const [at, axis] of axes.entries()) {
    before[axis] = given[at] ?? 0;
    after[axis] = given[at + axes.length] ?? 0;
    if (before[axis] !== 0 || after[axis] !== 0) keepBatch(ctx, x, axis, "it pads the batch");
    // Negative pads crop.
    const [cutBefore, cutAfter] = [Math.max(0, -(before[axis] ?? 0)), Math.max(0, -(after[axis] ?? 0))];
    const left = (x.shape[axis] ?? 1) - cutBefore - cutAfter;
    if (left < 1) refuse("shape-mismatch", `Pad leaves nothing of axis ${axis}`);
    x = sliced(ctx, x, axis, cutBefore, left);
    before[axis] = Math.max(0, before[axis] ?? 0);
    after[axis] = Math.max(0, after[axis] ?? 0);
  }
  const mode = node.text("mode", "constant");
  if (mode === "wrap") return wrapped(ctx, x, before, after);
  if (mode !== "constant" && mode !== "reflect" && mode !== "edge") unsupported(`Pad with mode=${mode}`);
  if (before.every((count) => count === 0) && after.every((count) => count === 0)) return x;
  const ref = ctx.build.emit("pad", [x.ref], {
    before: permuted(before, x.order),
    after: permuted(after, x.order),
    mode,
    value,
  });
  return ordered(ctx, ref, x.order, x.type);
}

/** The value repeated around itself. */
function wrapped(ctx: Context, x: Value, before: readonly number[], after: readonly number[]): Value {
  let result = x;
  for (const axis of natural(x.shape.length)) {
    const extent = x.shape[axis] ?? 1;
    const [less, more] = [before[axis] ?? 0, after[axis] ?? 0];
    if (less + extent + more > placeLimit)
      unsupported(`Pad with mode=wrap to ${less + extent + more} elements`);
    if (less === 0 && more === 0) continue;
    const places = natural(less + extent + more).map((at) => (((at - less) % extent) + extent) % extent);
    result = picked(ctx, result, axis, places);
  }
  return result;
}

function tile(node: OnnxNode, ctx: Context): Value {
  const x = node.input(0);
  return tiled(ctx, x, sizesIn(ctx, node.input(1), "the repeats of Tile"));
}

function expand(node: OnnxNode, ctx: Context): Value {
  const x = node.input(0);
  return expanded(ctx, x, sizesIn(ctx, node.input(1), "the shape of Expand"));
}

export const parts: OperatorTable = {
  Concat: concat,
  Split: split,
  Slice: slice,
  Pad: pad,
  Tile: tile,
  Expand: expand,
  Identity: (node) => node.input(0),
  Dropout: (node, ctx) => {
    const x = node.input(0);
    const training = node.optional(2);
    if (training && numberOf(training, "the mode of Dropout") !== 0) unsupported("Dropout in training mode");
    if (node.outputs[1] === undefined) return x;
    // At run time Dropout drops nothing, so the mask is true everywhere.
    return [x, filled(ctx, sizesOf(ctx, x), 1, bool)];
  },
};
