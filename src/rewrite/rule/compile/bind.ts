// Binds the variables of a left side, and joins what alternatives bind.

import type { Span } from "#diagnostic/diagnostic.js";
import { given } from "#diagnostic/given.js";
import type { Scope, Variable } from "./scope.js";
import { fail } from "./fail.js";

/**
 * Binds a variable, or checks that it has the same kind as before: a repeated variable means equality. The name of an op is also its value
 * elsewhere. In a `p..`, a variable that occurs nowhere outside is a list.
 */
export function bind(scope: Scope, name: string, variable: Variable, span: Span): boolean {
  const isList =
    scope.inEach !== undefined &&
    (variable.kind === "tensor" || variable.kind === "op") &&
    !scope.outside?.has(name);
  if (isList) scope.inEach?.add(name);
  const own: Variable = isList ? { ...variable, list: true } : variable;
  const known = scope.variables.get(name);
  if (known?.optional !== undefined) scope.asked?.add(known.optional);
  if (known?.list && !isList)
    return fail(scope, span, "repeated-variable", `\`${name}\` stands for several values`) ?? false;
  const joined = known && both(known, own);
  if (known && !joined)
    return (
      fail(
        scope,
        span,
        "repeated-variable",
        `\`${name}\` cannot be ${described(variable)} here: it is ${described(known)} before`,
      ) ?? false
    );
  scope.variables.set(name, joined ?? own);
  return true;
}

/**
 * Sets the variables after some alternatives: those that all of them bind, and the others as `partial`. An op has the ops of all; the
 * rest of the attributes has the keys of all.
 */
export function joinBranches(
  scope: Scope,
  branches: readonly ReadonlyMap<string, Variable>[],
  span: Span,
): void {
  for (const name of new Set(branches.flatMap((branch) => [...branch.keys()]))) {
    const found = branches.map((branch) => branch.get(name)).filter((one) => one !== undefined);
    const [first, ...others] = found;
    if (!first) continue;
    let joined: Variable = first;
    for (const other of others) {
      const next = either(joined, other);
      if (next) joined = next;
      else
        fail(
          scope,
          span,
          "repeated-variable",
          `\`${name}\` cannot be ${described(other)} in one alternative and ${described(joined)} in another`,
        );
    }
    scope.variables.set(name, found.length < branches.length ? { ...joined, partial: true } : joined);
  }
}

/** A variable that occurs twice; undefined if its kinds contradict each other. */
function both(known: Variable, variable: Variable): Variable | undefined {
  const isTensor = (one: Variable): boolean => one.kind === "tensor" || one.kind === "op";
  // What is bound here is bound, also if it was not in all alternatives before.
  const bound = given({ list: variable.list });
  if (isTensor(known) && isTensor(variable)) {
    if (known.kind === "op" && variable.kind === "op") return undefined;
    return known.kind === "op" ? { kind: "op", ops: known.ops, ...bound } : variable;
  }
  if (known.kind === "rest" && variable.kind === "rest")
    return sameKeys(known.keys, variable.keys) ? variable : undefined;
  return known.kind === "attribute" && variable.kind === "attribute"
    ? { kind: "attribute", type: known.type === "any" ? variable.type : known.type }
    : undefined;
}

/** A variable that two alternatives bind; undefined if its kinds contradict each other. */
function either(a: Variable, b: Variable): Variable | undefined {
  const bound = given({ list: a.list, partial: a.partial ?? b.partial, optional: a.optional ?? b.optional });
  if (a.kind === "op" && b.kind === "op")
    return { kind: "op", ops: [...new Set([...a.ops, ...b.ops])], ...bound };
  if (a.kind === "rest" && b.kind === "rest")
    return { kind: "rest", keys: new Set([...a.keys, ...b.keys]), ...bound };
  if (a.kind === "attribute" && b.kind === "attribute")
    return { kind: "attribute", type: a.type === b.type ? a.type : "any", ...bound };
  const isTensor = (one: Variable): boolean => one.kind === "tensor" || one.kind === "op";
  return isTensor(a) && isTensor(b) ? { kind: "tensor", ...bound } : undefined;
}

function sameKeys(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every((key) => b.has(key));
}

function described(variable: Variable): string {
  switch (variable.kind) {
    case "tensor":
      return "a tensor";
    case "op":
      return "an op";
    case "attribute":
      return "an attribute";
    case "rest":
      return "the rest of the attributes of an op";
    default:
      return variable satisfies never;
  }
}
