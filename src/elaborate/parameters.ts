// Parameters: by path or key from a weight file, generated from a seed, or computed from others.

import type { CallExpression, Expression } from "#grammar/ast.js";
import type { Span } from "#diagnostic/diagnostic.js";
import { suggest } from "#diagnostic/suggest.js";
import type { AttributeValue, WeightId } from "#ir/graph.js";
import type { TensorType } from "#ir/type.js";
import { elements, printType, sameShape } from "#ir/type.js";
import { inferType, isOp, normalizeAttributes, opOf } from "#ops/index.js";
import type { LayerParameter } from "#ops/op.js";
import { isProblem } from "#ops/op.js";
import { generators, seedOf } from "#weights/generate.js";
import { literalOf } from "./literals.js";
import type { State, Value } from "./state.js";
import { addConstant, addConstantOf, fail } from "./state.js";

/** The constant for a parameter that a layer call owns. */
export function layerParameter(state: State, path: string, parameter: LayerParameter, span: Span): Value {
  const name = `${path}.${parameter.operand}`;
  if (state.weights) return fromFile(state, name, name, parameter.type, span);
  state.seeded = true;
  const { init: generator, fanIn, type } = parameter;
  return addConstant(state, name, type, { kind: "seeded", generator, seed: seedOf(name), fanIn }, span);
}

/** The constant for zeros that stand for an operand left out. */
export function absentParameter(state: State, name: string, type: TensorType, span: Span): Value {
  return addConstant(state, name, type, { kind: "absent" }, span);
}

/** The constant of `param name: type = value`; without a value it is looked up by its path. */
export function parameter(
  state: State,
  path: string,
  type: TensorType,
  value: Expression | undefined,
  span: Span,
): Value {
  if (value === undefined) {
    if (state.weights) return fromFile(state, path, path, type, span);
    state.seeded = true;
    const fanIn = elements(type.shape.slice(0, -1));
    return addConstant(
      state,
      path,
      type,
      { kind: "seeded", generator: "he_normal", seed: seedOf(path), fanIn },
      span,
    );
  }
  if (value.kind === "call" && value.callee.text === "weight") {
    const key = keyOf(state, value);
    return key === undefined ? { kind: "none" } : fromFile(state, path, key, type, value.span);
  }
  const weight = weightExpression(state, path, value, type);
  if (weight === undefined) return { kind: "none" };
  const actual = state.store.entries.get(weight)?.type ?? type;
  if (!sameShape(actual.shape, type.shape)) return shapeClash(state, path, type, actual.shape, value.span);
  return addConstantOf(state, path, type, weight, span);
}

function fromFile(state: State, name: string, key: string, type: TensorType, span: Span): Value {
  const weight = fileEntry(state, key, span);
  if (!weight) return { kind: "none" };
  const entry = state.store.entries.get(weight);
  if (entry && !sameShape(entry.type.shape, type.shape))
    return shapeClash(state, key, type, entry.type.shape, span);
  return addConstantOf(state, name, type, weight, span);
}

function shapeClash(
  state: State,
  key: string,
  type: TensorType,
  found: readonly number[],
  span: Span,
): Value {
  return fail(
    state,
    span,
    "shape-mismatch",
    `parameter \`${key}\` should be ${printType(type)}, but it is f32[${found.join(", ")}]`,
    {
      label: `needs ${printType(type)}`,
      ...(state.weights ? { help: [`it was read from ${state.weights.file}`] } : {}),
    },
  );
}

/** The store's entry for a key of the weight file. */
function fileEntry(state: State, key: string, span: Span): WeightId | undefined {
  const { weights } = state;
  if (!weights) {
    fail(state, span, "no-weights", `parameter \`${key}\` comes from a weight file, but the net names none`, {
      help: ['add `weights "file.safetensors"` to the net, or give --weights FILE'],
    });
    return undefined;
  }
  const entry = weights.entries.get(key);
  if (!entry) {
    const near = suggest(key, weights.entries.keys());
    fail(state, span, "missing-weight", `${weights.file} has no \`${key}\``, {
      label: "this parameter",
      help:
        near.length > 0
          ? [`it has ${near.map((one) => `\`${one}\``).join(", ")}`]
          : [`it has ${weights.entries.size} entries, none with a name like this`],
    });
    return undefined;
  }
  const type: TensorType = { dtype: "f32", shape: entry.shape };
  return state.store.add(key, type, { kind: "file", file: weights.file, key, read: entry.read });
}

function keyOf(state: State, call: CallExpression): string | undefined {
  const [argument] = call.arguments;
  if (call.arguments.length === 1 && argument?.kind === "positional" && argument.value.kind === "string")
    return argument.value.value;
  fail(state, call.span, "wrong-arguments", "`weight` takes the key of a tensor in the weight file", {
    help: ['such as weight("features.0.weight")'],
  });
  return undefined;
}

/**
 * The entry that a parameter's expression makes: a key, a generator, a literal, an entry of the store (`stored`, in
 * dumps), or an op over such expressions, which is computed when the weight is packed.
 */
function weightExpression(
  state: State,
  path: string,
  value: Expression,
  type: TensorType | undefined,
): WeightId | undefined {
  if (value.kind === "pipe") {
    const first = { kind: "positional", value: value.value, span: value.value.span } as const;
    return weightExpression(
      state,
      path,
      { ...value.call, arguments: [first, ...value.call.arguments] },
      type,
    );
  }
  if (value.kind !== "call") return literalWeight(state, path, value);
  const name = value.callee.text;
  if (name === "weight") {
    const key = keyOf(state, value);
    return key === undefined ? undefined : fileEntry(state, key, value.span);
  }
  if (name === "stored") {
    const [argument] = value.arguments;
    const id =
      argument?.kind === "positional" && argument.value.kind === "string" ? argument.value.value : "";
    if (state.store.entries.has(id)) return id;
    fail(
      state,
      value.span,
      "missing-weight",
      `there is no stored weight ${JSON.stringify(id)} in this compilation`,
    );
    return undefined;
  }
  if (generators.includes(name)) return seededWeight(state, path, value, type);
  if (isOp(name)) return opWeight(state, path, value);
  fail(state, value.callee.span, "unknown-name", `\`${name}\` makes no parameter`, {
    help: [
      `parameters come from weight("key"), ${generators
        .slice(0, 3)
        .map((one) => `${one}(…)`)
        .join(", ")}, a literal, or an op over these`,
    ],
  });
  return undefined;
}

function literalWeight(state: State, path: string, value: Expression): WeightId | undefined {
  const literal = literalOf(value);
  if (!literal) {
    fail(state, value.span, "not-a-literal", "this is no number or nested list of numbers of equal lengths");
    return undefined;
  }
  return state.store.add(
    path,
    { dtype: "f32", shape: literal.shape },
    { kind: "literal", data: Float32Array.from(literal.data) },
  );
}

function seededWeight(
  state: State,
  path: string,
  call: CallExpression,
  type: TensorType | undefined,
): WeightId | undefined {
  if (!type) {
    fail(state, call.span, "unknown-shape", "the shape of generated values is not known here", {
      help: ["give them a `param` of their own"],
    });
    return undefined;
  }
  const options = new Map([
    ["seed", seedOf(path)],
    ["fan_in", elements(type.shape.slice(0, -1))],
  ]);
  for (const argument of call.arguments) {
    const known =
      argument.kind === "named" && options.has(argument.name.text) ? argument.name.text : undefined;
    if (known === undefined || argument.kind !== "named" || argument.value.kind !== "number") {
      fail(
        state,
        argument.span,
        "wrong-arguments",
        `\`${call.callee.text}\` takes seed=… and fan_in=…, both numbers`,
      );
      return undefined;
    }
    options.set(known, argument.value.value);
  }
  return state.store.add(path, type, {
    kind: "seeded",
    generator: call.callee.text,
    seed: options.get("seed") ?? 0,
    fanIn: options.get("fan_in") ?? 1,
  });
}

function opWeight(state: State, path: string, call: CallExpression): WeightId | undefined {
  const name = call.callee.text;
  if (!isOp(name)) return undefined;
  const inputs: WeightId[] = [];
  const attributes: Record<string, AttributeValue> = {};
  for (const [key, kind] of Object.entries(opOf(name).attributes))
    if (kind.default !== undefined) attributes[key] = kind.default;
  for (const argument of call.arguments) {
    if (argument.kind === "positional") {
      const input = weightExpression(state, path, argument.value, undefined);
      if (input === undefined) return undefined;
      inputs.push(input);
      continue;
    }
    const kind = argument.kind === "named" ? opOf(name).attributes[argument.name.text] : undefined;
    const literal = argument.kind === "named" ? attributeLiteral(argument.value) : undefined;
    const parsed = kind && literal ? kind.parse(literal) : undefined;
    if (parsed === undefined || argument.kind !== "named") {
      fail(state, argument.span, "wrong-attribute", `\`${name}\` takes no such attribute here`);
      return undefined;
    }
    attributes[argument.name.text] = parsed;
  }
  const types = inputs.map((id) => state.store.entries.get(id)?.type ?? { dtype: "f32" as const, shape: [] });
  const normal = normalizeAttributes(name, types, attributes as Readonly<Record<string, never>>);
  const type = isProblem(normal) ? normal : inferType(name, types, normal as never);
  if (isProblem(type)) {
    fail(state, call.span, "wrong-operands", `${name}: ${type.problem}`);
    return undefined;
  }
  return state.store.add(path, type, {
    kind: "expression",
    op: name,
    attributes: normal as Readonly<Record<string, AttributeValue>>,
    inputs,
  });
}

function attributeLiteral(
  value: Expression,
): Parameters<ReturnType<typeof opOf>["attributes"][string]["parse"]>[0] | undefined {
  if (value.kind === "name") return { kind: "name", value: value.name };
  if (value.kind === "string") return { kind: "string", value: value.value };
  if (value.kind === "size") return { kind: "list", value: value.values, size: true };
  const literal = literalOf(value);
  if (!literal) return undefined;
  return literal.shape.length === 0
    ? { kind: "number", value: literal.data[0] ?? Number.NaN }
    : { kind: "list", value: literal.data, size: false };
}
