// A compiled rule: the left side as data, the rest as functions of a match.

import type { Span } from "#diagnostic/diagnostic.js";
import type { Attributes } from "#ops/op.js";
import type { AttributeValue, Node, NodeId, OpName } from "#ir/graph.js";
import type { Module } from "#ir/weights.js";
import type { ReplacementBuilder, Ref } from "./replacement-builder.js";

/** An equation between two terms over graphs; see `compileRule`. */
export interface Rule {
  readonly kind: "equation";
  readonly name: string;
  readonly span: Span;
  /** The tolerance that `rule approx(…)` states, relative to the greatest value; absent for an exact rule. */
  readonly approx?: number;
  readonly pattern: OpPattern;
  /** `when shared`: inner nodes may have other uses. They stay, and their work is done twice. */
  readonly shared: boolean;
  /** Binders that the right side uses as values. Their nodes stay, so they may have other uses. */
  readonly kept: ReadonlySet<string>;
  /** Variables that must be weights, by `constant(…)` in `when`. */
  readonly constants: ReadonlySet<string>;
  /** The attribute terms of `where`, in order. If a term has no value, the rule does not apply. */
  readonly values: readonly (readonly [string, Compute])[];
  readonly condition?: Compute;
  /** Builds the right side. */
  readonly replacement: Construct;
  /** The numbers and lists in the text of the rule; a check draws operands at and near them. */
  readonly literals: Literals;
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
}

export type Rewrite = (module: Module, node: Node, builder: ReplacementBuilder) => Ref | undefined;

/** A term of the left side as an operand. */
export type Pattern =
  /** A variable: any value, but the same value wherever the name occurs. */
  | { readonly kind: "variable"; readonly name: string }
  /** A number: a constant all of whose elements are that number (as f32). */
  | { readonly kind: "uniform"; readonly value: number }
  | OpPattern;

export interface OpPattern {
  readonly kind: "op";
  /** The op, or the members of an op class. */
  readonly ops: readonly OpName[];
  /** The class, where membership depends on the node (`pointwise`). */
  readonly memberOf?: "pointwise";
  /** The name of the op and of the node's value. */
  readonly binder?: string;
  readonly operands: readonly Pattern[];
  readonly attributes: readonly (readonly [string, AttributePattern])[];
  /** The name of the rest of the attributes. Without it, an attribute that is not mentioned must have its default. */
  readonly rest?: string;
}

/** A term of the left side as an attribute. */
export type AttributePattern =
  | { readonly kind: "variable"; readonly name: string }
  | { readonly kind: "value"; readonly value: AttributeValue }
  | { readonly kind: "list"; readonly items: readonly AttributePattern[] };

/** What the variables of a rule are bound to at one place of a graph. */
export interface Match {
  readonly module: Module;
  readonly root: Node;
  /** Variables and binders for values. */
  readonly nodes: ReadonlyMap<string, NodeId>;
  /** Variables for attributes, and those of `where`. */
  readonly values: ReadonlyMap<string, AttributeValue>;
  /** Rests of attributes by name. */
  readonly rests: ReadonlyMap<string, Attributes>;
  /** The nodes that the left side covers, root included. */
  readonly covered: readonly NodeId[];
}

/** Computes a value from a match; undefined where the term has none (an index out of range, a constant that is not uniform, …). */
export type Compute = (match: Match) => AttributeValue | undefined;

/** Builds a value of the right side; undefined where types do not fit, and then the rule does not apply. */
export type Construct = (match: Match, builder: ReplacementBuilder) => Ref | undefined;
