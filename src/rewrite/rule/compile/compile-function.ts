// Compiles calls of functions in terms of rules: those of the language, questions about the graph around a value, and the caller's own.

import type { Argument, CallExpression, Expression } from "#grammar/ast.js";
import { printName } from "#grammar/printing/print-name.js";
import { meant } from "#diagnostic/suggest.js";
import type { AttributeValue, Node, OpName } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { users } from "#ir/node-order.js";
import { opClasses, opNames } from "#ops/index.js";
import { isOneOf, setOf } from "./classes.js";
import { fail, failWith } from "./fail.js";
import type { RuleFunction } from "./functions.js";
import { ruleFunctions } from "./functions.js";
import type { Aim } from "../aim.js";
import { itemName } from "../aim.js";
import type { Predicate } from "../predicate.js";
import { askPredicate } from "../predicate.js";
import type { Compute, Match } from "../rule.js";
import type { CompileTerm, Scope, Variable } from "./scope.js";
import { usable } from "./scope.js";
import { copyOf, mostSteps, solveAt } from "../solve.js";
import { isLength } from "./function-aims.js";
import type { Term, ValueTerm } from "./term.js";
import { expectValue } from "./term.js";

export function compileFunction(
  scope: Scope,
  call: CallExpression,
  compile: CompileTerm,
  fn: RuleFunction,
): Term | undefined {
  const { text, span } = call.callee;
  const wanted = fn.parameters.length;
  const given = call.arguments.length;
  if (given < wanted || (given > wanted && !fn.variadic)) {
    return fail(
      scope,
      span,
      "wrong-operand-count",
      `\`${text}\` takes ${wanted === 1 ? "one argument" : `${wanted} arguments`}, not ${given}`,
      [`it gives ${fn.doc}`],
    );
  }
  const tensors: NodesOf[] = [];
  const values: ValueTerm[] = [];
  for (const [at, argument] of call.arguments.entries()) {
    if (argument.kind !== "positional")
      return fail(
        scope,
        argument.span,
        "wrong-type",
        `\`${text}\` takes no ${argument.kind === "named" ? "named arguments" : "lists of operands"}`,
      );
    const type = fn.parameters[Math.min(at, wanted - 1)] ?? "any";
    if (type === "tensor" || type === "tensors") {
      const nodes = tensorArgument(scope, argument, text);
      if (!nodes) return undefined;
      if (text === "constant") scope.constants.add(nodes.name);
      if (text === "uses") scope.readers.push({ name: nodes.name, ops: [] });
      tensors.push(nodes);
    } else {
      const term = compile(scope, argument.value);
      const value = term && expectValue(scope, term, type, argument.value);
      if (!value) return undefined;
      values.push(value);
    }
  }
  const closed = tensors.length === 0 && values.every((term) => term.closed);
  const computed = (match: Match, item: number | undefined): AttributeValue[] | undefined => {
    const known = values.map((term) => term.compute(match, item)).filter((value) => value !== undefined);
    return known.length === values.length ? known : undefined;
  };
  // A function of one tensor gives a list for several: of numbers, or whether it is true for all.
  const [only] = tensors;
  if (only?.isList && tensors.length === 1 && fn.parameters[0] === "tensor") {
    if (fn.result !== "number" && fn.result !== "boolean")
      return fail(
        scope,
        span,
        "wrong-type",
        `\`${text}\` takes one value, and \`${only.name}\` stands for several`,
      );
    return {
      kind: "value",
      type: fn.result === "number" ? "list" : "boolean",
      closed,
      aim: fn.aim && eachAim(fn.aim, only),
      compute: (match, item) => {
        const own = computed(match, item);
        const each = own && only.of(match, item).map((node) => fn.evaluate(match, [node], own));
        if (fn.result === "boolean") return each?.every((one) => one === true);
        const numbers = each?.filter((one) => typeof one === "number");
        return numbers?.length === each?.length ? numbers : undefined;
      },
    };
  }
  return {
    kind: "value",
    type: fn.result,
    closed,
    aim: functionAim(fn, only, values),
    compute: (match, item) => {
      const own = computed(match, item);
      return (
        own &&
        fn.evaluate(
          match,
          tensors.flatMap((nodes) => nodes.of(match, item)),
          own,
        )
      );
    },
  };
}

/** What gives a function of one tensor, of a list's length or of values another value. */
function functionAim(
  fn: RuleFunction,
  only: NodesOf | undefined,
  values: readonly ValueTerm[],
): Aim | undefined {
  const { aim, back } = fn;
  if (aim && only)
    return (match, wanted, random) => {
      const [node] = only.of(match, undefined);
      return node && aim(match, node, only.name, wanted, random);
    };
  if (fn.parameters[0] === "tensors" && only)
    return (_match, wanted) =>
      isLength(wanted) ? [{ kind: "count", of: only.name, count: wanted }] : undefined;
  const [first] = values;
  const aimOfFirst = first?.aim;
  if (!back || !aimOfFirst) return undefined;
  return (match, wanted, random) => {
    const given = values.map((term) => term.compute(match)).filter((value) => value !== undefined);
    const own = given.length === values.length ? back(given, wanted, random) : undefined;
    // Without a value, its own value may do: it is the list that has none.
    return own === undefined && given.length === values.length ? undefined : aimOfFirst(match, own, random);
  };
}

/** What gives a function of each value of a list another value: a list of values, or the same for all. */
function eachAim(aim: NonNullable<RuleFunction["aim"]>, only: NodesOf): Aim {
  return (match, wanted, random) => {
    const all = only.of(match, undefined).map((node, at) => {
      const own = typeof wanted === "object" ? wanted[at] : wanted;
      return own === undefined && wanted !== undefined
        ? []
        : aim(match, node, itemName(only.name, at), own, random);
    });
    const known = all.filter((one) => one !== undefined);
    return known.length < all.length ? undefined : known.flat();
  };
}

/** The nodes that a name stands for in a match. */
interface NodesOf {
  readonly name: string;
  /** Whether there may be several. */
  readonly isList: boolean;
  readonly of: (match: Match, item: number | undefined) => readonly Node[];
}

/** An argument that is a variable of the left side. A question about the node of a bound op does not use its value. */
function tensorArgument(scope: Scope, argument: Argument, callee: string): NodesOf | undefined {
  const value = argument.kind === "positional" ? argument.value : undefined;
  const variable = value?.kind === "name" ? usable(scope, value.name, value.span) : undefined;
  if (variable === "error") return undefined;
  if (value?.kind === "name" && !variable && !scope.where.has(value.name)) {
    const known = [...scope.variables.keys()];
    return failWith(
      scope,
      value.span,
      "unbound-variable",
      `\`${value.name}\` is bound neither on the left side nor in \`where\``,
      meant(value.name, known, value.span, printName),
    );
  }
  if (value?.kind !== "name" || !variable || !isTensor(variable))
    return fail(
      scope,
      argument.span,
      "wrong-type",
      `\`${callee}\` takes a variable of the left side that stands for a tensor`,
    );
  const { name } = value;
  const isWhole = variable.list === true && !scope.lists;
  if (variable.list) scope.lists?.add(name);
  return {
    name,
    isList: isWhole,
    of: ({ module, nodes, lists }, item = -1) => {
      const one = variable.list ? lists.get(name)?.[item] : nodes.get(name);
      const ids = isWhole ? (lists.get(name) ?? []) : one === undefined ? [] : [one];
      return ids.map((id) => nodeOf(module.graph, id));
    },
  };
}

function isTensor({ kind }: Variable): boolean {
  return kind === "tensor" || kind === "op";
}

// ── Questions about the graph around a value ───────────────────────────────────────────────────────────────────────────

/** Functions whose arguments are not terms, for docs/rules.md. */
export const questions = {
  matches: {
    signature: "matches(tensor, pattern)",
    doc: "whether the value matches a term of a left side; its own variables are bound nowhere else",
  },
  used_by: {
    signature: "used_by(tensor, op, …)",
    doc: "whether one of these ops or classes reads the value outside the left side",
  },
} as const;

/** Whether a function of the language has this name. */
export function isFunctionName(name: string): boolean {
  return isQuestion(name) || Object.hasOwn(ruleFunctions, name);
}

export function isQuestion(name: string): name is keyof typeof questions {
  return Object.hasOwn(questions, name);
}

export function compileQuestion(
  scope: Scope,
  call: CallExpression,
  question: keyof typeof questions,
): Term | undefined {
  const [first, ...others] = call.arguments;
  if (!first || others.length === 0 || (question === "matches" && others.length > 1))
    return fail(
      scope,
      call.span,
      "wrong-operand-count",
      `\`${question}\` takes ${question === "matches" ? "a variable and a pattern" : "a variable and ops"}`,
      [`it gives ${questions[question].doc}`],
    );
  const nodes = tensorArgument(scope, first, question);
  if (!nodes) return undefined;
  const terms = others.flatMap((one) => (one.kind === "positional" ? [one.value] : []));
  const [term] = terms;
  if (!term || terms.length < others.length)
    return fail(scope, call.span, "wrong-type", `\`${question}\` takes no named arguments`);
  return question === "matches" ? compileMatches(scope, nodes, term) : compileUsedBy(scope, nodes, terms);
}

/** `matches(x, p)`: a search with the variables that are bound, whose own bindings are forgotten. */
function compileMatches(scope: Scope, nodes: NodesOf, term: Expression): Term | undefined {
  const single = [...scope.variables].filter(([, variable]) => !variable.list);
  const inner = {
    ...scope,
    variables: new Map(scope.variables),
    outside: new Set(single.map(([name]) => name)),
  };
  const pattern = scope.compilePattern(inner, term);
  if (!pattern) return undefined;
  scope.terms.push({ name: nodes.name, pattern });
  return question((match, item) =>
    nodes.of(match, item).every(({ id }) => {
      const found = copyOf({ ...match, roots: [] });
      const search = { module: match.module, budget: { steps: mostSteps }, conclude: () => true };
      return solveAt(search, pattern, id, found) === true;
    }),
  );
}

/** `used_by(x, op, …)`: of several values, whether it holds for all. */
function compileUsedBy(scope: Scope, nodes: NodesOf, terms: readonly Expression[]): Term | undefined {
  const sets = terms.map((term) => {
    const set = term.kind === "name" ? setOf(term.name, scope.classes) : undefined;
    if (set) return set;
    const name = term.kind === "name" ? term.name : "";
    const known = [...opNames, ...opClasses, ...scope.classes.keys()];
    const message = "`used_by` takes the names of ops and classes";
    return failWith(scope, term.span, "unknown-op", message, meant(name, known, term.span, printName));
  });
  const known = sets.filter((set) => set !== undefined);
  if (known.length < sets.length) return undefined;
  const ops: OpName[] = [...new Set(known.flatMap((set) => set.ops))];
  scope.readers.push({ name: nodes.name, ops });
  return question((match, item) => {
    const { graph } = match.module;
    const covered = new Set(match.covered);
    return nodes.of(match, item).every(({ id }) =>
      (users(graph).get(id) ?? []).some((reader) => {
        if (covered.has(reader)) return false;
        const node = nodeOf(graph, reader);
        const types = node.inputs.slice(0, 2).map((input) => nodeOf(graph, input).type);
        return known.some((set) => isOneOf(set, node, types));
      }),
    );
  });
}

function question(compute: Compute): Term {
  return { kind: "value", type: "boolean", closed: false, compute };
}

// ── Predicates of the caller ───────────────────────────────────────────────────────────────────────────────────────

/** A call of a predicate: its arguments are variables of the left side and values. */
export function compilePredicate(
  scope: Scope,
  call: CallExpression,
  compile: CompileTerm,
  predicate: Predicate,
): Term | undefined {
  const { text } = call.callee;
  const parts: (NodesOf | ValueTerm)[] = [];
  for (const argument of call.arguments) {
    if (argument.kind !== "positional")
      return fail(scope, argument.span, "wrong-type", `\`${text}\` takes variables and values`);
    const { value } = argument;
    const variable = value.kind === "name" ? scope.variables.get(value.name) : undefined;
    const part =
      variable && isTensor(variable)
        ? tensorArgument(scope, argument, text)
        : asValue(scope, compile(scope, value), value);
    if (!part) return undefined;
    parts.push(part);
  }
  return question((match, item) => {
    const given: Parameters<typeof askPredicate>[3][number][] = [];
    for (const part of parts) {
      if ("compute" in part) {
        const value = part.compute(match, item);
        if (value === undefined) return undefined;
        given.push(value);
      } else given.push(part.isList ? [...part.of(match, item)] : (part.of(match, item)[0] ?? []));
    }
    return askPredicate(text, predicate, match.module, given);
  });
}

function asValue(scope: Scope, term: Term | undefined, expression: Expression): ValueTerm | undefined {
  return term && expectValue(scope, term, "any", expression);
}
