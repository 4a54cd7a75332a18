// Puts transposes earlier in the graph, where two become one or where they move fewer elements.

import type { Node, NodeOf } from "#ir/graph.js";
import { nodeOf, operands } from "#ir/graph.js";
import { users } from "#ir/node-order.js";
import { elements } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { natural, permuted, places, reshapeGroups, sameOrder } from "#ir/axis-order.js";
import { axisOf } from "#ops/reduce.js";
import type { ReplacementBuilder, Ref } from "#rewrite/rule/replacement-builder.js";
import { isOnlyHere, moveOf, moved } from "./move.js";

/** A transpose of a move: one move does both. It moves the parts of a merged axis one by one. */
export function oneOfTwo(module: Module, node: Node, build: ReplacementBuilder): Ref | undefined {
  const { graph } = module;
  if (node.op !== "transpose") return undefined;
  const [x] = operands(graph, node);
  const move = x?.op === "reshape" ? moveOf(graph, x.id) : undefined;
  if (!move) return undefined;
  const { split, perm, shape } = move;
  const after = permuted(split, perm);
  // The finest axes: the parts of each merged axis, and the parts into which the reshape splits an axis.
  const groups = reshapeGroups(after, shape);
  if (groups.some(({ inputs, outputs }) => inputs.length > 1 && outputs.length > 1)) return undefined;
  const fine = groups.flatMap(({ inputs, outputs }) =>
    inputs.length > 1 ? inputs.map((axis) => after[axis] ?? 1) : outputs.map((axis) => shape[axis] ?? 1),
  );
  // For each axis before and after the reshape, its finest axes.
  const [ofInput, ofOutput] = [new Map<number, number[]>(), new Map<number, number[]>()];
  let at = 0;
  for (const { inputs, outputs } of groups) {
    const many = inputs.length > 1 ? inputs.length : outputs.length;
    const own = natural(many).map((offset) => at + offset);
    for (const [which, axis] of inputs.entries())
      ofInput.set(axis, inputs.length > 1 ? [own[which] ?? 0] : own);
    for (const [which, axis] of outputs.entries())
      ofOutput.set(axis, outputs.length > 1 ? [own[which] ?? 0] : own);
    at += many;
  }
  const inBase = places(perm).flatMap((axis) => ofInput.get(axis) ?? []);
  const wanted = node.attributes.perm.flatMap((axis) => ofOutput.get(axis) ?? []);
  const source = build.op("reshape", [build.existing(move.base)], { shape: permuted(fine, inBase) });
  const back = places(inBase);
  return (
    source && moved(build, source, { perm: wanted.map((axis) => back[axis] ?? 0), shape: node.type.shape })
  );
}

/** Transposes of slices of an input become slices of its transpose, where that moves no more elements. */
export function transposeAboveSlice(
  { graph }: Module,
  node: Node,
  build: ReplacementBuilder,
): Ref | undefined {
  if (node.op !== "transpose") return undefined;
  const { perm } = node.attributes;
  const chain: NodeOf<"slice">[] = [];
  let [whole] = operands(graph, node);
  for (; whole?.op === "slice"; [whole] = operands(graph, whole)) chain.unshift(whole);
  if (chain.length === 0 || whole?.op !== "input") return undefined;
  const below = (of: Node): Node[] => (users(graph).get(of.id) ?? []).map((id) => nodeOf(graph, id));
  const isSame = (user: Node): boolean => user.op === "transpose" && sameOrder(user.attributes.perm, perm);
  const parts = below(whole).filter(({ op }) => op === "slice");
  for (const part of parts) for (const one of below(part)) if (one.op === "slice") parts.push(one);
  const moves = parts.flatMap(below).filter(isSame);
  const count = moves.reduce((sum, one) => sum + elements(one.type.shape), 0);
  if (!below(whole).some(isSame) && (moves.length < 2 || count < elements(whole.type.shape)))
    return undefined;
  let result = build.op("transpose", [build.existing(whole.id)], { perm });
  for (const { attributes } of chain)
    result &&= build.op("slice", [result], {
      begin: permuted(attributes.begin, perm),
      size: permuted(attributes.size, perm),
      stride: permuted(attributes.stride, perm),
    });
  return result;
}

/** A transpose of a concat becomes a concat of transposes, if most of its elements come from moves, inputs or slices. */
export function transposeAboveConcat(module: Module, node: Node, build: ReplacementBuilder): Ref | undefined {
  const { graph } = module;
  if (node.op !== "transpose") return undefined;
  const { perm } = node.attributes;
  const [whole] = operands(graph, node);
  if (whole?.op !== "concat" || !isOnlyHere(module, [whole.id])) return undefined;
  const axis = perm.indexOf(axisOf(whole.attributes.axis, whole.type.shape) ?? 0);
  const isInPlace =
    axis === perm.length - 1 || elements(permuted(whole.type.shape, perm).slice(0, axis)) === 1;
  const parts = operands(graph, whole);
  const isMoved = (part: Node): boolean =>
    part.op === "input" || part.op === "slice" || moveOf(graph, part.id) !== undefined;
  const count = parts.filter(isMoved).reduce((sum, part) => sum + elements(part.type.shape), 0);
  if (!isInPlace || 2 * count < elements(whole.type.shape)) return undefined;
  const turned = parts.flatMap((part) => build.op("transpose", [build.existing(part.id)], { perm }) ?? []);
  return turned.length === parts.length ? build.op("concat", turned, { axis }) : undefined;
}

/** a·b = (bᵀ·aᵀ)ᵀ: swaps the operands of a product where fewer elements are transposed then. */
export function productOfTransposed(module: Module, node: Node, build: ReplacementBuilder): Ref | undefined {
  const { graph } = module;
  const [a, b] = operands(graph, node);
  const rank = node.type.shape.length;
  if (node.op !== "matmul" || !a || !b || a.type.shape.length !== rank || b.type.shape.length !== rank)
    return undefined;
  const perm = [...natural(rank - 2), rank - 1, rank - 2];
  const isTurned = (one: Node): boolean =>
    one.op === "transpose" && sameOrder(one.attributes.perm, perm) && isOnlyHere(module, [one.id]);
  const size = (one: Node): number => elements(one.type.shape);
  const now = (isTurned(a) ? size(a) : 0) + (isTurned(b) ? size(b) : 0);
  const then = (isTurned(a) ? 0 : size(a)) + (isTurned(b) ? 0 : size(b)) + size(node);
  if (then >= now) return undefined;
  const turn = (one: Node): Ref | undefined =>
    isTurned(one)
      ? build.existing(one.inputs[0] ?? one.id)
      : build.op("transpose", [build.existing(one.id)], { perm });
  const [left, right] = [turn(b), turn(a)];
  const product = left && right && build.op("matmul", [left, right], {});
  return product && build.op("transpose", [product], { perm });
}
