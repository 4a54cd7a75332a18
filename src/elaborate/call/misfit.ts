// The error about operands or attributes that are not valid for an op.

import { given } from "#diagnostic/given.js";
import type { Span } from "#diagnostic/diagnostic.js";
import type { NodeId } from "#ir/graph.js";
import { printType } from "#ir/type.js";
import type { Problem } from "#ops/op.js";
import type { Sorted } from "./arguments.js";
import type { Elaboration } from "../elaboration.js";
import { fail } from "../elaboration.js";
import type { ExpressionValue } from "../expression-value.js";

/** Reports a problem at its operand or attribute; `sorted` and `operands` have the places of use and of definition. */
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
    // The message already shows an operand that is defined where it is used, such as a number or a piped layer.
    if (!made || !node || !sorted.operands.has(at) || (made.start === place.start && made.end === place.end))
      return [];
    return [{ span: made, message: `this is ${printType(node.type)}` }];
  });
  return fail(state, place, "shape-mismatch", `${name}: ${problem.problem}`, {
    ...(others.length > 0 && others.length <= 4 ? { others } : {}),
    ...given({ help: problem.help === undefined ? undefined : [problem.help] }),
  });
}
