// The syntax tree of a `.net` file. Every node has its span; names are without their backticks.

import type { Span } from "#diagnostic/diagnostic.js";

interface Located {
  readonly span: Span;
}

/** A name, with its place in the text. */
export interface Name extends Located {
  readonly text: string;
  /** Written in unnecessary backticks, so that the name of a literal (`same`) can be bound. */
  readonly quoted?: true;
}

/** A comment, `# …` without its line end. `ownLine` is false if code precedes it on its line. */
export interface Comment extends Located {
  readonly text: string;
  readonly ownLine: boolean;
}

/** The syntax tree of a file. */
export interface Ast {
  readonly file: string;
  readonly items: readonly Item[];
  /** All comments in reading order; the printer puts them back by their spans. */
  readonly comments: readonly Comment[];
  /** Offsets at which the lines of the text begin, by which the printer keeps blank lines; absent if the tree has no text. */
  readonly lineStarts?: readonly number[];
  /** The names of nets, blocks and consts with syntax errors, which are not in the tree or lack parts; absent if there are none. */
  readonly incomplete?: ReadonlySet<string>;
}

export type Item =
  | ImportItem
  | ConstItem
  | NetItem
  | BlockItem
  | ClassItem
  | RuleItem
  | RuleSetItem
  | FuseItem;

/** `import conv_bn, width from "blocks.net"`. */
export interface ImportItem extends Located {
  readonly kind: "import";
  /** At least one. */
  readonly names: readonly Name[];
  readonly path: StringLiteral;
}

/** What a doc comment (`## …`) says about an item, a parameter or a statement: its lines without `##`, joined by line ends. */
interface Documented {
  readonly doc?: string;
}

/** `const width = 0.5`: a value known at compile time; also a statement. */
export interface ConstItem extends Located, Documented {
  readonly kind: "const";
  readonly name: Name;
  readonly value: Expression;
}

export interface NetItem extends Located, Documented {
  readonly kind: "net";
  readonly name: Name;
  readonly body: readonly Statement[];
}

/** `block separable(x, filters, stride=1) { … return e }`. */
export interface BlockItem extends Located, Documented {
  readonly kind: "block";
  readonly name: Name;
  readonly parameters: readonly Parameter[];
  /** From `(` to `)`; absent if the tree has no text. */
  readonly parametersSpan?: Span;
  readonly body: readonly Statement[];
}

export interface Parameter extends Located, Documented {
  readonly name: Name;
  readonly default?: Expression;
}

/** `class act = relu | relu6`: a name for some ops, in rules and fusions. */
export interface ClassItem extends Located {
  readonly kind: "class";
  readonly name: Name;
  /** Ops and other classes. */
  readonly members: readonly Name[];
}

/** `rule [approx(t)] [benefit(n)] name: pattern, … => replacement, … where a = e, … when condition`. */
export interface RuleItem extends Located {
  readonly kind: "rule";
  readonly name: Name;
  /** For `rule approx(0.01) name:`, the stated tolerance. */
  readonly approx?: Expression;
  /** For `rule benefit(2) name:`, which of several rules comes first. */
  readonly benefit?: Expression;
  /** The terms of the left side; usually one. */
  readonly patterns: readonly Expression[];
  /** The terms of the right side, one for each of the left side. */
  readonly replacements: readonly Expression[];
  readonly where: readonly Where[];
  readonly when?: Expression;
}

/** `rules name before pass { rule … }`: rules that are placed and switched off together. */
export interface RuleSetItem extends Located {
  readonly kind: "rules";
  readonly name: Name;
  readonly place?: RulePlace;
  readonly rules: readonly RuleItem[];
}

/** `before canonicalize`. */
export interface RulePlace extends Located {
  readonly side: "before" | "after";
  readonly pass: Name;
}

interface Where extends Located {
  readonly name: Name;
  readonly value: Expression;
}

/** `fuse name: link -> link* -> … when condition`. */
export interface FuseItem extends Located {
  readonly kind: "fuse";
  readonly name: Name;
  readonly links: readonly FuseLink[];
  readonly when?: Expression;
}

export interface FuseLink extends Located {
  /** An op or an op class. */
  readonly name: Name;
  readonly repeat: "one" | "*" | "+" | "?";
}

export type Statement =
  | WeightsStatement
  | InputStatement
  | ParamStatement
  | ConstItem
  | BindStatement
  | UnpackStatement
  | IfStatement
  | AssertStatement
  | RepeatStatement
  | KernelStatement
  | OutputStatement
  | ReturnStatement;

/** `weights "file.safetensors"`. */
export interface WeightsStatement extends Located {
  readonly kind: "weights";
  readonly path: StringLiteral;
}

/** `input image: f32[N, 224, 224, 3] preprocess(scale=1/255)`. */
export interface InputStatement extends Located, Documented {
  readonly kind: "input";
  readonly name: Name;
  readonly type: TypeExpression;
  /** How pictures become values of the input. */
  readonly preprocess?: CallExpression;
}

/** `param w: f32[3, 3, 3, 32] = weight("key")`; a parameter without a value is looked up by its path. */
export interface ParamStatement extends Located, Documented {
  readonly kind: "param";
  readonly name: Name;
  readonly type: TypeExpression;
  readonly value?: Expression;
}

/** `x = e` or `x: f32[N, 28, 28, _] = e`. */
export interface BindStatement extends Located {
  readonly kind: "bind";
  readonly name: Name;
  /** Checked against the type of the value. */
  readonly type?: TypeExpression;
  readonly value: Expression;
}

/** `a, b = f(x)`: binds the results of a block that has several. */
export interface UnpackStatement extends Located {
  readonly kind: "unpack";
  /** At least two. */
  readonly targets: readonly { readonly name: Name; readonly type?: TypeExpression }[];
  readonly value: Expression;
}

/** `if c { … } else if d { … } else { … }`: runs the first body whose condition is true, in the enclosing scope. */
export interface IfStatement extends Located {
  readonly kind: "if";
  readonly branches: readonly Branch[];
  /** The body behind the last `else`. */
  readonly otherwise?: Body;
}

interface Branch {
  readonly condition: Expression;
  readonly body: Body;
}

/** Statements in braces; the span is from `{` to `}`. */
interface Body extends Located {
  readonly statements: readonly Statement[];
}

/** `assert channels(x) % 8 == 0, "message"`. */
export interface AssertStatement extends Located {
  readonly kind: "assert";
  readonly condition: Expression;
  readonly message?: Expression;
}

/** `repeat n as i { … }`: n copies of the body in the enclosing scope. */
export interface RepeatStatement extends Located {
  readonly kind: "repeat";
  readonly count: Expression;
  readonly index?: Name;
  readonly body: readonly Statement[];
}

/** `kernel k7 separable(rows=2) { … }`, in dumps: one kernel computes the bindings inside, which belong to the enclosing scope. */
export interface KernelStatement extends Located {
  readonly kind: "kernel";
  readonly name: Name;
  /** The template and the plan. */
  readonly plan: CallExpression;
  readonly body: readonly Statement[];
}

/** `output a, b`, `output name = e` or `output name labels("cat", "dog") = e`. */
export interface OutputStatement extends Located {
  readonly kind: "output";
  readonly outputs: readonly OutputValue[];
}

export interface OutputValue {
  readonly name: Name;
  /** The names of the classes. */
  readonly labels?: CallExpression;
  readonly value?: Expression;
}

/** `return e`, or `return a, b` for several results. */
export interface ReturnStatement extends Located {
  readonly kind: "return";
  /** At least one. */
  readonly values: readonly Expression[];
}

/** `f32[N, 224, 224, 3]`; `f32[]` is a scalar. */
export interface TypeExpression extends Located {
  readonly dtype: Name;
  readonly shape: readonly Expression[];
}

export type Expression =
  | NumberLiteral
  | SizeLiteral
  | StringLiteral
  | NameExpression
  | ListExpression
  | CallExpression
  | IndexExpression
  | ConditionalExpression
  | PipeExpression
  | BinaryExpression
  | UnaryExpression;

export interface NumberLiteral extends Located {
  readonly kind: "number";
  readonly value: number;
  /** As written, so that `1e-3` is printed as `1e-3`. */
  readonly text: string;
}

/** `3x3`. */
export interface SizeLiteral extends Located {
  readonly kind: "size";
  readonly values: readonly number[];
}

export interface StringLiteral extends Located {
  readonly kind: "string";
  readonly value: string;
}

/** A binding, a variable of a rule, or a literal such as `same`, `true` (the op table knows which). */
export interface NameExpression extends Located {
  readonly kind: "name";
  readonly name: string;
  /** Written in backticks, so never a literal. */
  readonly quoted: boolean;
}

export interface ListExpression extends Located {
  readonly kind: "list";
  readonly items: readonly Expression[];
}

/** `f(x, stride=2, ..attrs)`; in rules `c: convolution(…)` binds the op to `binder`, and `c(…)` uses it. */
export interface CallExpression extends Located {
  readonly kind: "call";
  readonly callee: Name;
  readonly binder?: Name;
  /** `a?: relu(…)`: the op may be missing. */
  readonly optional?: true;
  readonly arguments: readonly Argument[];
}

/** `shape(x)[1]`: an item of a list known at compile time. */
export interface IndexExpression extends Located {
  readonly kind: "index";
  readonly list: Expression;
  readonly index: Expression;
}

/** `if c then a else b`. */
export interface ConditionalExpression extends Located {
  readonly kind: "conditional";
  readonly condition: Expression;
  readonly then: Expression;
  readonly otherwise: Expression;
}

export type Argument =
  | ({ readonly kind: "positional"; readonly value: Expression } & Located)
  | ({ readonly kind: "named"; readonly name: Name; readonly value: Expression } & Located)
  /** `xs..`, `relu(xs)..`: any number of operands. */
  | ({ readonly kind: "spread"; readonly value: Expression } & Located)
  | ({ readonly kind: "rest"; readonly name: Name } & Located);

/** `x |> f(a)` means `f(x, a)`; `call.arguments` does not contain `x`. `x |> relu` has a call without arguments. */
export interface PipeExpression extends Located {
  readonly kind: "pipe";
  readonly value: Expression;
  readonly call: CallExpression;
  /** Whether the call was written with parentheses. */
  readonly parentheses: boolean;
}

export type BinaryOperator =
  | "+"
  | "-"
  | "*"
  | "/"
  | "%"
  | "=="
  | "!="
  | "<"
  | "<="
  | ">"
  | ">="
  | "and"
  | "or"
  | "|";

/** `a | b`, alternatives, is for the left sides of rules alone. */
export interface BinaryExpression extends Located {
  readonly kind: "binary";
  readonly operator: BinaryOperator;
  readonly left: Expression;
  readonly right: Expression;
}

export interface UnaryExpression extends Located {
  readonly kind: "unary";
  readonly operator: "-" | "not";
  readonly operand: Expression;
}
