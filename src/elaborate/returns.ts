// Where the bodies of blocks return.

import type { Statement } from "#grammar/ast.js";

/** Whether a statement returns in some way through it. */
export function mayReturn(statement: Statement): boolean {
  if (statement.kind === "return") return true;
  if (statement.kind !== "if") return false;
  return bodiesOf(statement).some((body) => body.some(mayReturn));
}

/** Whether statements return in every way through them. */
export function alwaysReturn(statements: readonly Statement[]): boolean {
  return statements.some((statement) => {
    if (statement.kind === "return") return true;
    if (statement.kind !== "if" || !statement.otherwise) return false;
    return bodiesOf(statement).every(alwaysReturn);
  });
}

/** The bodies of the branches of an `if`, and of its `else`. */
export function bodiesOf({
  branches,
  otherwise,
}: Extract<Statement, { kind: "if" }>): (readonly Statement[])[] {
  return [...branches.map(({ body }) => body), ...(otherwise ? [otherwise] : [])].map(
    ({ statements }) => statements,
  );
}
