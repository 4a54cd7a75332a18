// Takes moves of elements out of the way: into the weights of the layer behind, below what treats all elements alike, to where
// two become one. A move is a transpose with the reshapes around it: exporters write flattened images, shuffled channels and
// heads of attention so.

import type { Graph, Node, NodeId, NodeOf, OpName } from "#ir/graph.js";
import { nodeOf, operands } from "#ir/graph.js";
import { outputIds, users } from "#ir/node-order.js";
import type { Shape } from "#ir/type.js";
import { channels, elements, sameShape } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { natural, permuted, places, reshapeGroups, sameOrder } from "#ir/axis-order.js";
import { opNames, opOf } from "#ops/index.js";
import type { Attributes } from "#ops/op.js";
import { axisOf } from "#ops/reduce.js";
import type { Builder, Ref } from "#rewrite/build.js";
import type { Pass } from "#rewrite/pass.js";
import type { Rewrite, Rule } from "#rewrite/rule.js";
import { applyRules } from "#rewrite/sweep.js";
import { views } from "./rules/views.js";

export const absorbMoves: Pass = {
  name: "absorb-moves",
  doc: "Takes transposes, with reshapes around them, into weights behind them, below other ops, and two into one.",
  run: (module, { report }) =>
    applyRules(module, [...moveRules, ...views.rules()], { pass: "absorb-moves", report }),
};

const elementwise = opNames.filter((op) => opOf(op).classes.includes("elementwise"));

const moveRules: readonly Rule[] = [
  rule("move_into_weight", ["dense", "conv2d", "conv2d_transpose"], moveIntoWeight),
  rule("move_below_elementwise", elementwise, moveBelowElementwise),
  rule("move_below_slice", ["slice"], moveBelowSlice),
  rule("product_of_transposed", ["matmul"], productOfTransposed),
  rule("two_moves", ["transpose"], oneOfTwo),
  rule("transpose_above_slice", ["transpose"], transposeAboveSlice),
  rule("transpose_above_concat", ["transpose"], transposeAboveConcat),
];

function rule(name: string, ops: readonly OpName[], rewrite: Rewrite): Rule {
  return {
    name,
    span: { file: "absorb-moves", start: 0, end: 0 },
    pattern: { kind: "op", ops, operands: [], attributes: [] },
    shared: false,
    kept: new Set(),
    constants: new Set(),
    values: [],
    replacement: () => undefined,
    literals: { numbers: [], lists: [] },
    rewrite,
  };
}

/** A value that is `base` as `split`, permuted, as `shape`. */
interface Move {
  readonly base: NodeId;
  readonly split: Shape;
  readonly perm: readonly number[];
  readonly shape: Shape;
  /** Whether there is a reshape behind the transpose. */
  readonly isFlat: boolean;
  /** The nodes that make it of the base. */
  readonly nodes: readonly NodeId[];
}

function moveOf(graph: Graph, id: NodeId): Move | undefined {
  const nodes: NodeId[] = [];
  const through = (op: OpName, from: Node): Node => {
    if (from.op !== op) return from;
    nodes.push(from.id);
    return nodeOf(graph, from.inputs[0] ?? from.id);
  };
  const last = nodeOf(graph, id);
  const moved = through("reshape", last);
  if (moved.op !== "transpose") return undefined;
  const split = through("transpose", moved);
  const base = through("reshape", split);
  return {
    base: base.id,
    split: split.type.shape,
    perm: moved.attributes.perm,
    shape: last.type.shape,
    isFlat: last !== moved,
    nodes,
  };
}

/** The base in the shape that is permuted. */
function splitBase(build: Builder, { base, split }: Move): Ref | undefined {
  return build.op("reshape", [build.existing(base)], { shape: split });
}

/** A value in the order of the base, moved. */
function moved(build: Builder, value: Ref, { perm, shape }: Pick<Move, "perm" | "shape">): Ref | undefined {
  const turned = build.op("transpose", [value], { perm });
  return turned && build.op("reshape", [turned], { shape });
}

/** Whether a move has no other use than this one. */
function isOnlyHere({ graph }: Module, nodes: readonly NodeId[]): boolean {
  return nodes.every((id) => !outputIds(graph).has(id) && users(graph).get(id)?.length === 1);
}

/** A layer over rows of channels: it does not matter in which order they come if its weight has them in the same one. */
function moveIntoWeight(module: Module, node: Node, build: Builder): Ref | undefined {
  const { graph } = module;
  if (node.op !== "dense" && node.op !== "conv2d" && node.op !== "conv2d_transpose") return undefined;
  if (node.op !== "dense" && node.attributes.groups !== 1) return undefined;
  const [x, w, ...rest] = operands(graph, node);
  if (!x || w?.op !== "constant") return undefined;
  // A weight that others have too is there twice then.
  if (!isOnlyHere(module, [w.id]) && elements(w.type.shape) > elements(x.type.shape)) return undefined;
  const unmoved = unmovedChannels(graph, x, build);
  // Rows of the weight: [k, units] or [kh, kw, c, filters].
  const weight = unmoved?.rows(build.existing(w.id), w.type.shape.length - 2);
  if (!unmoved || !weight) return undefined;
  return build.op(
    node.op,
    [unmoved.x, weight, ...rest.map(({ id }) => build.existing(id))],
    attributesOf(node),
  );
}

interface Unmoved {
  /** The value with its channels in another order. */
  readonly x: Ref;
  /** A weight with an axis of these channels in the same order. */
  readonly rows: (weight: Ref, axis: number) => Ref | undefined;
}

/** A value before its channels, and nothing else, were moved; a concatenation of such; what is computed of one channel by channel. */
function unmovedChannels(graph: Graph, x: Node, build: Builder): Unmoved | undefined {
  if (x.op === "concat") return unmovedParts(graph, x, build);
  if (opOf(x.op).scalar) return unmovedScalars(graph, x, build);
  const move = moveOf(graph, x.id);
  if (!move) return undefined;
  const { split, perm, shape, base } = move;
  const tail = channelAxes(move);
  if (!tail) return undefined;
  const before = build.op("reshape", [build.existing(base)], { shape });
  if (!before) return undefined;
  const lead = split.length - tail;
  const back = places(perm)
    .slice(lead)
    .map((place) => place - lead);
  return {
    x: before,
    rows: (weight, axis) => {
      const extents = weight.type.shape;
      const parts = permuted(split, perm).slice(lead);
      const cut = build.op("reshape", [weight], {
        shape: [...extents.slice(0, axis), ...parts, ...extents.slice(axis + 1)],
      });
      const turn = [
        ...natural(axis),
        ...back.map((at) => axis + at),
        ...natural(extents.length - axis - 1).map((at) => axis + tail + at),
      ];
      const turned = cut && build.op("transpose", [cut], { perm: turn });
      return turned && build.op("reshape", [turned], { shape: extents });
    },
  };
}

/** How many of the last axes of the split base a move permutes among themselves, if they become the channels and the others stay. */
function channelAxes({ split, perm, shape }: Move): number | undefined {
  const after = permuted(split, perm);
  for (let tail = 1; tail <= perm.length; tail += 1) {
    const lead = perm.length - tail;
    if (elements(after.slice(lead)) !== channels(shape)) continue;
    if (perm.slice(0, lead).every((axis, at) => axis === at)) return tail;
  }
  return undefined;
}

/** An elementwise op of one value that was moved, and of constants. */
function unmovedScalars(graph: Graph, x: Node, build: Builder): Unmoved | undefined {
  const all = operands(graph, x);
  const [flow, second] = all.filter(({ op }) => op !== "constant");
  if (!flow || second || !sameShape(flow.type.shape, x.type.shape)) return undefined;
  const unmoved = unmovedChannels(graph, flow, build);
  if (!unmoved) return undefined;
  const values = all.flatMap((one): Ref[] => {
    const value = build.existing(one.id);
    const { shape } = one.type;
    if (one.id === flow.id) return [unmoved.x];
    if (channels(shape) === 1) return [value];
    const row = channels(shape) === channels(x.type.shape) && unmoved.rows(value, shape.length - 1);
    return row ? [row] : [];
  });
  const result = values.length === all.length && build.op(x.op, values, attributesOf(x));
  return result ? { x: result, rows: unmoved.rows } : undefined;
}

function unmovedParts(graph: Graph, x: NodeOf<"concat">, build: Builder): Unmoved | undefined {
  if (axisOf(x.attributes.axis, x.type.shape) !== x.type.shape.length - 1) return undefined;
  const parts = operands(graph, x).map((part) => ({ part, unmoved: unmovedChannels(graph, part, build) }));
  if (parts.every(({ unmoved }) => !unmoved)) return undefined;
  const joined = build.op(
    "concat",
    parts.map(({ part, unmoved }) => unmoved?.x ?? build.existing(part.id)),
    { axis: -1 },
  );
  if (!joined) return undefined;
  return {
    x: joined,
    rows: (weight, axis) => {
      let first = 0;
      const cut: Ref[] = [];
      for (const { part, unmoved } of parts) {
        const count = channels(part.type.shape);
        const { shape } = weight.type;
        const own = build.op("slice", [weight], {
          begin: shape.map((_, at) => (at === axis ? first : 0)),
          size: shape.with(axis, count),
        });
        const rows = own && unmoved ? unmoved.rows(own, axis) : own;
        if (!rows) return undefined;
        cut.push(rows);
        first += count;
      }
      return build.op("concat", cut, { axis });
    },
  };
}

/** An elementwise op of values that were moved alike, and of constants, is moved once, behind it. */
function moveBelowElementwise(module: Module, node: Node, build: Builder): Ref | undefined {
  const { graph } = module;
  const all = operands(graph, node);
  const moves = all.map((one) => moveOf(graph, one.id));
  const first = moves.find((move) => move !== undefined);
  if (!first || !sameShape(first.shape, node.type.shape)) return undefined;
  const count = new Set(moves.flatMap((move) => move?.base ?? [])).size;
  // The kernel of a transpose takes ops behind it along; what comes in is moved first.
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

/** A constant beside a moved value as one beside what was moved; undefined where it repeats over a part of a merged axis. */
function unmovedConstant(build: Builder, node: Node, { split, perm, shape }: Move): Ref | undefined {
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

/** A part of shuffled channels is shuffled, not a part of all: where whole rows of what was split are taken. */
function moveBelowSlice(module: Module, node: Node, build: Builder): Ref | undefined {
  const { graph } = module;
  if (node.op !== "slice") return undefined;
  const [x] = operands(graph, node);
  const move = x && moveOf(graph, x.id);
  if (!x || !move?.isFlat || node.attributes.stride.some((step) => step !== 1)) return undefined;
  // What comes in is transposed as a whole: see `transposeAboveSlice`.
  if (nodeOf(graph, move.base).op === "input") return undefined;
  if (outputIds(graph).has(x.id)) return undefined;
  // All that reads the whole takes parts of it, so that nothing is moved twice.
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

/** A transpose of a move: axes that were merged between are moved one by one. */
function oneOfTwo(module: Module, node: Node, build: Builder): Ref | undefined {
  const { graph } = module;
  if (node.op !== "transpose") return undefined;
  const [x] = operands(graph, node);
  const move = x?.op === "reshape" ? moveOf(graph, x.id) : undefined;
  if (!move) return undefined;
  const { split, perm, shape } = move;
  const after = permuted(split, perm);
  // The finest axes: of a merged axis its parts, of an axis that is split the parts that it becomes.
  const groups = reshapeGroups(after, shape);
  if (groups.some(({ inputs, outputs }) => inputs.length > 1 && outputs.length > 1)) return undefined;
  const fine = groups.flatMap(({ inputs, outputs }) =>
    inputs.length > 1 ? inputs.map((axis) => after[axis] ?? 1) : outputs.map((axis) => shape[axis] ?? 1),
  );
  // Of each axis before and after the reshape its finest axes.
  const [ofInput, ofOutput] = [new Map<number, number[]>(), new Map<number, number[]>()];
  let at = 0;
  for (const { inputs, outputs } of groups) {
    const many = inputs.length > 1 ? inputs.length : outputs.length;
    const own = natural(many).map((step) => at + step);
    for (const [which, axis] of inputs.entries())
      ofInput.set(axis, inputs.length > 1 ? [own[which] ?? 0] : own);
    for (const [which, axis] of outputs.entries())
      ofOutput.set(axis, outputs.length > 1 ? [own[which] ?? 0] : own);
    at += many;
  }
  const lies = places(perm).flatMap((axis) => ofInput.get(axis) ?? []);
  const wanted = node.attributes.perm.flatMap((axis) => ofOutput.get(axis) ?? []);
  const source = build.op("reshape", [build.existing(move.base)], { shape: permuted(fine, lies) });
  const back = places(lies);
  return (
    source && moved(build, source, { perm: wanted.map((axis) => back[axis] ?? 0), shape: node.type.shape })
  );
}

/** Transposes of parts of an input are parts of its transpose, where that moves no more. */
function transposeAboveSlice({ graph }: Module, node: Node, build: Builder): Ref | undefined {
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

/** A transpose of a concatenation is one of transposes, where most of what these move was moved before, or is copied anyway. */
function transposeAboveConcat(module: Module, node: Node, build: Builder): Ref | undefined {
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

/** a·b = (bᵀ·aᵀ)ᵀ: the product the other way round, where what is transposed then is smaller. */
function productOfTransposed(module: Module, node: Node, build: Builder): Ref | undefined {
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

function attributesOf(node: Node): Attributes {
  return { ...node.attributes };
}
