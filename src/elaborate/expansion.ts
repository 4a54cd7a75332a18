// Counts the steps that a net takes at least, without running it: blocks that call blocks multiply quickly.

import type {
  BinaryExpression,
  BlockItem,
  CallExpression,
  Expression,
  IfStatement,
  NetItem,
  PipeExpression,
  Statement,
} from "#grammar/ast.js";
import { least } from "#diagnostic/extremes.js";
import { leftOperations } from "#grammar/left-operations.js";
import { numberText } from "#ir/units.js";
import { depthLimit } from "./call/blocks.js";
import { mayReturn } from "./returns.js";
import type { Elaboration } from "./elaboration.js";
import type { FileScope, HomedBlock } from "./expression-value.js";
import { repeatLimit, stepLimit, tooManySteps } from "./elaboration.js";

/** The state of counting. */
interface Counting {
  readonly state: Elaboration;
  /** The steps of a call of a block, without the call itself. */
  readonly blocks: Map<BlockItem, number>;
  /** The file of the net or the block. */
  file: FileScope;
  /** The number of enclosing block calls. */
  depth: number;
}

/**
 * Reports an error for a net that certainly takes too many steps, at the statement that exceeds the limit. The count of a
 * `repeat` is used if it is a literal number, and taken as 0 otherwise; for those, `step` enforces the limit while the net runs.
 */
export function refuseTooLarge(state: Elaboration, net: NetItem): void {
  const counting: Counting = { state, blocks: new Map(), file: state.file, depth: 0 };
  let steps = 0;
  for (const statement of net.body) {
    steps += stepsOfStatement(counting, statement);
    if (steps <= stepLimit) continue;
    const rounded = steps < 1e15 ? numberText(steps) : steps.toExponential(1);
    tooManySteps(state, statement.span, `at least ${rounded} steps`);
    state.full = true;
    return;
  }
}

function stepsOfStatements(counting: Counting, statements: readonly Statement[]): number {
  let steps = 0;
  for (const statement of statements) {
    steps += stepsOfStatement(counting, statement);
    // What follows may not run.
    if (mayReturn(statement)) break;
  }
  return steps;
}

/** The least steps of all ways through an `if`. */
function stepsOfIf(counting: Counting, { branches, otherwise }: IfStatement): number {
  let conditions = 0;
  const ways = branches.map(({ condition, body }) => {
    conditions += stepsOf(counting, condition);
    return conditions + stepsOfStatements(counting, body.statements);
  });
  const last = otherwise ? stepsOfStatements(counting, otherwise.statements) : 0;
  return least([...ways, conditions + last]);
}

function stepsOfStatement(counting: Counting, statement: Statement): number {
  switch (statement.kind) {
    case "weights":
    case "input":
    case "param":
    case "const":
      return 1;
    case "bind":
    case "unpack":
      return 1 + stepsOf(counting, statement.value);
    case "return":
      return statement.values.reduce((sum, value) => sum + stepsOf(counting, value), 1);
    case "assert":
      return 1 + stepsOf(counting, statement.condition);
    case "if":
      return 1 + stepsOfIf(counting, statement);
    case "repeat":
      return 1 + timesOf(statement.count) * (1 + stepsOfStatements(counting, statement.body));
    case "kernel":
      return 1 + stepsOfStatements(counting, statement.body);
    case "output":
      return statement.outputs.reduce((sum, { value }) => sum + (value ? stepsOf(counting, value) : 0), 1);
    default:
      return statement satisfies never;
  }
}

/** The steps of an expression, including those of the blocks that it calls. */
function stepsOf(counting: Counting, expression: Expression): number {
  const { head, operations } = leftOperations(expression);
  let steps = 1 + (operations.length > 0 ? 1 : 0);
  if (head.kind === "call") steps += stepsOfCall(counting, head);
  else if (head.kind === "unary") steps += stepsOf(counting, head.operand);
  else if (head.kind === "index") steps += stepsOf(counting, head.list) + stepsOf(counting, head.index);
  else if (head.kind === "conditional")
    steps +=
      stepsOf(counting, head.condition) +
      Math.min(stepsOf(counting, head.then), stepsOf(counting, head.otherwise));
  // A nested list is a tensor, which takes one step per row.
  else if (head.kind === "list") steps += head.items.length;
  for (const operation of operations) steps += 1 + stepsOfOperation(counting, operation);
  return steps;
}

function stepsOfOperation(counting: Counting, operation: BinaryExpression | PipeExpression): number {
  if (operation.kind === "pipe") return stepsOfCall(counting, operation.call);
  // The right side of `and` and `or` may not be evaluated.
  const isLogical = operation.operator === "and" || operation.operator === "or";
  return isLogical ? 0 : stepsOf(counting, operation.right);
}

function stepsOfCall(counting: Counting, call: CallExpression): number {
  const called = counting.file.blocks.get(call.callee.text);
  let steps = called ? stepsOfBlock(counting, called) : 0;
  for (const argument of call.arguments)
    if (argument.kind !== "rest") steps += stepsOf(counting, argument.value);
  return steps;
}

function stepsOfBlock(counting: Counting, { block, file }: HomedBlock): number {
  const known = counting.blocks.get(block);
  if (known !== undefined) return known;
  // Too deep nesting and recursion are reported elsewhere.
  if (counting.depth >= depthLimit) return 0;
  counting.blocks.set(block, 0);
  const { file: outer } = counting;
  counting.file = file;
  counting.depth += 1;
  const steps = stepsOfStatements(counting, block.body);
  counting.depth -= 1;
  counting.file = outer;
  counting.blocks.set(block, steps);
  return steps;
}

/** The count of a `repeat` if it is a valid literal number, else 0. */
function timesOf(count: Expression): number {
  return count.kind === "number" && count.value <= repeatLimit ? count.value : 0;
}
