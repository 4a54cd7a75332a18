// The operands of an op: given values, parameters of the layer form, zeros for omitted optional operands.

import { greatest } from "#diagnostic/extremes.js";
import type { Span } from "#diagnostic/diagnostic.js";
import type { AttributeValue, NodeId, OpName } from "#ir/graph.js";
import type { TensorType } from "#ir/type.js";
import { opOf } from "#ops/index.js";
import type { AttributeTable, Layer, Op } from "#ops/op.js";
import { isProblem } from "#ops/op.js";
import type { Sorted } from "./arguments.js";
import { missingAttribute } from "./arguments.js";
import { misfit } from "./misfit.js";
import type { Elaboration } from "../elaboration.js";
import { addConstant, describe, fail, step, takePath, typeOf } from "../elaboration.js";
import type { ExpressionValue } from "../expression-value.js";
import { layerParameter } from "../weight-file.js";

/** The call whose operands are completed. */
interface Call {
  readonly name: OpName;
  readonly op: Op<AttributeTable>;
  readonly sorted: Sorted;
  /** The path of the op, the prefix of its parameters. */
  readonly own: string;
  readonly span: Span;
}

/** The nodes of all operands, including new parameters in the layer form; undefined after an error. */
export function completeOperands(
  state: Elaboration,
  name: OpName,
  sorted: Sorted,
  own: string,
  span: Span,
): NodeId[] | undefined {
  const op = opOf(name);
  const call: Call = { name, op, sorted, own, span };
  const failures = state.failures;
  const nodes = givenOperands(state, call);
  for (const [at, operand] of op.operands.entries()) {
    if (operand.role === "data" && !operand.optional && !sorted.operands.has(at))
      missingOperand(state, call, at);
  }
  if (state.failures > failures) return undefined;
  const explicit = [...sorted.operands.keys()].some((at) => op.operands[at]?.role === "weight");
  const filled =
    op.layer && !explicit ? ownParameters(state, call, op.layer, nodes) : fillOptional(state, call, nodes);
  return filled ? nodes.filter((node) => node !== undefined) : undefined;
}

/** A tensor for a value: a number becomes a scalar constant, a list a constant of rank 1; undefined for other values. */
function toTensor(state: Elaboration, path: string, value: ExpressionValue, span: Span): NodeId | undefined {
  if (value.kind === "tensor") return value.node;
  const isList = value.kind === "list" && !value.size && !value.open && value.value.length > 0;
  if (value.kind !== "number" && !isList) return undefined;
  const values = value.kind === "number" ? [value.value] : value.value;
  if (!step(state, span, values.length)) return undefined;
  const name = takePath(state, `${path}${value.kind === "number" ? "scalar" : "literal"}`);
  const type: TensorType = { dtype: "f32", shape: value.kind === "number" ? [] : [values.length] };
  return addConstant(state, name, type, { kind: "literal", data: Float32Array.from(values) }, span).node;
}

function givenOperands(state: Elaboration, { name, op, sorted, own }: Call): (NodeId | undefined)[] {
  const fixed = op.operands.length - (op.operands.at(-1)?.variadic ? 1 : 0);
  const nodes = new Array<NodeId | undefined>(
    greatest(
      [...sorted.operands.keys()].map((at) => at + 1),
      fixed,
    ),
  );
  for (const [at, { value, span }] of sorted.operands) {
    nodes[at] = toTensor(state, `${own}.`, value, span);
    if (nodes[at] !== undefined) continue;
    const operand = op.operands[Math.min(at, op.operands.length - 1)]?.name ?? `${at}`;
    fail(
      state,
      span,
      "not-a-tensor",
      `operand \`${operand}\` of \`${name}\` must be a tensor, not ${describe(state, value)}`,
      { help: value.kind === "none" ? [] : byName(name, op) },
    );
  }
  return nodes;
}

/** How to write what frameworks take by position: `conv2d(x, 32, 3)`. */
function byName(name: string, op: Op<AttributeTable>): string[] {
  const kinds = { ...op.layer?.attributes, ...op.attributes };
  const needed = Object.keys(kinds).filter((key) => kinds[key]?.default === undefined);
  if (needed.length === 0) return [];
  return [
    `attributes are written name=value, as in \`${name}(x, ${needed.map((key) => `${key}=…`).join(", ")})\``,
  ];
}

function missingOperand(state: Elaboration, { name, op, sorted, span }: Call, at: number): void {
  const operand = op.operands[at];
  if (!operand) return;
  const asValue = `to pass it as a value, write \`${name}\` alone; with attributes, write a block: block f(x) { return ${name}(x, …) }`;
  fail(state, span, "missing-operand", `\`${name}\` needs operand \`${operand.name}\` (${operand.doc})`, {
    label: `\`${operand.name}\` is missing`,
    ...(sorted.operands.size === 0 && { help: [asValue] }),
  });
}

/** Layer form: makes the parameters; false after an error, except errors of a weight file. */
function ownParameters(state: Elaboration, call: Call, layer: Layer, nodes: (NodeId | undefined)[]): boolean {
  const { name, op, sorted, own, span } = call;
  const x = nodes[0];
  if (x === undefined) return false;
  const values: Record<string, AttributeValue> = { ...sorted.layer };
  const failures = state.failures;
  for (const [key, kind] of Object.entries(layer.attributes)) {
    if (values[key] !== undefined) continue;
    if (kind.default !== undefined) values[key] = kind.default;
    else missingAttribute(state, name, key, kind, span);
  }
  if (state.failures > failures) return false;
  const parameters = layer.parameters(typeOf(state, x), values, sorted.attributes);
  if (isProblem(parameters)) {
    misfit(state, name, parameters, sorted, [x], span);
    return false;
  }
  const weights = op.operands.flatMap((operand, at) =>
    operand.role === "weight" ? [{ ...operand, at }] : [],
  );
  for (const [index, operand] of weights.entries()) {
    const parameter = parameters[index];
    const value = parameter && layerParameter(state, own, parameter, span);
    if (!parameter) nodes[operand.at] = absent(state, call, nodes, operand.at, operand.name);
    else if (value?.kind === "tensor") nodes[operand.at] = value.node;
  }
  return true;
}

/** Explicit form: makes zeros for missing optional operands, and reports other missing ones. */
function fillOptional(state: Elaboration, call: Call, nodes: (NodeId | undefined)[]): boolean {
  const { name, op, sorted, span } = call;
  const failures = state.failures;
  for (const key of Object.keys(sorted.layer)) {
    fail(
      state,
      sorted.spans.get(key) ?? span,
      "wrong-form",
      `\`${key}\` belongs to the layer form, but the weights of this \`${name}\` are given`,
      { help: [`omit \`${key}\`: it follows from the weights`] },
    );
  }
  for (const [at, operand] of op.operands.entries()) {
    if (nodes[at] !== undefined || operand.variadic) continue;
    if (operand.optional) nodes[at] = absent(state, call, nodes, at, operand.name);
    else missingOperand(state, call, at);
  }
  return state.failures === failures;
}

/** The zeros for an omitted operand. */
function absent(
  state: Elaboration,
  { op, own, span }: Call,
  nodes: readonly (NodeId | undefined)[],
  at: number,
  name: string,
): NodeId | undefined {
  const types = nodes.map((id): TensorType =>
    id === undefined ? { dtype: "f32", shape: [] } : typeOf(state, id),
  );
  const type = op.optionalType?.(types, at);
  if (!type) return undefined;
  return addConstant(state, takePath(state, `${own}.${name}`), type, { kind: "absent" }, span).node;
}
