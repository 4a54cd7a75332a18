// Rules of the caller in TypeScript: what their code sees of a graph, and the builder by which they can make valid values only.

import { expectArgument, expectText, hasProperties } from "#diagnostic/argument.js";
import { given } from "#diagnostic/given.js";
import type { OptionKinds } from "#diagnostic/options.js";
import { aFunction, aNumber, aText, expectOptions, listOf } from "#diagnostic/options.js";
import { didYouMean } from "#diagnostic/suggest.js";
import { render } from "#diagnostic/render.js";
import { parse } from "#grammar/reading/parse.js";
import type { AttributeValue, Node, OpAttributes, OpName } from "#ir/graph.js";
import type { TensorType } from "#ir/type.js";
import { printType } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { isOp, opNames, opOf } from "#ops/index.js";
import { isSame } from "./match.js";
import type { RuleValue } from "./predicate.js";
import { guarded, idOf, NativeError, valueOf } from "./predicate.js";
import type { Ref, ReplacementBuilder } from "./replacement-builder.js";
import type { LeftSide, NativeRule, UserRule } from "./rule.js";
import { compileRules } from "./compile/compile-rule.js";
import { markRule } from "./made.js";

/** A value that a rewrite makes; it becomes nodes if the rule applies. */
export interface NewValue {
  readonly type: TensorType;
}

/** What an operand of a new op may be. A number is a constant. */
export type NewOperand = NewValue | RuleValue | number | undefined;

/** Makes values of valid ops over values of the graph. */
export interface RuleBuilder {
  /**
   * An op. Undefined if an operand is, or if operands and attributes do not fit the op; a rewrite that returns undefined does not apply. Omitted
   * optional operands are zeros, and omitted attributes have their defaults. An op or an attribute that does not exist is an error.
   */
  op<O extends OpName>(
    op: O,
    operands: readonly NewOperand[],
    attributes?: Partial<OpAttributes[O]>,
  ): NewValue | undefined;
}

/** A rule in TypeScript. */
export interface NativeRuleOptions {
  /** Its name in reports, origins and options. */
  readonly name: string;
  /** The ops of the values that it may replace. */
  readonly ops: readonly OpName[];
  /**
   * Gives the value that replaces `value`, or undefined where the rule does not apply. It must have the same type, and must not read `value`
   * itself. What it gives may depend on nothing but the graph that it sees.
   */
  readonly rewrite: (value: RuleValue, build: RuleBuilder) => NewOperand;
  /**
   * A term of the rule language, such as `relu(conv2d(x, w, b, ..a))`. The check draws operands that match it. By default, it draws
   * single ops of `ops`, and a rule that needs more around them cannot be checked.
   */
  readonly left?: string;
  /** How far values may change, relative to the greatest; such a rule applies only with `approx: true`. */
  readonly approx?: number;
  /** As in the language: where several rules match, the one with the greatest benefit comes first. 0 by default. */
  readonly benefit?: number;
}

const kinds: OptionKinds<NativeRuleOptions> = {
  name: aText,
  ops: listOf("names of ops", { takes: "an op", holds: (name) => typeof name === "string" && isOp(name) }),
  rewrite: aFunction,
  left: aText,
  approx: aNumber,
  benefit: aNumber,
};

/** Makes a rule of a function, for `rules` of `optimize` and `compile`. It is checked like all rules, and its name stands in origins and reports. */
export function nativeRule(options: NativeRuleOptions): UserRule {
  expectOps(options);
  expectOptions("nativeRule", options, kinds);
  const { name, ops, rewrite, left, approx, benefit } = options;
  expectText("nativeRule", "the name of the rule, in `name`", name);
  expectArgument("nativeRule", "a function `rewrite`", rewrite, typeof rewrite === "function");
  expectArgument("nativeRule", "the ops to replace, in `ops`", ops, Array.isArray(ops) && ops.length > 0);
  const rule: NativeRule & LeftSide = {
    kind: "native",
    name,
    ops: ops.filter((op) => op !== "input" && op !== "constant"),
    rewrite: (module, node, builder) => rewritten(name, rewrite, module, node, builder),
    ...(left === undefined ? anyOf(ops) : leftOf(left)),
    ...given({ approx, benefit }),
  };
  return markRule(rule);
}

/** Throws a `TypeError` that names what is no op. */
function expectOps(options: unknown): void {
  const ops: unknown = hasProperties(options, "ops") && (options as { readonly ops: unknown }).ops;
  if (!Array.isArray(ops)) return;
  if (ops.length === 0)
    throw new TypeError(
      "nativeRule takes at least one op in `ops`: the ops of the values that the rule may replace",
    );
  const wrong: unknown = ops.find((op) => typeof op !== "string" || !isOp(op));
  if (wrong === undefined) return;
  const near = typeof wrong === "string" ? didYouMean(wrong, opNames) : [];
  throw new TypeError(
    [`nativeRule takes names of ops in \`ops\`, and there is no op ${String(wrong)}`, ...near].join(": "),
  );
}

function rewritten(
  rule: string,
  rewrite: NativeRuleOptions["rewrite"],
  module: Module,
  node: Node,
  builder: ReplacementBuilder,
): Ref | undefined {
  const refs = new WeakMap<NewValue, Ref>();
  const refOf = (operand: NewOperand): Ref | undefined => {
    if (operand === undefined) return undefined;
    if (typeof operand === "number") return builder.number(operand);
    const id = idOf(operand, module.graph);
    if (id === node.id) throw new NativeError(`rule \`${rule}\` reads the value that it replaces`);
    const ref = id === undefined ? refs.get(operand) : builder.existing(id);
    if (!ref)
      throw new NativeError(`rule \`${rule}\` uses a value that neither the graph nor its builder gave it`);
    return ref;
  };
  const build: RuleBuilder = {
    op: (op, operands, attributes = {}) => {
      if (!isOp(op)) throw new NativeError(`rule \`${rule}\` makes \`${String(op)}\`, which is no op`);
      const given = attributes as Readonly<Record<string, AttributeValue>>;
      const unknown = Object.keys(given).find((key) => !Object.hasOwn(opOf(op).attributes, key));
      if (unknown !== undefined)
        throw new NativeError(
          `rule \`${rule}\` gives \`${op}\` an attribute \`${unknown}\`, which it does not have`,
        );
      const known = operands.map(refOf).filter((ref) => ref !== undefined);
      const made = known.length < operands.length ? undefined : builder.op(op, known, given);
      if (!made) return undefined;
      const value: NewValue = { type: made.type };
      refs.set(value, made);
      return value;
    },
  };
  const result = guarded(`rule \`${rule}\``, () => rewrite(valueOf(module, node), build));
  if (typeof result === "number" && (node.type.shape.length > 0 || node.type.dtype !== "f32"))
    throw new NativeError(
      `rule \`${rule}\` gives a number in place of a value of type ${printType(node.type)}: it must give a value of the graph or of its builder that has this type, or undefined`,
    );
  const ref = refOf(result);
  return ref && !isSame(ref, node) ? ref : undefined;
}

/** One of the ops over any operands, with any attributes. */
function anyOf(ops: readonly OpName[]): LeftSide {
  const span = { file: "", start: 0, end: 0 };
  const xs = { kind: "variable", name: "xs", span } as const;
  const operands = [{ kind: "each", pattern: xs, lists: new Set(["xs"]), span } as const];
  return {
    roots: [{ kind: "op", ops, operands, attributes: [], rest: "a", span }],
    hints: { constants: new Set(), terms: [], readers: [] },
    literals: { numbers: [], lists: [] },
  };
}

/** The left side that a text describes. Throws a `TypeError` if it is wrong. */
function leftOf(left: string): LeftSide {
  const head = "rule left: ";
  const text = `${head}${left} => 0\n`;
  const parsed = parse(text, "left");
  const compiled = parsed.value && compileRules(parsed.value.items);
  const rule = compiled?.value?.[0];
  const diagnostics = [...parsed.diagnostics, ...(compiled?.diagnostics ?? [])];
  if (!rule || rule.roots.length > 1)
    throw new TypeError(
      `nativeRule takes one term of the rule language in \`left\`\n${render(diagnostics, new Map([["left", text]]), { color: false })}`,
    );
  const { roots, hints, literals } = rule;
  return { roots, hints, literals };
}
