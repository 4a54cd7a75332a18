// Removes declarations and parameters that a template made but did not need.

import { given } from "#diagnostic/given.js";
import type { Place, Statement, Value } from "./ir.js";
import { bodiesOf, valuesOf, walkStatements, walkValue } from "./walk.js";

/** The body without declarations of registers that nothing reads. Loads have no side effects, so they may be removed too. */
export function dropUnused(body: readonly Statement[]): readonly Statement[] {
  const read = new Set<string>();
  walkStatements(body, (statement) => {
    for (const value of valuesOf(statement))
      walkValue(value, (part) => {
        if (part.kind === "register" && !isOwnStep(statement, part.name)) read.add(part.name);
      });
  });
  let dropped = false;
  const keep = (statements: readonly Statement[]): Statement[] =>
    statements.flatMap((statement): Statement[] => {
      if ((statement.kind === "let" || statement.kind === "set") && !read.has(statement.register.name)) {
        dropped = true;
        return [];
      }
      if (statement.kind === "for" || statement.kind === "team")
        return [{ ...statement, body: keep(statement.body) }];
      if (statement.kind !== "guard") return [statement];
      const { otherwise } = statement;
      return [
        {
          ...statement,
          then: keep(statement.then),
          ...given({ otherwise: otherwise && keep(otherwise) }),
        },
      ];
    });
  const kept = keep(body);
  // Registers that only removed declarations read are unused now.
  return dropped ? dropUnused(kept) : body;
}

/** `p = p + 4` alone is not a use of p. */
function isOwnStep(statement: Statement, name: string): boolean {
  return statement.kind === "set" && statement.register.name === name;
}

/** Names of the parameters that a body loads from or stores to. */
export function usedParameters(body: readonly Statement[]): ReadonlySet<string> {
  const used = new Set<string>();
  const note = (place: Place): void => {
    if (place.kind === "parameter") used.add(place.name);
  };
  const inValue = (value: Value): void => {
    if ("place" in value) note(value.place);
  };
  const visit = (statements: readonly Statement[]): void => {
    for (const statement of statements) {
      if (statement.kind === "store") note(statement.place);
      for (const value of valuesOf(statement)) walkValue(value, inValue);
      for (const inner of bodiesOf(statement)) visit(inner);
    }
  };
  visit(body);
  return used;
}
