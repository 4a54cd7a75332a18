// What a name of a file is: where it is bound, and where it is used.

import type { Span } from "#diagnostic/diagnostic.js";
import { given } from "#diagnostic/given.js";
import type { BlockItem, Expression, Item, Name } from "#grammar/ast.js";

/** What a name stands for. */
export type DefinitionKind =
  | "net"
  | "block"
  | "import" // a name of another file
  | "constant"
  | "parameter"
  | "input"
  | "param"
  | "value"
  | "index"
  | "dimension"
  | "kernel"
  | "rule"
  | "rule set"
  | "fusion"
  | "class" // of ops
  | "variable" // of a rule: a tensor, an attribute, or what `where` binds
  | "operator" // of a rule: `c` in `c: convolution(…)`
  | "rest"; // of a rule: `a` in `..a`

/** A place where a name is bound. */
export interface Definition {
  readonly kind: DefinitionKind;
  readonly name: string;
  /** The name itself, with its backticks. */
  readonly span: Span;
  /** The statement, parameter or item that binds it. */
  readonly whole: Span;
  /** The offset from which the name is visible in its item; 0 if it is visible in the whole file. */
  readonly from: number;
  /** The net, block or rule that sees it; absent for names of the file. */
  readonly item?: Item;
  /** Its doc comment. */
  readonly doc?: string;
  /** What it is bound to, if the text says so: the value of a binding or a const, the default of a parameter. */
  readonly value?: Expression;
}

/** A use of a name. A use in a `repeat` may have two definitions: one before the `repeat`, and one in an earlier copy. */
export interface Reference {
  readonly name: string;
  readonly span: Span;
  /** `argument`: the name of an argument in a call of a block. */
  readonly role: "value" | "callee" | "argument";
  readonly definitions: readonly Definition[];
}

export interface Names {
  /** In the order of the text. */
  readonly definitions: readonly Definition[];
  /** In the order of the text; without the names of ops and literals, and without unknown names. */
  readonly references: readonly Reference[];
}

/** Collects definitions and references while items are resolved. */
export interface Collector {
  readonly blocks: ReadonlyMap<string, BlockItem>;
  /** The consts of the file. */
  readonly constants: ReadonlyMap<string, Definition>;
  /** The names that the file imports. */
  readonly imports: ReadonlyMap<string, Definition>;
  /** The classes of ops of the file. */
  readonly classes: ReadonlyMap<string, Definition>;
  readonly definitions: Definition[];
  readonly references: Reference[];
  readonly blockDefinitions: ReadonlyMap<string, Definition>;
  /** The definitions of the parameters of blocks, by block and name. */
  readonly parameters: ReadonlyMap<BlockItem, ReadonlyMap<string, Definition>>;
}

/** A definition that is visible in the whole item, or in the whole file. */
export function definitionOf(
  kind: DefinitionKind,
  name: Name,
  whole: Span,
  details: Pick<Definition, "item" | "doc" | "value"> = {},
): Definition {
  const { item, doc, value } = details;
  return { kind, name: name.text, span: name.span, whole, from: 0, ...given({ item, doc, value }) };
}
