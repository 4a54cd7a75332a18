// The message for operands or attributes that do not fit an op.

import type { Span } from "#diagnostic/diagnostic.js";
import type { NodeId } from "#ir/graph.js";
import { printType } from "#ir/type.js";
import type { Problem } from "#ops/op.js";
import type { Sorted } from "./arguments.js";
import type { Elaboration } from "../elaboration.js";
import { fail } from "../elaboration.js";
import type { ExpressionValue } from "../expression-value.js";

/** What does not fit, at the operand or attribute; `sorted` and `operands` tell where it stands and where it was made. */
export function misfit(
  state: Elaboration,
  name: string,
  problem: Problem,
  sorted: Sorted,
  operands: readonly NodeId[],
  span: Span,
): ExpressionValue & { kind: "none" } {
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
