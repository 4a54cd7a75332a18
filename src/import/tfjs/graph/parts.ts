// Slices, pads, concatenations, tiles and the like.

import { batchAxis, filled, keepBatch, mixed, powersIn, sizesIn } from "#import/batch.js";
import type { Lowering } from "#import/lowering.js";
import { axisOf, checkMany, knownNumbers, numberOf, numbersOf, ordered } from "#import/lowering.js";
import { picked } from "#import/operators/gather.js";
import { checkJoined, expanded, joined, sliced, tiled } from "#import/operators/parts.js";
import { refuse, unsupported } from "#import/refusal.js";
import { valuesTogether } from "#import/counted/bounds.js";
import { countOf, filledRows } from "#import/counted/rows.js";
import { joinedRows } from "#import/counted/select.js";
import { firstRows } from "#import/counted/first-rows.js";
import { reshaped, squeezed, unsqueezed } from "#import/operators/reshape.js";
import type { Value } from "#import/value.js";
import { natural, permuted, sameOrder } from "#ir/axis-order.js";
import { smallLimit } from "#import/builder.js";
import type { GraphNode, OperatorTable } from "./operator.js";

function pad(mode: (node: GraphNode) => string): (node: GraphNode, ctx: Lowering) => Value {
  return (node, ctx) => {
    const x = node.input(0);
    const rank = x.shape.length;
    const full = padded(node, ctx);
    if (full) return full;
    const numbers = numbersOf(node.input(1), `the paddings of ${node.op}`);
    if (numbers.length !== 2 * rank || !numbers.every((one) => Number.isInteger(one) && one >= 0))
      refuse("bad-model", `the paddings [${numbers.join(", ")}] do not fit ${rank} axes`);
    if (numbers.every((one) => one === 0)) return x;
    const before = natural(rank).map((axis) => numbers[2 * axis] ?? 0);
    const after = natural(rank).map((axis) => numbers[2 * axis + 1] ?? 0);
    const how = mode(node);
    if (how === "SYMMETRIC") return mirrored(ctx, x, before, after);
    if (how !== "constant" && how !== "REFLECT") unsupported(`MirrorPad with mode \`${how.slice(0, 20)}\``);
    const value = node.op === "PadV2" ? numberOf(node.input(2), "the value of PadV2") : 0;
    const ref = ctx.build.emit("pad", [x.ref], {
      before: permuted(before, x.order),
      after: permuted(after, x.order),
      mode: how.toLowerCase(),
      value,
    });
    return ordered(ctx, ref, x.order, x.type);
  };
}

/** Counted rows that are padded to a known number, whatever their count. */
function padded(node: GraphNode, ctx: Lowering): Value | undefined {
  const [x, paddings] = [node.input(0), node.input(1)];
  const counted = countOf(ctx, x);
  if (paddings.ref.kind !== "node" || !counted) return undefined;
  const { axis, count } = counted;
  const all = valuesTogether(ctx, [paddings, count]);
  // The number of rows, and the number added after them.
  const [first, own] = all?.[0] ?? [];
  const total = (first?.data[2 * axis + 1] ?? 0) + (own?.data[0] ?? 0);
  const isFixed = all?.every(([more, rows]) =>
    more?.data.every((number, at) => number === (at === 2 * axis + 1 ? total - (rows?.data[0] ?? 0) : 0)),
  );
  if (!isFixed || node.op === "MirrorPad") unsupported(`${node.op} by a number that is not known`);
  const value = node.op === "PadV2" ? numberOf(node.input(2), "the value of PadV2") : 0;
  const whole = filledRows(ctx, x, value);
  const extent = whole.shape[axis] ?? 1;
  if (extent >= total) return sliced(ctx, whole, axis, 0, total);
  const rest = whole.shape.with(axis, total - extent);
  const more = filled(ctx, { shape: rest, batch: undefined }, value, x.type);
  return joined(ctx, [whole, more], axis);
}

/** Pads with mirrored elements, the outermost one included. */
function mirrored(ctx: Lowering, x: Value, before: readonly number[], after: readonly number[]): Value {
  let result = x;
  for (const [axis, extent] of x.shape.entries()) {
    const [less, more] = [before[axis] ?? 0, after[axis] ?? 0];
    if (less > extent || more > extent)
      refuse("bad-model", `MirrorPad cannot mirror ${less} and ${more} of ${extent} elements`);
    if (less === 0 && more === 0) continue;
    const places = [
      ...natural(less).map((at) => less - 1 - at),
      ...natural(extent),
      ...natural(more).map((at) => extent - 1 - at),
    ];
    result = picked(ctx, result, axis, places);
  }
  return result;
}

function concat(node: GraphNode, ctx: Lowering): Value {
  const values = node.inputs.slice(0, -1);
  const rank = values[0]?.shape.length ?? 0;
  checkJoined(ctx, values);
  if (values.some(({ shape }) => shape.length !== rank))
    refuse("shape-mismatch", "ConcatV2 has operands of different ranks");
  return joinedRows(ctx, values, axisOf(numberOf(node.input(values.length), "the axis of ConcatV2"), rank));
}

function slice(node: GraphNode, ctx: Lowering): Value {
  let x = node.input(0);
  const begins = numbersOf(node.input(1), "the begin of Slice");
  const last = node.input(2);
  if (last.ref.kind === "node" && begins.every((begin) => begin === 0)) return firstRows(ctx, x, last);
  const sizes = knownNumbers(last, "the size of Slice");
  const isAll = powersIn(last);
  if (begins.length !== x.shape.length || sizes.length !== x.shape.length)
    refuse(
      "bad-model",
      `Slice has ${begins.length} begins and ${sizes.length} sizes for ${x.shape.length} axes`,
    );
  for (const [axis, begin] of begins.entries()) {
    const extent = x.shape[axis] ?? 1;
    if (axis === batchAxis(ctx, x)) {
      const isWhole = begin === 0 && (sizes[axis] === -1 || (isAll[axis] === 1 && sizes[axis] === 1));
      if (!isWhole) mixed(ctx, "it takes single samples of the batch");
      continue;
    }
    if (isAll[axis]) mixed(ctx, "it slices by the size of the batch");
    const size = sizes[axis] === -1 ? extent - begin : (sizes[axis] ?? 0);
    if (begin < 0 || size < 0 || begin + size > extent)
      refuse("bad-model", `Slice takes ${size} from ${begin} on of ${extent}`);
    if (size === 0 && x.ref.kind !== "constant") unsupported("an empty slice");
    x = sliced(ctx, x, axis, begin, size);
  }
  return x;
}

/** NumPy's x[begin:end:stride, …]. Bits of masks say which begins and ends are omitted, and which axes are added or dropped. */
function stridedSlice(node: GraphNode, ctx: Lowering): Value {
  let x = node.input(0);
  const [begins, strides] = [1, 3].map((at) => numbersOf(node.input(at), "the places of StridedSlice"));
  const ends = knownNumbers(node.input(2), "the ends of StridedSlice");
  const isAll = powersIn(node.input(2));
  const bit = (mask: string, at: number): boolean => ((node.int(mask, 0) >> at) & 1) === 1;
  const count = begins?.length ?? 0;
  if (count > 32 || ends.length !== count || strides?.length !== count)
    refuse("bad-model", "begin, end and strides of StridedSlice differ in number");
  const specs = natural(count);
  const added = specs.filter((at) => bit("new_axis_mask", at) && !bit("ellipsis_mask", at));
  const rest =
    x.shape.length - (count - added.length - specs.filter((at) => bit("ellipsis_mask", at)).length);
  const shape: number[] = [];
  const batch = batchAxis(ctx, x);
  // The axis of the result that is the batch.
  let place: number | undefined;
  let axis = 0;
  for (const at of specs) {
    if (bit("ellipsis_mask", at)) {
      for (let more = 0; more < rest; more += 1) {
        if (axis === batch) place = shape.length;
        shape.push(x.shape[axis++] ?? 1);
      }
      continue;
    }
    if (bit("new_axis_mask", at)) {
      shape.push(1);
      continue;
    }
    const extent = x.shape[axis] ?? refuse("bad-model", "StridedSlice has more places than axes");
    const [begin = 0, end = 0, step = 1] = [begins?.[at], ends[at], strides[at]];
    const isOne = bit("shrink_axis_mask", at);
    if (step === 0) refuse("bad-model", "a stride of StridedSlice is 0");
    if (axis === batch) {
      const isFirst = bit("begin_mask", at) || begin === 0;
      const isLast = bit("end_mask", at) || (isAll[at] === 1 && end >= 1);
      if (isOne || step !== 1 || !isFirst || !isLast) mixed(ctx, "it takes single samples of the batch");
      place = shape.length;
      shape.push(1);
      axis += 1;
      continue;
    }
    if (isAll[at] && !bit("end_mask", at) && !isOne) mixed(ctx, "it slices by the size of the batch");
    const clamp = (place: number): number => {
      const from = place < 0 ? place + extent : place;
      return step > 0 ? Math.min(Math.max(from, 0), extent) : Math.min(Math.max(from, -1), extent - 1);
    };
    const from = isOne || !bit("begin_mask", at) ? clamp(begin) : step > 0 ? 0 : extent - 1;
    const to = bit("end_mask", at) ? (step > 0 ? extent : -1) : clamp(end);
    const size = isOne ? 1 : Math.max(0, Math.ceil((to - from) / step));
    if (from + (size - 1) * step >= extent || from < 0) {
      if (size > 0) refuse("bad-model", `StridedSlice takes element ${begin} of ${extent}`);
    }
    if (size === 0 && x.ref.kind !== "constant") unsupported("an empty slice");
    if (size > smallLimit && step < 0) unsupported(`a slice of ${size} elements in reverse`);
    x =
      step > 0 || size <= 1
        ? sliced(ctx, x, axis, size === 0 ? 0 : from, size, size <= 1 ? 1 : step)
        : picked(
            ctx,
            x,
            axis,
            natural(size).map((k) => from + k * step),
          );
    if (!isOne) shape.push(size);
    axis += 1;
  }
  const wanted = [...shape, ...x.shape.slice(axis)];
  const isSame = sameOrder(wanted, x.shape) && place === batch;
  if (batch !== undefined && axis <= batch) place = shape.length + batch - axis;
  return isSame ? x : reshaped(ctx, x, wanted, place);
}

function partsOf(ctx: Lowering, x: Value, axis: number, sizes: readonly number[]): Value[] {
  keepBatch(ctx, x, axis, "it splits the batch");
  if (sizes.reduce((sum, size) => sum + size, 0) !== x.shape[axis] || sizes.some((size) => !(size >= 1)))
    refuse("shape-mismatch", `[${sizes.join(", ")}] does not split the ${x.shape[axis]} of axis ${axis}`);
  let begin = 0;
  return sizes.map((size) => {
    const part = sliced(ctx, x, axis, begin, size);
    begin += size;
    return part;
  });
}

function split(node: GraphNode, ctx: Lowering): Value[] {
  const x = node.input(1);
  const axis = axisOf(numberOf(node.input(0), "the axis of Split"), x.shape.length);
  const count = node.int("num_split");
  if (!(count >= 1)) refuse("bad-model", `Split cannot make ${count} parts`);
  checkMany(count, "results");
  return partsOf(ctx, x, axis, new Array<number>(count).fill((x.shape[axis] ?? 1) / count));
}

function splitV(node: GraphNode, ctx: Lowering): Value[] {
  const x = node.input(0);
  const sizes = [...numbersOf(node.input(1), "the sizes of SplitV")];
  const axis = axisOf(numberOf(node.input(2), "the axis of SplitV"), x.shape.length);
  checkMany(sizes.length, "results");
  const open = sizes.indexOf(-1);
  if (open >= 0) sizes[open] = (x.shape[axis] ?? 1) - sizes.reduce((sum, size) => sum + size, 1);
  return partsOf(ctx, x, axis, sizes);
}

function pack({ inputs, int }: GraphNode, ctx: Lowering): Value {
  const rank = (inputs[0]?.shape.length ?? 0) + 1;
  const axis = axisOf(int("axis", 0), rank);
  const shaped = inputs.map((value) => {
    if (value.shape.length + 1 !== rank) refuse("shape-mismatch", "Pack has operands of different ranks");
    return unsqueezed(ctx, value, [axis]);
  });
  checkJoined(ctx, shaped);
  return joined(ctx, shaped, axis);
}

function unpack(node: GraphNode, ctx: Lowering): Value[] {
  const x = node.input(0);
  const axis = axisOf(node.int("axis", 0), x.shape.length);
  const extent = x.shape[axis] ?? 1;
  checkMany(extent, "results");
  return partsOf(ctx, x, axis, new Array<number>(extent).fill(1)).map((part) => squeezed(ctx, part, [axis]));
}

function tile(node: GraphNode, ctx: Lowering): Value {
  const x = node.input(0);
  return tiled(ctx, x, sizesIn(ctx, node.input(1), "the multiples of Tile"));
}

const same = (node: GraphNode): Value => node.input(0);

export const parts: OperatorTable = {
  Pad: pad(() => "constant"),
  PadV2: pad(() => "constant"),
  MirrorPad: pad((node) => node.text("mode", "REFLECT")),
  ConcatV2: concat,
  Slice: slice,
  StridedSlice: stridedSlice,
  Split: split,
  SplitV: splitV,
  Pack: pack,
  Unpack: unpack,
  Tile: tile,
  BroadcastTo: (node, ctx) =>
    expanded(ctx, node.input(0), sizesIn(ctx, node.input(1), "the shape of BroadcastTo")),
  Identity: same,
  StopGradient: same,
  PreventGradient: same,
  Snapshot: same,
  EnsureShape: same,
  PlaceholderWithDefault: same,
  IdentityN: ({ inputs }) => inputs,
};
