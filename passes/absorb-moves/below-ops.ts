// Puts moves after elementwise ops and after slices.

import type { Node } from "#ir/graph.js";
import { nodeOf, operands } from "#ir/graph.js";
import { outputIds, users } from "#ir/node-order.js";
import { elements, sameShape } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { permuted, places, reshapeGroups, sameOrder } from "#ir/axis-order.js";
import type { ReplacementBuilder, Ref } from "#rewrite/rule/replacement-builder.js";
import type { Move } from "./move.js";
import { attributesOf, isOnlyHere, moveOf, moved, splitBase } from "./move.js";

/** An elementwise op whose operands are constants or were all moved in the same way: one move of its result replaces those moves. */
export function moveBelowElementwise(module: Module, node: Node, build: ReplacementBuilder): Ref | undefined {
  const { graph } = module;
  const all = operands(graph, node);
  const moves = all.map((one) => moveOf(graph, one.id));
  const first = moves.find((move) => move !== undefined);
  if (!first || !sameShape(first.shape, node.type.shape)) return undefined;
  const count = new Set(moves.flatMap((move) => move?.base ?? [])).size;
  // The kernel of a transpose computes elementwise ops that follow it. So a move of an input stays before them.
  if (count < 2 && (!first.isFlat || nodeOf(graph, first.base).op === "input")) return undefined;
  const values = all.map((one, at): Ref | undefined => {
    const move = moves[at];
    if (move) return isSameMove(move, first) ? splitBase(build, move) : undefined;
    return one.op === "constant" ? unmovedConstant(build, one, first) : undefined;
  });
  const known = values.filter((value) => value !== undefined);
  if (known.length < values.length) return undefined;
  if (!moves.every((move) => !move || isOnlyHere(module, [...new Set(move.nodes)]))) return undefined;
  const result = build.op(node.op, known, attributesOf(node));
  return result && sameShape(result.type.shape, first.split) ? moved(build, result, first) : undefined;
}

function isSameMove(a: Move, b: Move): boolean {
  return sameShape(a.split, b.split) && sameOrder(a.perm, b.perm) && sameShape(a.shape, b.shape);
}

/** A constant in the order of the unmoved value; undefined where the constant repeats over only a part of a merged axis. */
function unmovedConstant(
  build: ReplacementBuilder,
  node: Node,
  { split, perm, shape }: Move,
): Ref | undefined {
  const value = build.existing(node.id);
  if (elements(node.type.shape) === 1) return build.op("reshape", [value], { shape: [] });
  const own = [...new Array<number>(shape.length - node.type.shape.length).fill(1), ...node.type.shape];
  const after = permuted(split, perm);
  const spread = [...after];
  for (const { inputs, outputs } of reshapeGroups(after, shape)) {
    if (outputs.every((axis) => own[axis] === 1)) for (const axis of inputs) spread[axis] = 1;
    else if (!outputs.every((axis) => own[axis] === shape[axis])) return undefined;
  }
  const cut = build.op("reshape", [value], { shape: spread });
  return cut && build.op("transpose", [cut], { perm: places(perm) });
}

/** A slice of a moved value: moves the slice only, where it takes whole rows of the split axis. */
export function moveBelowSlice(module: Module, node: Node, build: ReplacementBuilder): Ref | undefined {
  const { graph } = module;
  if (node.op !== "slice") return undefined;
  const [x] = operands(graph, node);
  const move = x && moveOf(graph, x.id);
  if (!x || !move?.isFlat || node.attributes.stride.some((stride) => stride !== 1)) return undefined;
  // An input is transposed as a whole: see `transposeAboveSlice`.
  if (nodeOf(graph, move.base).op === "input") return undefined;
  if (outputIds(graph).has(x.id)) return undefined;
  // All users of the moved value must be slices of it, so that no element is moved twice.
  const parts = (users(graph).get(x.id) ?? []).map((id) => nodeOf(graph, id));
  if (parts.some(({ op }) => op !== "slice")) return undefined;
  if (parts.reduce((sum, part) => sum + elements(part.type.shape), 0) > elements(x.type.shape))
    return undefined;
  const { split, perm, shape } = move;
  const after = permuted(split, perm);
  const { begin, size } = node.attributes;
  const [first, extent] = [after.map(() => 0), [...after]];
  for (const { inputs, outputs } of reshapeGroups(after, shape)) {
    const cut = outputs.filter((axis) => size[axis] !== shape[axis]);
    if (cut.length === 0) continue;
    const [outer = 0, ...inner] = inputs.filter((axis) => after[axis] !== 1);
    const run = elements(inner.map((axis) => after[axis] ?? 1));
    const [from, count] = [begin[outputs[0] ?? 0] ?? 0, size[outputs[0] ?? 0] ?? 1];
    if (outputs.length !== 1 || from % run !== 0 || count % run !== 0) return undefined;
    [first[outer], extent[outer]] = [from / run, count / run];
  }
  const source = splitBase(build, move);
  const back = places(perm);
  const part =
    source && build.op("slice", [source], { begin: permuted(first, back), size: permuted(extent, back) });
  return part && moved(build, part, { perm, shape: size });
}
