// A compiled rule: the left side as data, the rest as functions of a match.

import type { Span } from "#diagnostic/diagnostic.js";
import type { Attributes } from "#ops/op.js";
import type { AttributeValue, Node, NodeId, OpName } from "#ir/graph.js";
import type { Module } from "#ir/weights.js";
import type { Random } from "#ops/random.js";
import type { Aim, Wish } from "./aim.js";
import type { ReplacementBuilder, Ref } from "./replacement-builder.js";

/** The left side of a rule, and what a check needs to draw operands that it matches. */
export interface LeftSide {
  /** A term for each value that is replaced, the roots. Each term after the first shares a variable with one before. */
  readonly roots: readonly Pattern[];
  /** What `when` asks about variables, from which a check draws operands that satisfy it. */
  readonly hints: Hints;
  /** The numbers and lists in the text of the rule; a check draws operands at and near them. */
  readonly literals: Literals;
}

/** An equation between terms over graphs; see `compileRule`. */
export interface Rule extends LeftSide {
  readonly kind: "equation";
  readonly name: string;
  readonly span: Span;
  /** The tolerance that `rule approx(…)` states, relative to the greatest value; absent for an exact rule. */
  readonly approx?: number;
  /** `rule benefit(…)`: where several rules match, the one with the greatest comes first. 0 if it is not stated. */
  readonly benefit: number;
  /** The rule set to which it belongs. */
  readonly set?: RuleSetInfo;
  /** `when shared`: inner nodes may have other uses. They stay, and their work is done twice. */
  readonly shared: boolean;
  /** Binders that the right side uses as values. Their nodes stay, so they may have other uses. */
  readonly kept: ReadonlySet<string>;
  /** The attribute terms of `where`, in order. If a term has no value, the rule does not apply. */
  readonly values: readonly Value[];
  /** The parts of `when` that `and` joins, without `shared`. All must hold. */
  readonly conditions: readonly Condition[];
  /** Builds the right side: a value for each root. */
  readonly replacements: readonly Construct[];
}

/** `rules name before pass { … }`. */
export interface RuleSetInfo {
  readonly name: string;
  /** Where its rules apply, such as `before canonicalize`; absent for the usual places. */
  readonly place?: { readonly text: string; readonly span: Span };
}

/** A term of `where` that is an attribute. */
export interface Value {
  readonly name: string;
  readonly span: Span;
  readonly compute: Compute;
  /** What would give it a value. */
  readonly aim?: Aim;
}

/** A part of `when`. */
export interface Condition {
  readonly span: Span;
  readonly holds: (match: Match) => boolean;
  /** What would make it hold, where it does not. */
  readonly aim?: (match: Match, random: Random) => readonly Wish[] | undefined;
  /** The terms in it that depend on the match, such as `channels(x)`: their values explain why it does not hold. */
  readonly terms: readonly { readonly span: Span; readonly compute: Compute }[];
}

interface Hints {
  /** Variables that must be weights, by `constant(…)`. */
  readonly constants: ReadonlySet<string>;
  /** Terms that variables match, or do not match, by `matches(…)`. */
  readonly terms: readonly { readonly name: string; readonly pattern: Pattern }[];
  /** Ops that read a variable outside the left side, by `used_by(…)`; none in particular by `uses(…)`. */
  readonly readers: readonly { readonly name: string; readonly ops: readonly OpName[] }[];
}

export interface Literals {
  readonly numbers: readonly number[];
  readonly lists: readonly (readonly number[])[];
}

/** A rewrite in TypeScript, for a left side that cannot be written as a term. */
export interface NativeRule {
  readonly kind: "native";
  readonly name: string;
  /** The ops of the nodes at which it is tried. */
  readonly ops: readonly OpName[];
  /** The value that replaces a node; undefined where the rule does not apply. */
  readonly rewrite: Rewrite;
  /** As in `Rule`. */
  readonly approx?: number;
  readonly benefit?: number;
  readonly set?: RuleSetInfo;
  readonly span?: Span;
}

/** A rule of either kind. */
export type AnyRule = Rule | NativeRule;

/** A rule of a user: in the language, or in TypeScript with a left side that says where a check tries it. */
export type UserRule = Rule | (NativeRule & LeftSide);

export type Rewrite = (module: Module, node: Node, builder: ReplacementBuilder) => Ref | undefined;

/** A term of the left side. */
export type Pattern =
  /** A variable: any value, but the same value wherever the name occurs. */
  | { readonly kind: "variable"; readonly name: string; readonly span: Span }
  /** A number: a constant all of whose elements are that number (as f32). */
  | { readonly kind: "uniform"; readonly value: number; readonly span: Span }
  | OpPattern
  | EitherPattern;

export interface OpPattern {
  readonly kind: "op";
  /** The op, or the members of an op class. */
  readonly ops: readonly OpName[];
  /** Whether a `conv2d` must be pointwise. Of the classes, only `pointwise` depends on the node. */
  readonly pointwise?: true;
  /** The name of the op and of the node's value. */
  readonly binder?: string;
  readonly operands: readonly (Pattern | EachPattern)[];
  readonly attributes: readonly (readonly [string, AttributePattern])[];
  /** The name of the rest of the attributes. Without it, an attribute that is not mentioned must have its default. */
  readonly rest?: string;
  readonly span: Span;
}

/**
 * `p | q`: the alternatives in the order in which they are tried. An optional op `a?: f(p, …)` is `a: f(p, …) | p`: without the op, what
 * it would read is there, and its binder and its other variables are not bound.
 */
interface EitherPattern {
  readonly kind: "either";
  readonly alternatives: readonly Pattern[];
  /** The binder of an optional op, which only the first alternative binds. */
  readonly optional?: string;
  readonly span: Span;
}

/**
 * `p..` among operands: any number of operands, each of which matches `p`. Of an op's operands, at most two are such. The variables in
 * `lists` have a value for each operand; all others are the same for all.
 */
export interface EachPattern {
  readonly kind: "each";
  readonly pattern: Pattern;
  readonly lists: ReadonlySet<string>;
  readonly span: Span;
}

/** A term of the left side as an attribute. */
export type AttributePattern =
  | { readonly kind: "variable"; readonly name: string }
  | { readonly kind: "value"; readonly value: AttributeValue }
  | { readonly kind: "list"; readonly items: readonly AttributePattern[] };

/** What the variables of a rule are bound to at one place of a graph. */
export interface Match {
  readonly module: Module;
  /** The nodes that the rule replaces, in the order of the terms. */
  readonly roots: readonly Node[];
  /** Variables and binders for values. Those of an optional op that is missing are not bound. */
  readonly nodes: ReadonlyMap<string, NodeId>;
  /** Variables and binders in `p..`: a value for each operand. */
  readonly lists: ReadonlyMap<string, readonly NodeId[]>;
  /** Variables for attributes, and those of `where`. */
  readonly values: ReadonlyMap<string, AttributeValue>;
  /** Rests of attributes by name. */
  readonly rests: ReadonlyMap<string, Attributes>;
  /** The nodes that the left side covers, roots included. */
  readonly covered: readonly NodeId[];
}

/**
 * Computes a value from a match; undefined where the term has none (an index out of range, a constant that is not uniform, …). In a term
 * `t..` of the right side, `item` is the index of the operand.
 */
export type Compute = (match: Match, item?: number) => AttributeValue | undefined;

/** Builds a value of the right side; undefined where types do not fit, and then the rule does not apply. */
export type Construct = (match: Match, builder: ReplacementBuilder, item?: number) => Ref | undefined;

/** The ops at which a term of a left side may match. */
export function rootOps(pattern: Pattern): readonly OpName[] {
  if (pattern.kind === "op") return pattern.ops;
  return pattern.kind === "either" ? [...new Set(pattern.alternatives.flatMap(rootOps))] : [];
}
