// The names that statements bind in their scope.

import type { Name, Statement } from "#grammar/ast.js";
import { bodiesOf } from "./returns.js";

/** Also those in the bodies of inner statements, which run in the same scope. */
export function boundNames(statements: readonly Statement[]): readonly Name[] {
  return statements.flatMap((statement) => {
    switch (statement.kind) {
      case "bind":
      case "param":
      case "const":
      case "input":
        return [statement.name];
      case "unpack":
        return statement.targets.map(({ name }) => name);
      case "output":
        return statement.outputs.flatMap(({ name, value }) => (value ? [name] : []));
      case "if":
        return bodiesOf(statement).flatMap(boundNames);
      case "repeat":
        return [...(statement.index ? [statement.index] : []), ...boundNames(statement.body)];
      case "kernel":
        return boundNames(statement.body);
      case "weights":
      case "assert":
      case "return":
        return [];
      default:
        return statement satisfies never;
    }
  });
}
