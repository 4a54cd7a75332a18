// Walks an expression in reading order, down to its names and calls.

import type { CallExpression, Expression, NameExpression } from "#grammar/ast.js";
import { leftOperations } from "#grammar/left-operations.js";

/** Calls `onName` with each name that stands for a value, and `onCall` with each call, whose arguments it leaves to the caller. */
export function walkExpression(
  expression: Expression,
  onName: (name: NameExpression) => void,
  onCall: (call: CallExpression) => void,
): void {
  const walk = (part: Expression): void => walkExpression(part, onName, onCall);
  const { head, operations } = leftOperations(expression);
  switch (head.kind) {
    case "number":
    case "size":
    case "string":
      break;
    case "name":
      onName(head);
      break;
    case "list":
      for (const item of head.items) walk(item);
      break;
    case "call":
      onCall(head);
      break;
    case "unary":
      walk(head.operand);
      break;
    case "index":
      walk(head.list);
      walk(head.index);
      break;
    case "conditional":
      walk(head.condition);
      walk(head.then);
      walk(head.otherwise);
      break;
    case "pipe":
    case "binary":
      break; // never the head
    default:
      head satisfies never;
  }
  for (const operation of operations) {
    if (operation.kind === "pipe") onCall(operation.call);
    else walk(operation.right);
  }
}
