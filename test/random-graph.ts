// Random graphs of all ops: chains, branches, residuals and concats, for differential tests.

import type { AttributeValue, Node, NodeId, OpName } from "#ir/graph.js";
import { elements, sameShape } from "#ir/type.js";
import type { TensorType } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { inferType, makeNode, normalizeAttributes, opOf, ops } from "#ops/index.js";
import { isProblem } from "#ops/op.js";
import type { Random } from "#ops/random.js";
import { createWeightStore } from "#weights/store.js";

export interface RandomModuleOptions {
  /** Ops to leave out. */
  readonly without?: readonly OpName[];
  /** The most nodes without inputs and constants; 12 by default. */
  readonly size?: number;
  /** Whether ops with jumps (`floor`, `less`), which amplify small errors, may occur; false by default. */
  readonly jumps?: boolean;
}

/** Values with more elements are not passed to further ops, so that tests stay quick. */
const largest = 4096;

const jumping: ReadonlySet<OpName> = new Set<OpName>([
  "floor",
  "ceil",
  "round",
  "quantize",
  "sign",
  "equal",
  "less",
  "less_equal",
  "where",
  // At ±1 their slope has no bound, and atan2 jumps where its second operand is negative.
  "acosh",
  "atan2",
  "atanh",
  "gather",
  "scatter",
  "top_k",
  "non_max_suppression",
]);

/** Ops that are safe if all operands are in [0.5, 1.5]: their operands pass through a sigmoid first. */
const touchy: ReadonlySet<OpName> = new Set<OpName>([
  "log",
  "sqrt",
  "rsqrt",
  "reciprocal",
  "div",
  "pow",
  "exp",
  "sinh",
  "cosh",
  "reduce_prod",
]);

/**
 * A valid module for random choices: the same seed gives the same module. All ops may occur. Values stay
 * moderate, so that differential tests compare numbers and not NaN with NaN. Every value that is not read is an output.
 */
export function randomModule(random: Random, options: RandomModuleOptions = {}): Module {
  const maker = createMaker(random);
  const names = (Object.keys(ops) as OpName[]).filter(
    (name) =>
      name !== "input" &&
      name !== "constant" &&
      !options.without?.includes(name) &&
      (options.jumps || !jumping.has(name)),
  );
  const values: NodeId[] = [];
  for (let count = random.int(1, 2); count > 0; count -= 1) values.push(maker.input(sampleInput(random)));
  // Mostly the latest value, which gives chains; sometimes any value, which gives branches.
  const pick = (): NodeId => (random.next() < 0.7 ? (values.at(-1) ?? 0) : random.pick(values));
  const size = random.int(3, options.size ?? 12);
  for (let made = 0, tries = 0; made < size && tries < 50 * size; tries += 1) {
    const id = step(random, maker, random.pick(names), pick(), values);
    if (id === undefined) continue;
    made += 1;
    if (elements(maker.type(id).shape) <= largest) values.push(id);
  }
  return maker.module();
}

/** Makes a node of the op that reads `x`; undefined if the choices do not fit. */
function step(
  random: Random,
  maker: Maker,
  name: OpName,
  x: NodeId,
  values: readonly NodeId[],
): NodeId | undefined {
  const op = opOf(name);
  const attributes = attributesFor(random, name, maker.type(x));
  if (op.layer) {
    const layer = layerAttributes(random, name);
    const parameters = op.layer.parameters(maker.type(x), layer, attributes);
    if (isProblem(parameters)) return undefined;
    const types = [maker.type(x), ...parameters.map((one) => one?.type)];
    const full = types.map(
      (type, at) =>
        type ??
        op.optionalType?.(
          types.flatMap((one) => one ?? []),
          at,
        ),
    );
    if (full.includes(undefined)) return undefined;
    if (
      !maker.fits(
        name,
        full.flatMap((type) => type ?? []),
        attributes,
      )
    )
      return undefined;
    const weights = parameters.map((one, at) =>
      one
        ? maker.constant(
            one.type,
            one.init === "ones" ? 0.5 : 0,
            one.init === "he_normal" ? 1 / Math.sqrt(one.fanIn) : 0.2,
          )
        : maker.absent(full[at + 1] as TensorType),
    );
    return maker.node(name, [x, ...weights], attributes);
  }
  if (op.operands[0]?.variadic) {
    const others = values.filter((id) => maker.fits(name, [maker.type(x), maker.type(id)], attributes));
    const more = Array.from({ length: random.int(0, 2) }, () => random.pick([x, ...others]));
    return maker.node(name, [x, ...more], attributes);
  }
  if (name === "non_max_suppression") return suppression(random, maker, x, attributes);
  let operands = [x];
  if (op.operands.length === 2) {
    const other = secondOperand(random, maker, name, x, values, attributes);
    if (other === undefined) return undefined;
    operands = random.next() < 0.7 ? [x, other] : [other, x];
  }
  if (op.operands.length === 3) {
    const others = [0, 1].map(() => secondOperand(random, maker, name, x, values, attributes));
    if (others.includes(undefined)) return undefined;
    operands = [x, ...others.flatMap((id) => id ?? [])];
  }
  const types = operands.map(maker.type);
  if (!maker.fits(name, types, attributes)) return undefined;
  const safe = touchy.has(name) ? operands.map((id) => maker.moderate(id)) : operands;
  return maker.node(name, safe, attributes);
}

/** Boxes in the shape of a value, with scores in the same order. */
function suppression(
  random: Random,
  maker: Maker,
  x: NodeId,
  attributes: Readonly<Record<string, AttributeValue>>,
): NodeId | undefined {
  const [n, boxes, four, more] = maker.type(x).shape;
  if (n === undefined || boxes === undefined || four !== 4 || more !== undefined) return undefined;
  const scores = maker.constant({ dtype: "f32", shape: [n, random.int(1, 2), boxes] }, 0, 1);
  const order = maker.node("top_k", [scores], { k: random.int(1, boxes), largest: true });
  return order === undefined ? undefined : maker.node("non_max_suppression", [x, scores, order], attributes);
}

/** A residual, a scalar, a constant that broadcasts, or a matrix that fits. */
function secondOperand(
  random: Random,
  maker: Maker,
  name: OpName,
  x: NodeId,
  values: readonly NodeId[],
  attributes: Readonly<Record<string, AttributeValue>>,
): NodeId | undefined {
  const { shape } = maker.type(x);
  if (name === "matmul")
    return shape.length < 2
      ? undefined
      : maker.constant({ dtype: "f32", shape: [shape.at(-1) ?? 1, random.int(1, 6)] }, 0, 0.5);
  const same = values.filter((id) => sameShape(maker.type(id).shape, shape));
  const fitting = values.filter((id) => maker.fits(name, [maker.type(x), maker.type(id)], attributes));
  const kind = random.pick(["same", "same", "fitting", "scalar", "channels", "full"]);
  if (kind === "same") return random.pick(same);
  if (kind === "fitting") return random.pick([x, ...fitting]);
  const type: TensorType = {
    dtype: "f32",
    shape: kind === "scalar" ? [] : kind === "channels" ? shape.slice(-1) : shape,
  };
  return maker.constant(type, 0.5, 0.5);
}

function sampleInput(random: Random): TensorType {
  const shape = random.pick([
    [1, random.int(3, 9), random.int(3, 9), random.pick([1, 3, 4, 5, 8])],
    [1, random.int(3, 9), random.int(3, 9), random.pick([2, 3, 6, 12])],
    [1, random.int(1, 20)],
    [2, 3, random.int(1, 6)],
  ]);
  return { dtype: "f32", shape };
}

/** Attributes that suit the operand where the op's sample cannot know it; those of the sample otherwise. */
function attributesFor(
  random: Random,
  name: OpName,
  { shape }: TensorType,
): Readonly<Record<string, AttributeValue>> {
  const axis = (): number => -random.int(1, Math.max(1, shape.length));
  switch (name) {
    case "reshape":
      return { shape: random.pick([[shape[0] ?? 1, -1], [-1], [...shape, 1], shape.toReversed()]) };
    case "transpose": {
      const perm = shape.map((_, at) => at);
      for (let at = perm.length - 1; at > 0; at -= 1) {
        const other = random.int(0, at);
        [perm[at], perm[other]] = [perm[other] ?? 0, perm[at] ?? 0];
      }
      return { perm };
    }
    case "slice": {
      const begin = shape.map((extent) => random.pick([0, 0, random.int(0, extent - 1)]));
      const stride = shape.map(() => random.pick([1, 1, 2]));
      const size = shape.map((extent, at) =>
        random.int(1, Math.ceil((extent - (begin[at] ?? 0)) / (stride[at] ?? 1))),
      );
      return { begin, size, stride };
    }
    case "pad": {
      const mode = random.pick(["constant", "reflect", "edge"]);
      const amount = (): number[] => shape.map((extent) => (extent > 2 ? random.int(0, 2) : 0));
      return { before: amount(), after: amount(), mode, value: random.pick([0, 0, 1.5]) };
    }
    case "concat":
    case "softmax":
      return { axis: axis() };
    case "reduce_sum":
    case "reduce_mean":
    case "reduce_max":
    case "reduce_min":
    case "reduce_prod":
      return { axes: [axis()], keepdims: random.next() < 0.5 };
    default:
      return opOf(name).sample(random).attributes;
  }
}

function layerAttributes(random: Random, name: OpName): Record<string, AttributeValue> {
  const kernel = random.pick([
    [1, 1],
    [1, 1],
    [3, 3],
    [3, 3],
    [2, 2],
    [1, 3],
    [5, 5],
  ]);
  return {
    filters: random.pick([1, 2, 3, 4, 6, 8, 12]),
    units: random.pick([1, 3, 4, 8, 10]),
    multiplier: random.pick([1, 1, 2, 3]),
    kernel,
    bias: random.next() < (name === "dense" ? 0.7 : 0.5),
  };
}

interface Maker {
  input(type: TensorType): NodeId;
  /** A constant with normal values. */
  constant(type: TensorType, mean: number, deviation: number): NodeId;
  absent(type: TensorType): NodeId;
  type(id: NodeId): TensorType;
  fits(
    op: OpName,
    types: readonly TensorType[],
    attributes: Readonly<Record<string, AttributeValue>>,
  ): boolean;
  node(
    op: OpName,
    inputs: readonly NodeId[],
    attributes: Readonly<Record<string, AttributeValue>>,
  ): NodeId | undefined;
  /** The value mapped into [0.5, 1.5]. */
  moderate(id: NodeId): NodeId;
  module(): Module;
}

function createMaker(random: Random): Maker {
  const nodes = new Map<NodeId, Node>();
  const weights = createWeightStore();
  const add = (
    op: OpName,
    inputs: readonly NodeId[],
    attributes: Readonly<Record<string, unknown>>,
    type: TensorType,
    name = `${op}.${nodes.size}`,
  ): NodeId => {
    const id = nodes.size;
    nodes.set(id, makeNode({ id, position: id, name, op, inputs, attributes, type, origin: { spans: [] } }));
    return id;
  };
  const typeOf = (id: NodeId): TensorType => nodes.get(id)?.type ?? { dtype: "f32", shape: [] };
  const resolve = (
    op: OpName,
    types: readonly TensorType[],
    attributes: Readonly<Record<string, AttributeValue>>,
  ): { type: TensorType; attributes: Readonly<Record<string, unknown>> } | undefined => {
    const normal = normalizeAttributes(op, types, attributes as Readonly<Record<string, never>>);
    if (isProblem(normal)) return undefined;
    const type = inferType(op, types, normal as never);
    return isProblem(type) || elements(type.shape) > 4 * largest
      ? undefined
      : { type, attributes: { ...normal } };
  };
  const constant: Maker["constant"] = (type, mean, deviation) => {
    const data = Float32Array.from(
      { length: elements(type.shape) },
      () => mean + deviation * random.normal(),
    );
    // With a mean, the values are scales and variances, which must stay positive.
    const values = mean === 0 ? data : data.map((value) => Math.abs(value) + 0.1);
    const name = `w${nodes.size}`;
    return add(
      "constant",
      [],
      { weight: weights.add(name, type, { kind: "literal", data: values }) },
      type,
      name,
    );
  };
  const node: Maker["node"] = (op, inputs, attributes) => {
    const made = resolve(op, inputs.map(typeOf), attributes);
    return made && add(op, inputs, made.attributes, made.type);
  };
  return {
    input: (type) => add("input", [], {}, type, `x${nodes.size}`),
    constant,
    absent: (type) =>
      add(
        "constant",
        [],
        { weight: weights.add("absent", type, { kind: "absent" }) },
        type,
        `none${nodes.size}`,
      ),
    type: typeOf,
    fits: (op, types, attributes) => resolve(op, types, attributes) !== undefined,
    node,
    moderate: (id) => {
      const half = add(
        "constant",
        [],
        {
          weight: weights.add(
            "half",
            { dtype: "f32", shape: [] },
            { kind: "literal", data: Float32Array.of(0.5) },
          ),
        },
        { dtype: "f32", shape: [] },
      );
      const squashed = add("sigmoid", [id], {}, typeOf(id));
      return add("add", [squashed, half], {}, typeOf(id));
    },
    module: () => {
      const read = new Set([...nodes.values()].flatMap((one) => one.inputs));
      const outputs = [...nodes.values()]
        .filter((one) => one.op !== "constant" && !read.has(one.id))
        .map((one) => ({ name: one.name, node: one.id }));
      return { graph: { name: "random", nodes, outputs, kernels: new Map(), nextId: nodes.size }, weights };
    },
  };
}
