// Calls of ops: operands and attributes come together to a node with an inferred type.

import type { Span } from "#diagnostic/diagnostic.js";
import type { NodeId, OpName } from "#ir/graph.js";
import { printType } from "#ir/type.js";
import { batchProblem } from "#ops/batch.js";
import { inferType, normalizeAttributes, opOf } from "#ops/index.js";
import type { Problem } from "#ops/op.js";
import { isProblem } from "#ops/op.js";
import { evalScalar } from "#ops/scalar-eval.js";
import { operand as scalarOperand } from "#ops/scalar.js";
import type { Sorted } from "./arguments.js";
import { sortArguments } from "./arguments.js";
import { completeOperands } from "./operands.js";
import type { State } from "./state.js";
import { addNode, fail, takePath, typeOf } from "./state.js";
import type { Given, Value } from "./value.js";
import { none } from "./value.js";

/** The value of `op(…)`. `path` is where the binding's nodes and parameters go. */
export function callOp(state: State, path: string, name: OpName, given: readonly Given[], span: Span): Value {
  if (given.some((argument) => argument.name === undefined && argument.value.kind === "none")) {
    // The operands failed; the attributes may still be wrong on their own.
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
  const attributes = normalizeAttributes(name, types, sorted.attributes as Readonly<Record<string, never>>);
  if (isProblem(attributes)) return misfit(state, name, attributes, sorted, operands, span);
  const type = inferType(name, types, attributes as never);
  if (isProblem(type)) return misfit(state, name, type, sorted, operands, span);
  const batched = operands.map((id) => state.batched.has(id));
  const problem = batchProblem(name, types, attributes, type, batched);
  if (problem !== undefined) return mixesBatch(state, name, problem, span);
  return addNode(state, { op: name, name: own, inputs: operands, attributes: { ...attributes }, type, span });
}

/** An elementwise op on numbers alone is a number: `max(filters, 8)`. */
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

/** What does not fit, at the operand or attribute; `sorted` and `operands` tell where it stands and where it was made. */
export function misfit(
  state: State,
  name: string,
  problem: Problem,
  sorted: Sorted,
  operands: readonly NodeId[],
  span: Span,
): Value & { kind: "none" } {
  const operand = problem.operand === undefined ? undefined : sorted.operands.get(problem.operand);
  const attribute = problem.attribute === undefined ? undefined : sorted.spans.get(problem.attribute);
  const place = operand?.span ?? attribute ?? span;
  const others = operands.flatMap((id, at) => {
    const made = state.places.get(id);
    const node = state.nodes.get(id);
    // An operand made where it is used, as a number or a piped layer, is seen there anyway.
    if (!made || !node || !sorted.operands.has(at) || (made.start === place.start && made.end === place.end))
      return [];
    return [{ span: made, message: `this is ${printType(node.type)}` }];
  });
  return fail(state, place, "shape-mismatch", `${name}: ${problem.problem}`, {
    ...(others.length > 0 && others.length <= 4 ? { others } : {}),
    ...(problem.help ? { help: [problem.help] } : {}),
  });
}

function mixesBatch(state: State, name: OpName, problem: string, span: Span): Value {
  const { batch } = state;
  if (!batch) return none;
  return fail(state, span, "mixes-batch", `\`${name}\` ${problem}, but \`${batch.symbol}\` is left open`, {
    label: "works across axis 0",
    others: [{ span: batch.span, message: "left open here" }],
    help: [`bind it with --dim ${batch.symbol}=1, or leave axis 0 as it is`],
  });
}
