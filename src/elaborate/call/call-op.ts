// Calls of ops: makes a node with an inferred type from operands and attributes.

import type { Span } from "#diagnostic/diagnostic.js";
import type { NodeId, OpName } from "#ir/graph.js";
import { batchProblem } from "#ops/batch.js";
import { inferType, normalizeAttributes, opOf } from "#ops/index.js";
import { entryOf } from "#ir/weights.js";
import type { Problem } from "#ops/op.js";
import { isProblem } from "#ops/op.js";
import { isScale } from "#ops/quantize.js";
import { evalScalar } from "#ops/scalar-eval.js";
import { operand as scalarOperand } from "#ops/scalar.js";
import { sortArguments } from "./arguments.js";
import { misfit } from "./misfit.js";
import { completeOperands } from "./operands.js";
import type { Elaboration } from "../elaboration.js";
import { addNode, fail, takePath, typeOf } from "../elaboration.js";
import type { Given, ExpressionValue } from "../expression-value.js";
import { none } from "../expression-value.js";

/** The value of `op(…)`. `path` is the prefix of the names of its nodes and parameters. */
export function callOp(
  state: Elaboration,
  path: string,
  name: OpName,
  given: readonly Given[],
  span: Span,
): ExpressionValue {
  if (given.some((argument) => argument.name === undefined && argument.value.kind === "none")) {
    // The operands have errors; check the attributes too.
    sortArguments(state, name, given, span);
    return none;
  }
  const number = foldNumbers(name, given);
  if (number !== undefined) return { kind: "number", value: number };
  const sorted = sortArguments(state, name, given, span);
  if (!sorted || given.some((argument) => argument.value.kind === "none")) return none;
  const own = takePath(state, `${path}${sorted.segment ?? name}`);
  const operands = completeOperands(state, name, sorted, own, span);
  if (!operands) return none;

  const types = operands.map((id) => typeOf(state, id));
  const attributes = normalizeAttributes(name, types, sorted.attributes);
  if (isProblem(attributes)) return misfit(state, name, attributes, sorted, operands, span);
  const type = inferType(name, types, attributes);
  if (isProblem(type)) return misfit(state, name, type, sorted, operands, span);
  const wrong = wrongNumber(state, name, operands);
  if (wrong) return misfit(state, name, wrong, sorted, operands, span);
  const batched = operands.map((id) => state.batched.has(id));
  const problem = batchProblem(name, types, attributes, type, batched);
  if (problem !== undefined) return mixesBatch(state, name, problem, span);
  return addNode(state, { op: name, name: own, inputs: operands, attributes: { ...attributes }, type, span });
}

/** The value of an elementwise op on numbers, which is a number: `max(filters, 8)`. */
function foldNumbers(name: OpName, given: readonly Given[]): number | undefined {
  const op = opOf(name);
  if (!op.scalar || given.length !== op.operands.length || Object.keys(op.attributes).length > 0)
    return undefined;
  const numbers: number[] = [];
  for (const { name: key, value } of given) {
    if (key !== undefined || value.kind !== "number") return undefined;
    numbers.push(value.value);
  }
  const operands = numbers.map((_, index) => scalarOperand(index));
  return evalScalar(op.scalar(operands, {}), numbers);
}

/** The problem of an operand whose numbers are in the text and must be positive. */
function wrongNumber(state: Elaboration, name: OpName, operands: readonly NodeId[]): Problem | undefined {
  for (const [at, operand] of opOf(name).operands.entries()) {
    const node = state.nodes.get(operands[at] ?? -1);
    if (!operand.positive || node?.op !== "constant") continue;
    const { source } = entryOf(state.store, node.attributes.weight);
    const wrong = source.kind === "literal" ? source.data.find((one) => !isScale(one)) : undefined;
    if (wrong !== undefined)
      return { problem: `\`${operand.name}\` is ${wrong}, but must be positive and finite`, operand: at };
  }
  return undefined;
}

function mixesBatch(state: Elaboration, name: OpName, problem: string, span: Span): ExpressionValue {
  const { batch } = state;
  if (!batch) return none;
  return fail(state, span, "mixes-batch", `\`${name}\` ${problem}, but \`${batch.symbol}\` is left open`, {
    label: "works across axis 0",
    others: [{ span: batch.span, message: "left open here" }],
    help: [`bind it with --dim ${batch.symbol}=1, or do not change axis 0`],
  });
}
