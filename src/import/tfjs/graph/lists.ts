// Lists and arrays of tensors, as loops write and read them. Their elements are known when the model is compiled, so the lists leave no
// trace in the graph.

import { elements } from "#ir/type.js";
import { smallLimit } from "#import/builder.js";
import type { Lowering } from "#import/lowering.js";
import { intsValue, numberOf, numbersOf, scalar, valueOf as valueOfRef } from "#import/lowering.js";
import { elementAt, joined, sliced, stacked } from "#import/operators/parts.js";
import { refuse, unsupported } from "#import/refusal.js";
import type { Value } from "#import/value.js";
import { natural } from "#ir/axis-order.js";
import type { NodeDef } from "./graph-def.js";
import type { Held, TensorList } from "./held.js";
import { listOf, valueOf } from "./held.js";

/** The most elements of a list. */
const lengthLimit = 16_384;

/** A node on lists, with its operands. */
interface ListNode {
  readonly node: NodeDef;
  readonly list: (at: number) => TensorList;
  readonly value: (at: number) => Value;
  /** An operand that must be a known integer. */
  readonly number: (at: number) => number;
}

type ListImport = (given: ListNode, ctx: Lowering) => Held | readonly Held[];

/** The results of an operator on lists. */
export function lowerList(node: NodeDef, operands: readonly Held[], ctx: Lowering): readonly Held[] {
  const operand = (at: number): Held =>
    operands[at] ?? refuse("bad-model", `operand ${at + 1} of ${node.op} is missing`);
  const value = (at: number): Value => valueOf(operand(at), node.op);
  const result = listOperators[node.op]?.(
    {
      node,
      list: (at) => listOf(operands[at], `operand ${at + 1} of ${node.op}`),
      value,
      number: (at) => numberOf(value(at), `operand ${at + 1} of ${node.op}`),
    },
    ctx,
  );
  return Array.isArray(result) ? (result as readonly Held[]) : [result as Held];
}

/** The shape of elements that an operand gives; the single number −1 means an unknown shape. */
function elementShape(value: Value, op: string): readonly number[] | undefined {
  const numbers = numbersOf(value, `the shape of elements of ${op}`);
  return value.shape.length === 0 ? undefined : numbers;
}

function emptyList(length: number, element: readonly number[] | undefined): TensorList {
  if (!Number.isInteger(length) || length < 0 || length > lengthLimit)
    unsupported(`a list of ${length} tensors`);
  return { items: new Array<undefined>(length).fill(undefined), element };
}

/**
 * An element, or zeros in place of one that was not written. The zeros have the shape that the list declares, or that of its other
 * elements.
 */
function itemAt(ctx: Lowering, list: TensorList, at: number, given?: readonly number[]): Value {
  const { items, element } = list;
  if (!Number.isInteger(at) || at < 0 || at >= items.length)
    refuse("bad-model", `a list of ${items.length} tensors has no element ${at}`);
  const item = items[at];
  if (item) return item;
  const isFull = (shape: readonly number[] | undefined): boolean =>
    shape?.every((extent) => extent >= 1) ?? false;
  const shape = [given, element, items.find((one) => one !== undefined)?.shape].find(isFull);
  if (!shape || elements(shape) > smallLimit)
    unsupported("an element of a list of tensors that was not written");
  return valueOfRef(ctx.build.literal(new Float64Array(elements(shape)), shape));
}

function itemsOf(ctx: Lowering, list: TensorList, given?: readonly number[]): readonly Value[] {
  return natural(list.items.length).map((at) => itemAt(ctx, list, at, given));
}

/** The list with an element replaced; an array that may grow becomes longer if necessary. */
function withItem(list: TensorList, at: number, item: Value): TensorList {
  if (!Number.isInteger(at) || at < 0 || at >= lengthLimit)
    refuse("bad-model", `a list of ${list.items.length} tensors has no element ${at}`);
  const items = [...list.items];
  while (items.length <= at) items.push(undefined);
  return { ...list, items: items.with(at, item) };
}

function itemsOfTensor(ctx: Lowering, x: Value, op: string): readonly Value[] {
  const [count] = x.shape;
  if (count === undefined || count > lengthLimit) unsupported(`${op} of [${x.shape.join(", ")}]`);
  return natural(count).map((at) => elementAt(ctx, x, 0, at));
}

function stackedItems(ctx: Lowering, items: readonly Value[], op: string): Value {
  if (items.length === 0) unsupported(`${op} of an empty list`);
  return stacked(ctx, items, 0);
}

/** The elements at their places, in a list of at least `length` elements. */
function scattered(list: TensorList, places: readonly number[], items: readonly Value[]): TensorList {
  let result = list;
  for (const [at, place] of places.entries()) {
    const item = items[at];
    if (item) result = withItem(result, place, item);
  }
  return result;
}

/** Pieces of a tensor along its first axis. */
function pieces(ctx: Lowering, x: Value, sizes: readonly number[]): readonly Value[] {
  let begin = 0;
  return sizes.map((size) => {
    const piece = sliced(ctx, x, 0, begin, size);
    begin += size;
    return piece;
  });
}

const listOperators: Readonly<Record<string, ListImport>> = {
  TensorListReserve: ({ node, value, number }) => emptyList(number(1), elementShape(value(0), node.op)),
  EmptyTensorList: ({ node, value }) => emptyList(0, elementShape(value(0), node.op)),
  TensorListFromTensor: ({ node, value }, ctx) => ({
    items: itemsOfTensor(ctx, value(0), node.op),
    element: elementShape(value(1), node.op),
  }),
  TensorListGetItem: ({ node, list, number, value }, ctx) =>
    itemAt(ctx, list(0), number(1), node.inputs.length > 2 ? elementShape(value(2), node.op) : undefined),
  TensorListSetItem: ({ list, number, value }) => withItem(list(0), number(1), value(2)),
  TensorListPushBack: ({ list, value }) => withItem(list(0), list(0).items.length, value(1)),
  TensorListPopBack: ({ list }, ctx) => [
    { ...list(0), items: list(0).items.slice(0, -1) },
    itemAt(ctx, list(0), list(0).items.length - 1),
  ],
  TensorListLength: ({ list }, ctx) => intsValue(ctx, [list(0).items.length], []),
  TensorListResize: ({ list, number }) => {
    const { items, element } = list(0);
    const rest = emptyList(Math.max(0, number(1) - items.length), element);
    return { items: [...items.slice(0, number(1)), ...rest.items], element };
  },
  TensorListStack: ({ node, list, value }, ctx) =>
    stackedItems(
      ctx,
      itemsOf(ctx, list(0), node.inputs.length > 1 ? elementShape(value(1), node.op) : undefined),
      node.op,
    ),
  TensorListGather: ({ node, list, value }, ctx) => {
    const places = numbersOf(value(1), "the places of TensorListGather");
    return stackedItems(
      ctx,
      places.map((at) => itemAt(ctx, list(0), at, elementShape(value(2), node.op))),
      node.op,
    );
  },
  TensorListScatter: ({ node, value }, ctx) =>
    scattered(
      emptyList(0, elementShape(value(2), node.op)),
      numbersOf(value(1), "the places of TensorListScatter"),
      itemsOfTensor(ctx, value(0), node.op),
    ),
  TensorListScatterV2: ({ node, value, number }, ctx) =>
    scattered(
      emptyList(Math.max(0, number(3)), elementShape(value(2), node.op)),
      numbersOf(value(1), "the places of TensorListScatterV2"),
      itemsOfTensor(ctx, value(0), node.op),
    ),
  TensorListConcat: ({ list }, ctx) => joined(ctx, itemsOf(ctx, list(0)), 0),
  TensorListConcatV2: ({ list }, ctx) => joined(ctx, itemsOf(ctx, list(0)), 0),
  TensorListSplit: ({ node, value }, ctx) => ({
    items: pieces(ctx, value(0), numbersOf(value(2), "the sizes of TensorListSplit")),
    element: elementShape(value(1), node.op),
  }),
  // The flow of an array is its state; its handle only says which array it is.
  TensorArrayV3: ({ number, node }) => {
    const list = emptyList(number(0), node.attributes.shape("element_shape"));
    return [list, list];
  },
  TensorArrayWriteV3: ({ list, number, value }) => withItem(list(3), number(1), value(2)),
  TensorArrayReadV3: ({ list, number }, ctx) => itemAt(ctx, list(2), number(1)),
  TensorArrayGatherV3: ({ list, value, node }, ctx) =>
    stackedItems(
      ctx,
      numbersOf(value(1), "the places of TensorArrayGatherV3").map((at) => itemAt(ctx, list(2), at)),
      node.op,
    ),
  TensorArrayScatterV3: ({ node, list, value }, ctx) =>
    scattered(
      list(3),
      numbersOf(value(1), "the places of TensorArrayScatterV3"),
      itemsOfTensor(ctx, value(2), node.op),
    ),
  TensorArrayConcatV3: ({ list }, ctx) => [
    joined(ctx, itemsOf(ctx, list(1)), 0),
    intsValue(
      ctx,
      itemsOf(ctx, list(1)).map(({ shape }) => shape[0] ?? 1),
    ),
  ],
  TensorArraySplitV3: ({ list, value }, ctx) =>
    scattered(
      list(3),
      natural(value(2).shape[0] ?? 0),
      pieces(ctx, value(1), numbersOf(value(2), "the sizes of TensorArraySplitV3")),
    ),
  TensorArraySizeV3: ({ list }, ctx) => intsValue(ctx, [list(1).items.length], []),
  TensorArrayCloseV3: (_, ctx) => scalar(ctx, 0),
};

/** Operators on lists and arrays of tensors. */
export const listOps: ReadonlySet<string> = new Set(Object.keys(listOperators));
