// Compiles calls in terms of rules: of ops with their operands, and of the op that an optional name stands for.

import { ownEntry } from "#diagnostic/own-entry.js";
import type { Argument, CallExpression } from "#grammar/ast.js";
import { printName } from "#grammar/printing/print-name.js";
import { meant } from "#diagnostic/suggest.js";
import type { OpName } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { isOp, opOf } from "#ops/index.js";
import { evalScalar } from "#ops/scalar-eval.js";
import { operand as scalarOperand } from "#ops/scalar.js";
import { numberAim } from "./aims.js";
import { compileAttributes } from "./compile-attributes.js";
import { compileFunction, compilePredicate, compileQuestion, isQuestion } from "./compile-function.js";
import { ruleFunctions } from "./functions.js";
import type { Ref, ReplacementBuilder } from "../replacement-builder.js";
import type { Construct, Match } from "../rule.js";
import type { Scope, Variable } from "./scope.js";
import { fail, failWith } from "./fail.js";
import { calleeNames, isClass } from "./scope.js";
import type { CompileTerm } from "./scope.js";
import type { Term, ValueTerm } from "./term.js";
import { asTensor } from "./term.js";

export function compileCall(scope: Scope, call: CallExpression, compile: CompileTerm): Term | undefined {
  const { text, span } = call.callee;
  if (call.binder)
    return fail(scope, call.binder.span, "misplaced-binder", "an op is bound on the left side only");
  const bound = scope.variables.get(text);
  if (bound?.kind === "op") return compileBoundOp(scope, call, compile, bound);
  const predicate = scope.predicates.get(text);
  if (predicate) return compilePredicate(scope, call, compile, predicate);
  if (isQuestion(text)) return compileQuestion(scope, call, text);
  const fn = ownEntry(ruleFunctions, text);
  if (fn) return compileFunction(scope, call, compile, fn);
  if (isOp(text) && text !== "input" && text !== "constant")
    return compileOp(scope, call, compile, [text], () => text);
  if (isClass(scope, text)) {
    return fail(
      scope,
      span,
      "unbound-op",
      `\`${text}\` is an op class: bind the op on the left side and use its name`,
      [`such as \`c: ${text}(x, …)\` on the left and \`c(x, …)\` here`],
    );
  }
  const known = [...calleeNames(scope), ...Object.keys(ruleFunctions), ...scope.predicates.keys()];
  const advice = meant(text, known, span, printName);
  return failWith(scope, span, "unknown-op", `there is no op or function \`${text}\``, advice);
}

/** The op that the left side bound to the callee. Where an optional op is missing, its first operand. */
function compileBoundOp(
  scope: Scope,
  call: CallExpression,
  compile: CompileTerm,
  bound: Extract<Variable, { kind: "op" }>,
): Term | undefined {
  const { text, span } = call.callee;
  if (bound.partial)
    return fail(scope, span, "unbound-op", `only some alternatives of the left side bind \`${text}\``, [
      `bind \`${text}\` in all of them, or write a rule for each`,
    ]);
  if (bound.list && !scope.lists)
    return fail(scope, span, "wrong-type", `\`${text}\` stands for several ops`, [`as in \`${text}(xs)..\``]);
  if (bound.list) scope.lists?.add(text);
  const opAt = (match: Match, item = -1): OpName | undefined => {
    const id = bound.list ? match.lists.get(text)?.[item] : match.nodes.get(text);
    return id === undefined ? undefined : nodeOf(match.module.graph, id).op;
  };
  const { optional } = bound;
  if (optional === undefined || scope.present.has(optional))
    return compileOp(scope, call, compile, bound.ops, opAt);
  const inside = { ...scope, present: new Set([...scope.present, optional]) };
  const whole = compileOp(scope, call, compile, bound.ops, opAt, inside);
  if (whole?.kind !== "tensor" || !whole.first) return undefined;
  const { construct, first } = whole;
  return {
    kind: "tensor",
    construct: (match, builder, item) =>
      match.nodes.has(optional) ? construct(match, builder, item) : first(match, builder, item)?.[0],
  };
}

/** Builds an operand, or a list of operands; undefined if one of them cannot be built. */
type Operands = (match: Match, builder: ReplacementBuilder, item?: number) => readonly Ref[] | undefined;

/** A call of an op. `inside` is the scope of all arguments but the first operand. */
function compileOp(
  scope: Scope,
  call: CallExpression,
  compile: CompileTerm,
  ops: readonly OpName[],
  opAt: (match: Match, item?: number) => OpName | undefined,
  inside: Scope = scope,
): ValueTerm | (Extract<Term, { kind: "tensor" }> & { readonly first?: Operands | undefined }) | undefined {
  const { callee, span } = call;
  const given = call.arguments.flatMap((one) =>
    one.kind === "positional" || one.kind === "spread" ? [one] : [],
  );
  const lists = given.filter(({ kind }) => kind === "spread").length;
  const terms: (Term | Operands)[] = [];
  for (const [at, argument] of given.entries()) {
    const own = at === 0 ? scope : inside;
    const term =
      argument.kind === "spread" ? compileList(own, argument, compile) : compile(own, argument.value);
    if (!term) return undefined;
    terms.push(term);
  }
  const values = terms.filter((term) => isValue(term));
  const [first] = ops;
  if (first && callee.text === first && values.length === call.arguments.length && values.length > 0) {
    const folded = foldNumbers(first, values);
    if (folded) return folded;
  }
  if (!ops.some((op) => takes(op, given.length, lists > 0))) {
    return fail(
      scope,
      span,
      "wrong-operand-count",
      `\`${callee.text}\` does not take ${given.length === 1 ? "one operand" : `${given.length} operands`}`,
      describeOperands(ops),
    );
  }
  const parts = terms.map((term, at): Operands | undefined => {
    if (typeof term === "function") return term;
    const tensor = asTensor(scope, term, given[at]?.value ?? call);
    return tensor && one(tensor.construct);
  });
  const known = parts.filter((part) => part !== undefined);
  const attributes = compileAttributes(inside, compile, call.arguments, ops, callee.text, span);
  if (!attributes || known.length < parts.length) return undefined;
  return {
    kind: "tensor",
    first: known[0],
    construct: (match, builder, item) => {
      const op = opAt(match, item);
      const refs: Ref[] = [];
      for (const part of known) {
        const some = part(match, builder, item);
        if (!some) return undefined;
        for (const ref of some) refs.push(ref);
      }
      const own = op && attributes(match, op, item);
      return op && own ? builder.op(op, refs, own) : undefined;
    },
  };
}

function isValue(term: Term | Operands): term is ValueTerm {
  return typeof term === "object" && term.kind === "value";
}

/** One operand. */
function one(construct: Construct): Operands {
  return (match, builder, item) => {
    const ref = construct(match, builder, item);
    return ref && [ref];
  };
}

/** `t..`: the term for each operand of the lists in it. */
function compileList(
  scope: Scope,
  { value, span }: Extract<Argument, { kind: "spread" }>,
  compile: CompileTerm,
): Operands | undefined {
  if (scope.lists) return fail(scope, span, "wrong-type", "a list of operands cannot be inside another one");
  const lists = new Set<string>();
  const term = compile({ ...scope, lists }, value);
  const tensor = term && asTensor(scope, term, value);
  if (!tensor) return undefined;
  if (lists.size === 0)
    return fail(scope, span, "wrong-type", "nothing here stands for several values", [
      "`xs..` on the left side binds such a name",
    ]);
  return (match, builder) => {
    const [length = 0, ...others] = [...lists].map((name) => match.lists.get(name)?.length ?? 0);
    if (others.some((other) => other !== length)) return undefined;
    const refs: Ref[] = [];
    for (let item = 0; item < length; item += 1) {
      const ref = tensor.construct(match, builder, item);
      if (!ref) return undefined;
      refs.push(ref);
    }
    return refs;
  };
}

function takes(name: OpName, count: number, hasLists: boolean): boolean {
  const { operands } = opOf(name);
  const least = operands.filter((operand) => !operand.optional && !operand.variadic).length;
  const most = operands.at(-1)?.variadic === true ? Infinity : operands.length;
  // A list may be empty, or have more operands than one.
  return hasLists ? most > 0 : count >= least && count <= most;
}

function describeOperands(ops: readonly OpName[]): string[] {
  return ops.slice(0, 3).map(
    (op) =>
      `\`${op}\` takes ${opOf(op)
        .operands.map((operand) => operand.name + (operand.optional ? " (may be left out)" : ""))
        .join(", ")}`,
  );
}

/** An elementwise op over numbers is a number; undefined for an op with attributes. */
function foldNumbers(name: OpName, terms: readonly ValueTerm[]): ValueTerm | undefined {
  const op = opOf(name);
  if (!op.scalar || Object.keys(op.attributes).length > 0 || op.operands.length !== terms.length)
    return undefined;
  const scalar = op.scalar(
    terms.map((_, index) => scalarOperand(index)),
    {},
  );
  return {
    kind: "value",
    type: "number",
    closed: terms.every((term) => term.closed),
    aim: numberAim(name, terms),
    compute: (match, item) => {
      const numbers = terms
        .map((term) => term.compute(match, item))
        .filter((value) => typeof value === "number");
      return numbers.length === terms.length ? evalScalar(scalar, numbers) : undefined;
    },
  };
}
