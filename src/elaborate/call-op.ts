// Calls of ops, in both forms: with tensors for all operands, or as a layer that owns its parameters.

import type { Span } from "#diagnostic/diagnostic.js";
import { suggest } from "#diagnostic/suggest.js";
import type { AttributeValue, NodeId, OpName } from "#ir/graph.js";
import type { TensorType } from "#ir/type.js";
import type { AttributeKind, Literal } from "#ops/attributes.js";
import { inferType, normalizeAttributes, opOf } from "#ops/index.js";
import type { AttributeTable, Op, Problem } from "#ops/op.js";
import { isProblem } from "#ops/op.js";
import { evalScalar } from "#ops/scalar-eval.js";
import { operand as scalarOperand } from "#ops/scalar.js";
import { absentParameter, layerParameter } from "./parameters.js";
import type { State, Value } from "./state.js";
import { addConstant, addNode, describe, fail, none, nodeLimit, takePath, typeOf } from "./state.js";

/** An argument with its value. */
export interface Given {
  /** Absent for a positional one. */
  readonly name?: string;
  readonly value: Value;
  readonly span: Span;
}

type Attributes = Readonly<Record<string, AttributeValue>>;

/** The value of `op(…)`. `path` is where the binding's nodes and parameters go. */
export function callOp(state: State, path: string, name: OpName, given: readonly Given[], span: Span): Value {
  const op = opOf(name);
  if (given.some((argument) => argument.value.kind === "none")) return none;
  const number = foldNumbers(op, given);
  if (number !== undefined) return { kind: "number", value: number };
  if (state.nodes.size >= nodeLimit) return tooLarge(state, span);

  const sorted = sortArguments(state, name, op, given, span);
  if (!sorted) return none;
  const own = takePath(state, `${path}${sorted.name ?? name}`);
  const operands = complete(state, name, op, sorted, own, span);
  if (!operands) return none;

  const types = operands.map((id) => typeOf(state, { kind: "tensor", node: id }));
  const attributes = normalizeAttributes(name, types, sorted.attributes as Readonly<Record<string, never>>);
  const type = isProblem(attributes) ? attributes : inferType(name, types, attributes as never);
  if (isProblem(type)) return misfit(state, name, type, sorted, operands, span);
  if (isProblem(attributes)) return none;
  if (state.batch && op.mixesBatch(types, attributes)) {
    return fail(
      state,
      span,
      "mixes-batch",
      `\`${name}\` mixes the samples of the open batch \`${state.batch.symbol}\``,
      {
        label: "works across axis 0",
        others: [{ span: state.batch.span, message: "the batch is left open here" }],
        help: [`bind it with --dim ${state.batch.symbol}=1, or keep axis 0 as it is`],
      },
    );
  }
  return addNode(state, { op: name, name: own, inputs: operands, attributes: { ...attributes }, type, span });
}

/** A tensor for a value: a number becomes a scalar constant. */
export function toTensor(state: State, path: string, value: Value, span: Span): NodeId | undefined {
  if (value.kind === "tensor") return value.node;
  if (value.kind !== "number") return undefined;
  const name = takePath(state, `${path}scalar`);
  const literal = { kind: "literal", data: Float32Array.of(value.value) } as const;
  return addConstant(state, name, { dtype: "f32", shape: [] }, literal, span).node;
}

interface Sorted {
  readonly operands: ReadonlyMap<number, Given>;
  readonly attributes: Attributes;
  readonly layer: Attributes;
  readonly spans: ReadonlyMap<string, Span>;
  readonly name?: string;
}

/** An elementwise op on numbers alone is a number: `max(filters, 8)`. */
function foldNumbers(op: Op<AttributeTable>, given: readonly Given[]): number | undefined {
  if (!op.scalar || given.length !== op.operands.length) return undefined;
  const numbers = given.map(({ name, value }) =>
    name === undefined && value.kind === "number" ? value.value : undefined,
  );
  const known = numbers.filter((value) => value !== undefined);
  if (known.length !== numbers.length || Object.keys(op.attributes).length > 0) return undefined;
  return evalScalar(
    op.scalar(
      known.map((_, index) => scalarOperand(index)),
      {},
    ),
    known,
  );
}

function tooLarge(state: State, span: Span): Value {
  if (state.full) return none;
  state.full = true;
  return fail(state, span, "too-large", `the net has more than ${nodeLimit.toLocaleString("en-US")} nodes`, {
    help: ["is the count of a `repeat` what you meant?"],
  });
}

/** Tells operands, attributes and layer attributes apart, and checks each; undefined after an error. */
function sortArguments(
  state: State,
  name: OpName,
  op: Op<AttributeTable>,
  given: readonly Given[],
  span: Span,
): Sorted | undefined {
  const operands = new Map<number, Given>();
  const attributes: Record<string, AttributeValue> = {};
  const layer: Record<string, AttributeValue> = {};
  const spans = new Map<string, Span>();
  const before = state.diagnostics.length;
  let own: string | undefined;
  let position = 0;
  for (const argument of given) {
    const key = argument.name;
    if (key === undefined) {
      const index = position;
      position += 1;
      if (index >= op.operands.length && !op.operands.at(-1)?.variadic) {
        const takes = op.operands.map((one) => one.name).join(", ");
        fail(
          state,
          argument.span,
          "too-many-operands",
          `\`${name}\` takes ${op.operands.length === 1 ? "one operand" : `${op.operands.length} operands`}: ${takes}`,
          {
            help: ["attributes are written name=value"],
          },
        );
      } else operands.set(index, argument);
      continue;
    }
    const seen = spans.get(key);
    if (seen) {
      fail(state, argument.span, "repeated-argument", `\`${key}\` is given twice`, {
        others: [{ span: seen, message: "first here" }],
      });
      continue;
    }
    spans.set(key, argument.span);
    const at = op.operands.findIndex((one) => one.name === key);
    const kind = op.attributes[key] ?? op.layer?.attributes[key];
    if (at >= 0) {
      const other = operands.get(at);
      if (other)
        fail(state, argument.span, "repeated-argument", `operand \`${key}\` is given twice`, {
          others: [{ span: other.span, message: "first here" }],
        });
      else operands.set(at, argument);
    } else if (kind) {
      const value = attributeValue(state, name, key, kind, argument);
      if (value !== undefined) (Object.hasOwn(op.attributes, key) ? attributes : layer)[key] = value;
    } else if (key === "name" && argument.value.kind === "string") own = argument.value.value;
    else unknownArgument(state, name, op, key, argument.span);
  }
  for (const [key, kind] of Object.entries(op.attributes)) {
    if (spans.has(key)) continue;
    if (kind.default !== undefined) attributes[key] = kind.default;
    else missing(state, name, key, kind, span);
  }
  if (state.diagnostics.length > before) return undefined;
  return { operands, attributes, layer, spans, ...(own === undefined ? {} : { name: own }) };
}

function attributeValue(
  state: State,
  op: string,
  key: string,
  kind: AttributeKind<AttributeValue>,
  argument: Given,
): AttributeValue | undefined {
  const { value } = argument;
  const parsed =
    value.kind === "tensor" || value.kind === "none" ? undefined : kind.parse(value satisfies Literal);
  if (parsed !== undefined) return parsed;
  const near = value.kind === "name" ? suggest(value.value, kind.members ?? []) : [];
  fail(
    state,
    argument.span,
    "wrong-attribute",
    `\`${key}\` of \`${op}\` must be ${kind.expects}, not ${describe(state, value)}`,
    {
      ...(near.length > 0 ? { help: [`did you mean \`${near[0]}\`?`] } : {}),
    },
  );
  return undefined;
}

function unknownArgument(state: State, name: string, op: Op<AttributeTable>, key: string, span: Span): void {
  const known = [
    ...Object.keys(op.attributes),
    ...Object.keys(op.layer?.attributes ?? {}),
    ...op.operands.map((one) => one.name),
  ];
  const near = suggest(key, known);
  fail(state, span, "unknown-attribute", `\`${name}\` has no attribute \`${key}\``, {
    help: [
      near.length > 0
        ? `did you mean ${near.map((one) => `\`${one}\``).join(" or ")}?`
        : `it has ${known.join(", ") || "none"}`,
    ],
  });
}

function missing(
  state: State,
  name: string,
  key: string,
  kind: AttributeKind<AttributeValue>,
  span: Span,
): void {
  fail(state, span, "missing-attribute", `\`${name}\` needs \`${key}\`: ${kind.expects}`, {
    label: `\`${key}\` is missing`,
  });
}

/** The nodes of all operands, parameters made where the layer form owns them; undefined after an error. */
function complete(
  state: State,
  name: OpName,
  op: Op<AttributeTable>,
  sorted: Sorted,
  own: string,
  span: Span,
): NodeId[] | undefined {
  const before = state.diagnostics.length;
  const count = Math.max(
    op.operands.length - (op.operands.at(-1)?.variadic ? 1 : 0),
    ...[...sorted.operands.keys()].map((at) => at + 1),
  );
  const nodes = new Array<NodeId | undefined>(count);
  for (const [at, { value, span: place }] of sorted.operands) {
    const node = toTensor(state, `${own}.`, value, place);
    if (node === undefined)
      fail(
        state,
        place,
        "not-a-tensor",
        `operand \`${operandName(op, at)}\` of \`${name}\` must be a tensor, not ${describe(state, value)}`,
      );
    nodes[at] = node;
  }
  const explicit = [...sorted.operands.keys()].some((at) => op.operands[at]?.role === "weight");
  for (const [at, operand] of op.operands.entries()) {
    if (operand.role === "data" && !operand.variadic && !sorted.operands.has(at)) {
      fail(state, span, "missing-operand", `\`${name}\` needs operand \`${operand.name}\` (${operand.doc})`);
    }
  }
  if (state.diagnostics.length > before) return undefined;
  if (op.layer && !explicit) ownParameters(state, name, op, sorted, nodes, own, span);
  else fillOptional(state, name, op, sorted, nodes, own, span);
  return state.diagnostics.length > before ? undefined : nodes.filter((node) => node !== undefined);
}

/** Layer form: makes the parameters. */
function ownParameters(
  state: State,
  name: OpName,
  op: Op<AttributeTable>,
  sorted: Sorted,
  nodes: (NodeId | undefined)[],
  own: string,
  span: Span,
): void {
  const { layer } = op;
  const x = nodes[0];
  if (!layer || x === undefined) return;
  const values: Record<string, AttributeValue> = { ...sorted.layer };
  for (const [key, kind] of Object.entries(layer.attributes)) {
    if (values[key] !== undefined) continue;
    if (kind.default !== undefined) values[key] = kind.default;
    else missing(state, name, key, kind, span);
  }
  if (Object.keys(layer.attributes).some((key) => values[key] === undefined)) return;
  const parameters = layer.parameters(typeOf(state, { kind: "tensor", node: x }), values, sorted.attributes);
  if (isProblem(parameters)) {
    misfit(state, name, parameters, sorted, [x], span);
    return;
  }
  const weights = op.operands.flatMap((operand, at) =>
    operand.role === "weight" ? [{ ...operand, at }] : [],
  );
  for (const [index, { name: operand, at }] of weights.entries()) {
    const parameter = parameters[index];
    if (parameter) {
      const value = layerParameter(state, own, parameter, span);
      if (value.kind === "tensor") nodes[at] = value.node;
    } else nodes[at] = absent(state, op, nodes, at, `${own}.${operand}`, span);
  }
}

/** Explicit form: zeros for what may be left out, an error for what may not. */
function fillOptional(
  state: State,
  name: OpName,
  op: Op<AttributeTable>,
  sorted: Sorted,
  nodes: (NodeId | undefined)[],
  own: string,
  span: Span,
): void {
  for (const key of Object.keys(sorted.layer)) {
    fail(
      state,
      sorted.spans.get(key) ?? span,
      "wrong-form",
      `\`${key}\` belongs to the layer form, but the weights of this \`${name}\` are given`,
      {
        help: [`leave \`${key}\` out: it follows from the weights`],
      },
    );
  }
  for (const [at, operand] of op.operands.entries()) {
    if (nodes[at] !== undefined || operand.variadic) continue;
    if (operand.optional) nodes[at] = absent(state, op, nodes, at, `${own}.${operand.name}`, span);
    else
      fail(state, span, "missing-operand", `\`${name}\` needs operand \`${operand.name}\` (${operand.doc})`);
  }
}

function absent(
  state: State,
  op: Op<AttributeTable>,
  nodes: readonly (NodeId | undefined)[],
  at: number,
  name: string,
  span: Span,
): NodeId | undefined {
  const types = nodes.map((id): TensorType =>
    id === undefined ? { dtype: "f32", shape: [] } : typeOf(state, { kind: "tensor", node: id }),
  );
  const type = op.optionalType?.(types, at);
  const value = type ? absentParameter(state, name, type, span) : none;
  return value.kind === "tensor" ? value.node : undefined;
}

function misfit(
  state: State,
  name: string,
  problem: Problem,
  sorted: Sorted,
  operands: readonly NodeId[],
  span: Span,
): Value {
  const operand = problem.operand === undefined ? undefined : sorted.operands.get(problem.operand);
  const place =
    operand?.span ??
    (problem.attribute === undefined ? undefined : sorted.spans.get(problem.attribute)) ??
    span;
  const node = problem.operand === undefined ? undefined : state.nodes.get(operands[problem.operand] ?? -1);
  const made = node?.origin.spans[0];
  return fail(state, place, "shape-mismatch", `${name}: ${problem.problem}`, {
    ...(made && operand && made.start !== operand.span.start
      ? { others: [{ span: made, message: `this is f32[${node.type.shape.join(", ")}]` }] }
      : {}),
    ...(problem.help ? { help: [problem.help] } : {}),
  });
}

function operandName(op: Op<AttributeTable>, at: number): string {
  return op.operands[Math.min(at, op.operands.length - 1)]?.name ?? `${at}`;
}
