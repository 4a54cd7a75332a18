// The graph under construction. The builder infers types, folds constants, and reorders axes where an op needs another order.

import { given } from "#diagnostic/given.js";
import type { AttributeValue, Node, NodeId, OpName, WeightId } from "#ir/graph.js";
import { greatest } from "#diagnostic/extremes.js";
import type { Tensor } from "#ir/tensor.js";
import type { Shape, TensorType } from "#ir/type.js";
import { elements, isInteger } from "#ir/type.js";
import type { WeightStore } from "#ir/weights.js";
import { entryOf } from "#ir/weights.js";
import { batchProblem } from "#ops/batch.js";
import { inferType, makeNode, normalizeAttributes, opOf } from "#ops/index.js";
import { isProblem } from "#ops/op.js";
import type { Counted } from "./counted/propagate.js";
import { countedAfter } from "./counted/propagate.js";
import type { Names } from "./names.js";
import { refuse, refuseBatch } from "./refusal.js";
import type { PoweredTensor } from "./batch-powers.js";
import { powersOf } from "./batch-powers.js";
import type { Constant, NodeRef, Ref, Value } from "./value.js";
import type { ElementType } from "./element-type.js";
import { natural, permuted, places, sameOrder } from "#ir/axis-order.js";

/** The most nodes that a graph may have, as in the language. */
const nodeLimit = 200_000;

/** The most elements of a constant that is computed immediately. Larger constants become expressions of the weight store. */
export const smallLimit = 65_536;

/** The most elements of all constants that are computed immediately, taken together: 64 MiB. Later constants become expressions. */
const eagerTotal = 2 ** 23;

/** A result of at most this many elements is computed immediately, even if some of its operands are weights. */
const eagerLimit = 16;

/**
 * The most elements of all constants that grow from smaller ones, taken together: 512 MiB. A file of a few bytes must not make weights that
 * fill a disk.
 */
const growthLimit = 2 ** 27;

/**
 * The most elements and multiply-accumulates for computing constants, which take some seconds. Each stored element raises this limit by
 * `workPerElement`.
 */
const workLimit = 2 ** 27;
const workPerElement = 64;

/** The longest chain of constant expressions whose numbers are computed here. */
const depthLimit = 256;

/**
 * Ops that only move elements. They do not take the exporter's name of a result, unless the exporter's operator only moves elements too.
 */
const moves: ReadonlySet<OpName> = new Set(["reshape", "transpose"]);

export interface ImportBuilder {
  readonly store: WeightStore;
  readonly nodes: Map<NodeId, Node>;
  /**
   * Sets the name of the operator that is built next. Its first node takes this name; further nodes append their op. `isMove` says that the
   * operator only moves elements.
   */
  at(name: string, isMove?: boolean): void;
  /** The symbol of the open batch, if the batch is open. */
  readonly batch: string | undefined;
  /** An input; its numbers are floats until `finish` gives it its type. */
  input(name: string, shape: Shape, type?: ElementType): NodeRef;
  /** The types of inputs in the model, as far as they are known. */
  readonly inputTypes: ReadonlyMap<NodeId, ElementType>;
  /**
   * Adds a node, or computes a constant if all operands are constants. Optional operands that are omitted at the end are zeros; attributes
   * that are omitted have their defaults.
   */
  emit(op: OpName, operands: readonly Ref[], attributes?: Readonly<Record<string, AttributeValue>>): Ref;
  /** Numbers as a constant; `powers` says how each depends on the open batch, as in `BatchPowers`. */
  literal(numbers: ArrayLike<number>, shape?: Shape, powers?: ArrayLike<number>): Constant;
  /** A node for a constant whose axis 0, of extent 1, is the open batch: each sample has the same numbers. */
  perSample(constant: Constant): NodeRef;
  /** The constant from which `perSample` made this reference, if it did. */
  repeatedIn(ref: Ref): Constant | undefined;
  /** An entry of the store as a constant; `numbers` gives its values where the values in the store are less exact. */
  stored(id: WeightId, shape: Shape, label?: string, numbers?: () => Float64Array): Constant;
  /** The value with its axes in the given order; by default in the natural one. */
  arranged(value: Value, order?: readonly number[]): Ref;
  /**
   * How many elements `arranged` would move. It is 0 if the elements already have that order, if the value was brought into it before, or
   * if the value is an input, which can be given in any order.
   */
  movedBy(value: Value, order: readonly number[]): number;
  /** The node of a reference; a constant becomes a node. */
  nodeOf(ref: Ref): NodeId;
  /** By node of a reshape: its result, and the value that it reshapes, which has the same elements in reading order. */
  readonly origins: Map<NodeId, Made>;
  /** By node of an expansion: its result, and the value that it repeats. */
  readonly expansions: Map<NodeId, Made>;
  /** By node whose rows are counted: which axis they are, and their number. */
  readonly counts: Map<NodeId, Counted>;
}

/** A value and the value that it was made from. */
export interface Made {
  readonly result: Value;
  readonly origin: Value;
}

/** The value that x was made from; undefined if the axes of x have been permuted since. */
export function madeOf(made: ReadonlyMap<NodeId, Made>, x: Value): Value | undefined {
  const known = x.ref.kind === "node" ? made.get(x.ref.id) : undefined;
  if (!known || !sameOrder(x.order, known.result.order) || !sameOrder(x.shape, known.result.shape))
    return undefined;
  return { ...known.origin, type: x.type };
}

export function createBuilder(store: WeightStore, names: Names, batch: string | undefined): ImportBuilder {
  const nodes = new Map<NodeId, Node>();
  const batched = new Set<NodeId>();
  const inputTypes = new Map<NodeId, ElementType>();
  const constants = new Map<WeightId, NodeId>();
  const counts = new Map<NodeId, Counted>();
  const repeated = new Map<NodeId, Constant>();
  const depths = new Map<WeightId, number>();
  const arrangements = new Map<NodeId, Map<string, Ref>>();
  let current = "x";
  let isFirst = true;
  let mayMove = false;
  let [growth, work, eager] = [growthLimit, workLimit, eagerTotal];

  /** Refuses a constant that is much larger than its operands, or that takes too long to compute. */
  const spend = (count: number, operands: readonly Constant[], macs: number): void => {
    const sizes = operands.map(({ shape }) => elements(shape));
    growth -= Math.max(0, count - sizes.reduce((sum, size) => sum + size, 0));
    work -= greatest(sizes, Math.max(count, macs));
    if (growth < 0)
      refuse("too-large", `constants of the model make others of more than ${growthLimit} elements`);
    if (work < 0)
      refuse(
        "too-large",
        "computing the constants of the model takes too long",
        "onnxsim, or onnxruntime's offline optimization, can compute them in advance",
      );
  };

  const add = (parts: Pick<Node, "op" | "name" | "inputs" | "type"> & { attributes: object }): NodeId => {
    if (nodes.size >= nodeLimit) refuse("too-large", `the graph takes more than ${nodeLimit} nodes`);
    const id = nodes.size;
    nodes.set(
      id,
      makeNode({ ...parts, attributes: { ...parts.attributes }, id, position: id, origin: { spans: [] } }),
    );
    return id;
  };

  const constantNode = ({ shape, label, dtype }: Constant, weight: WeightId): NodeId =>
    add({
      op: "constant",
      name: names.unique(label ?? weight),
      inputs: [],
      type: { dtype: dtype ?? "f32", shape },
      attributes: { weight },
    });

  const typeOf = (ref: Ref): TensorType => {
    const dtype = (ref.kind === "node" ? nodes.get(ref.id)?.type.dtype : ref.dtype) ?? "f32";
    return { dtype, shape: ref.shape };
  };

  /** The operands of an op: where it does not take integers of these types, as f32 values, which are as exact up to 2²⁴. */
  const readable = (op: OpName, refs: readonly Ref[]): readonly Ref[] => {
    const types = refs.map(typeOf);
    if (types.every(({ dtype }) => dtype === "f32")) return refs;
    const { integers, operands } = opOf(op);
    const isAlike = types.every(
      ({ dtype }, at) =>
        dtype === (operands[Math.min(at, operands.length - 1)]?.places ? "f32" : types[0]?.dtype),
    );
    if (integers === "converts" || (integers === "moves" && isAlike)) return refs;
    return refs.map((ref) => (typeOf(ref).dtype === "f32" ? ref : emit("dequantize", [ref, literal([1])])));
  };

  const nodeOf = (ref: Ref): NodeId => {
    if (ref.kind === "node") return ref.id;
    const weight = ref.weight();
    const known = constants.get(weight);
    if (known !== undefined) return known;
    const id = constantNode(ref, weight);
    constants.set(weight, id);
    return id;
  };

  const perSample = (constant: Constant): NodeRef => {
    const id = constantNode(constant, constant.weight());
    if (batch !== undefined) batched.add(id);
    repeated.set(id, constant);
    return { kind: "node", id, shape: constant.shape };
  };

  const literal = (numbers: ArrayLike<number>, shape: Shape = [], powers?: ArrayLike<number>): Constant => {
    const data = Float64Array.from(numbers);
    const isFixed = batch === undefined || !powers || Array.from(powers).every((power) => power === 0);
    let id: WeightId | undefined;
    return {
      kind: "constant",
      shape,
      small: true,
      numbers: () => data,
      weight: () => {
        if (!isFixed) refuseBatch("it computes with the size of the batch", batch);
        return (id ??= store.add(
          `${current}.const`,
          { dtype: "f32", shape },
          { kind: "literal", data: Float32Array.from(data) },
        ));
      },
      ...(isFixed ? {} : { batchPowers: { symbol: batch, powers: Float64Array.from(powers) } }),
    };
  };

  const stored: ImportBuilder["stored"] = (id, shape, label, numbers = () => store.read(id).data) => {
    let data: Float64Array | undefined;
    const { source, type } = entryOf(store, id);
    if (source.kind === "file") work += workPerElement * elements(shape);
    return {
      kind: "constant",
      shape,
      small: false,
      numbers: () => (data ??= numbers()),
      weight: () => id,
      ...given({ label, dtype: isInteger(type.dtype) ? type.dtype : undefined }),
    };
  };

  const emit: ImportBuilder["emit"] = (op, written, attributes = {}) => {
    const table = opOf(op);
    const refs = readable(op, written);
    const types = refs.map(typeOf);
    const operands = [...refs];
    for (let at = refs.length; at < table.operands.length && table.operands[at]?.optional; at += 1) {
      const type = table.optionalType?.(types, at) ?? { dtype: "f32", shape: [] };
      types.push(type);
      operands.push(
        stored(store.add(`${current}.${table.operands[at]?.name}`, type, { kind: "absent" }), type.shape),
      );
    }
    const complete: Record<string, AttributeValue> = {};
    for (const [key, kind] of Object.entries(table.attributes)) {
      const value = attributes[key] ?? kind.default;
      // The language has no NaN for an attribute, and targets treat one differently.
      if (Number.isNaN(value)) refuse("bad-model", `\`${key}\` of ${op} is NaN`);
      if (value !== undefined) complete[key] = value;
    }
    const normal = normalizeAttributes(op, types, complete);
    if (isProblem(normal)) refuse("shape-mismatch", normal.problem);
    const type = inferType(op, types, normal);
    if (isProblem(type)) refuse("shape-mismatch", type.problem);

    const fixed = operands.filter((operand) => operand.kind === "constant");
    if (fixed.length === operands.length && fixed.length > 0) {
      const count = elements(type.shape);
      const { kernel } = normal as { readonly kernel?: readonly number[] };
      spend(count, fixed, Math.max(table.macs(types, normal, type), count * elements(kernel ?? [])));
      const small = fixed.every((one) => one.small) && count <= smallLimit;
      const isFew = count <= eagerLimit && fixed.every((one) => elements(one.shape) <= smallLimit);
      // The operands of an op that is not continuous are computed immediately too, operator by operator and rounded as the model rounds
      // them, because expressions of the store do not round between their ops.
      const isJump = table.jumps && count <= smallLimit && count <= eager;
      const evaluate = (): { readonly inputs: readonly PoweredTensor[]; readonly result: Tensor } => {
        const inputs = fixed.map(({ shape, batchPowers, ...one }): PoweredTensor => ({
          shape,
          data: one.numbers(),
          ...given({ powers: batchPowers?.powers }),
        }));
        return { inputs, result: table.eval(inputs, normal, type) };
      };
      // Quantized weights stay integers.
      const isKept = table.integers === "converts";
      if (!isKept && ((small && count <= eager) || (isFew && fixed.some((one) => one.small)) || isJump)) {
        eager -= count;
        const { inputs, result } = evaluate();
        const isFixed = fixed.every(({ batchPowers }) => batchPowers === undefined);
        return literal(result.data, type.shape, isFixed ? undefined : powersOf(op, inputs, normal, result));
      }
      const weight = store.add(`${current}.${op}`, type, {
        kind: "expression",
        op,
        attributes: { ...normal },
        inputs: fixed.map((one) => one.weight()),
      });
      const label = moves.has(op) ? fixed[0]?.label : undefined;
      const depth =
        1 +
        greatest(
          fixed.map((one) => depths.get(one.weight()) ?? 0),
          0,
        );
      depths.set(weight, depth);
      // These are computed from the operands' own numbers, which are rounded to their types.
      return depth > depthLimit
        ? stored(weight, type.shape, label)
        : stored(weight, type.shape, label, () => evaluate().result.data);
    }
    const inputs = operands.map(nodeOf);
    const carries = inputs.map((id) => batched.has(id));
    if (batch !== undefined) {
      const problem = batchProblem(op, types, normal, type, carries);
      if (problem !== undefined) refuseBatch(`${op} ${problem}`, batch);
    }
    const isMain = isFirst && (mayMove || !moves.has(op));
    const name = names.unique(isMain ? current : `${current}.${op}`);
    if (isMain) isFirst = false;
    const id = add({ op, name, inputs, type, attributes: normal });
    if (carries.includes(true)) batched.add(id);
    const counted = countedAfter(
      op,
      inputs.map((input) => counts.get(input)),
      types,
      normal,
      type,
    );
    if (counted) counts.set(id, counted);
    return { kind: "node", id, shape: type.shape };
  };

  /** Axis j of the arranged value is axis `perm[j]` of the reference. */
  const permOf = (value: Value, order: readonly number[]): number[] => {
    const from = places(value.order);
    return order.map((axis) => from[axis] ?? 0);
  };

  /** Whether only axes of extent 1 move, so that all elements keep their places. */
  const isStill = ({ ref }: Value, perm: readonly number[]): boolean => {
    const long = perm.filter((axis) => ref.shape[axis] !== 1);
    return long.every((axis, at) => at === 0 || axis > (long[at - 1] ?? 0));
  };

  const movedBy: ImportBuilder["movedBy"] = (value, order) => {
    const { ref } = value;
    const perm = permOf(value, order);
    if (ref.kind === "constant" || isStill(value, perm)) return 0;
    if (nodes.get(ref.id)?.op === "input" || arrangements.get(ref.id)?.has(perm.join())) return 0;
    return elements(ref.shape);
  };

  const arranged: ImportBuilder["arranged"] = (value, order = natural(value.shape.length)) => {
    const { ref } = value;
    // The batch axis must stay first: if it changed places with another axis of extent 1, nothing could tell them apart.
    if (batch !== undefined && ref.kind === "node" && order[0] !== value.order[0])
      refuseBatch("it moves the batch to another axis", batch);
    const perm = permOf(value, order);
    if (sameOrder(perm, natural(perm.length))) return ref;
    const key = perm.join();
    const own = ref.kind === "node" ? (arrangements.get(ref.id) ?? new Map<string, Ref>()) : undefined;
    const known = own?.get(key);
    if (known) return known;
    const moved = isStill(value, perm)
      ? emit("reshape", [ref], { shape: permuted(ref.shape, perm) })
      : emit("transpose", [ref], { perm });
    if (ref.kind === "node" && own) arrangements.set(ref.id, own.set(key, moved));
    return moved;
  };

  return {
    store,
    nodes,
    batch,
    at: (name, isMove = false) => {
      current = name;
      isFirst = true;
      mayMove = isMove;
    },
    input: (name, shape, type) => {
      const id = add({
        op: "input",
        name: names.unique(name),
        inputs: [],
        type: { dtype: "f32", shape },
        attributes: {},
      });
      if (batch !== undefined) batched.add(id);
      if (type) inputTypes.set(id, type);
      return { kind: "node", id, shape };
    },
    inputTypes,
    emit,
    literal,
    perSample,
    repeatedIn: (ref) => (ref.kind === "node" ? repeated.get(ref.id) : undefined),
    stored,
    arranged,
    movedBy,
    nodeOf,
    origins: new Map(),
    expansions: new Map(),
    counts,
  };
}
