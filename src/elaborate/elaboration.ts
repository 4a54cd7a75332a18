// The state of an elaboration: the graph under construction, scopes, and the errors so far.

import type { BlockItem, Expression, Statement } from "#grammar/ast.js";
import type { DiagnosticCode } from "#diagnostic/codes.js";
import type { Diagnostic, Span } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import type { KernelId, KernelPlan, Node, NodeId, OpName, WeightId } from "#ir/graph.js";
import { uniteSpans } from "#ir/graph.js";
import type { Preprocess } from "#ir/preprocess.js";
import type { TensorType } from "#ir/type.js";
import { printType } from "#ir/type.js";
import { numberText } from "#ir/units.js";
import type { WeightFile, WeightSource, WeightStore } from "#ir/weights.js";
import { makeNode } from "#ops/index.js";
import type { Binding, ExpressionValue, FileScope } from "./expression-value.js";
import { calleeName, none } from "./expression-value.js";

/** The scope in which statements run: the visible names, and the prefix of the paths of new parameters. */
export interface Scope {
  readonly names: Map<string, Binding>;
  /** The blocks and consts that are visible too. */
  readonly file: FileScope;
  /** The prefix of paths; ends in a dot, or is empty. */
  readonly path: string;
  /** The blocks of the enclosing calls. */
  readonly blocks: readonly BlockItem[];
  /** Whether this is the net itself, which alone sees symbolic dimensions. */
  readonly isNet: boolean;
}

/** Most nodes of a net, so that nested repeats cannot fill the memory. */
const nodeLimit = 200_000;

/** Most copies of a `repeat`. */
export const repeatLimit = 100_000;

/**
 * Most steps of a net: statements, copies of `repeat`, and in expressions each name, literal, operator and call. A limit of nodes is
 * not enough: blocks that each call blocks twice, or a repeat of an empty repeat, may run very long without making a node.
 */
export const stepLimit = 2_000_000;

/** Most errors of a net that are reported. */
const errorLimit = 100;

/** A parameter that the weight file lacks. */
export interface MissingWeight {
  readonly key: string;
  readonly type: TensorType | undefined;
  readonly span: Span;
}

/** The functions that run bodies and expressions, passed to the module for block calls to avoid a circular import. */
interface Walk {
  evaluate(state: Elaboration, scope: Scope, path: string, expression: Expression): ExpressionValue;
  run(state: Elaboration, scope: Scope, statements: readonly Statement[]): ExpressionValue | undefined;
}

/** Sees an elaboration as it goes on, for editors. It changes nothing. */
export interface Observer {
  /** A statement has run in a scope, which has its bindings. It made the nodes from `first` on. */
  ran(state: Elaboration, scope: Scope, statement: Statement, first: NodeId): void;
  /** A block is called; the scope has its parameters. */
  called(state: Elaboration, scope: Scope, block: BlockItem): void;
  /** A name was found in a scope, or among the consts and blocks of the file. */
  found(span: Span, binding: { readonly span: Span }): void;
}

/** The elaboration of one net. */
export interface Elaboration {
  readonly walk: Walk;
  readonly observer: Observer | undefined;
  readonly store: WeightStore;
  /** The blocks and consts of the net's file. */
  readonly file: FileScope;
  readonly dims: ReadonlyMap<string, number>;
  readonly usedDims: Set<string>;
  readonly diagnostics: Diagnostic[];
  /** Errors that were reported already: an error in a block that is called ten times is reported once. */
  readonly reported: Set<string>;
  readonly nodes: Map<NodeId, Node>;
  /** The place in the text that made a node, for messages. */
  readonly places: Map<NodeId, Span>;
  /** By name, in the order of the text. */
  readonly inputs: Map<string, NodeId>;
  /** By name, in the order of the text. */
  readonly outputs: Map<string, { readonly node: NodeId; readonly span: Span }>;
  readonly kernels: Map<KernelId, KernelPlan>;
  /** What the text says about pictures, by input, with its place. */
  readonly pictures: Map<string, { readonly said: Partial<Preprocess>; readonly span: Span }>;
  /** Names of classes, by output. */
  readonly labels: Map<string, { readonly names: readonly string[]; readonly span: Span }>;
  /** How often each path was taken; the k-th use gets the suffix `.k`. */
  readonly paths: Map<string, number>;
  /** Unbound symbols, with the first place of each. */
  readonly unbound: Map<string, Span>;
  readonly missing: MissingWeight[];
  /** The enclosing block calls. `spans` are the spans of the call and of those around it, for origins of nodes; an error in a block shows its call. */
  readonly calls: { readonly span: Span; readonly spans: readonly Span[] }[];
  /** The nodes whose axis 0 is the open batch. */
  readonly batched: Set<NodeId>;
  /** Entries of the store by their key in a file, so that dumps find them without the file; computed when needed. */
  fileKeys: ReadonlyMap<string, WeightId> | undefined;
  weights: WeightFile | undefined;
  /** Whether a net without weights is an error instead of an architecture. */
  readonly seedless: boolean;
  seeded: boolean;
  /** Whether an output has no value, because of an error that is reported elsewhere: it may be one of syntax. */
  failedOutput: boolean;
  batch: { symbol: string; span: Span } | undefined;
  kernel: KernelId | undefined;
  /** The number of errors so far, including repeated ones; a part during which it grows has failed. */
  failures: number;
  steps: number;
  full: boolean;
}

/** Reports an error at a place, once; returns `none`. */
export function fail(
  state: Elaboration,
  span: Span,
  code: DiagnosticCode,
  message: string,
  details: Omit<Diagnostic, "severity" | "code" | "message" | "span"> = {},
): ExpressionValue & { kind: "none" } {
  state.failures += 1;
  if (state.full) return none;
  const key = JSON.stringify([code, span.file, span.start, span.end, message]);
  if (state.reported.has(key)) return none;
  state.reported.add(key);
  const call = state.calls.at(-1);
  const others = [...(details.others ?? []), ...(call ? [{ span: call.span, message: "in this call" }] : [])];
  state.diagnostics.push(
    error(code, message, { ...details, span, ...(others.length > 0 ? { others } : {}) }),
  );
  if (state.reported.size === errorLimit) {
    const what = `these are the first ${errorLimit} errors; the rest of the net is not checked`;
    state.diagnostics.push(error("too-many-errors", what, { span }));
    state.full = true;
  }
  return none;
}

/** Counts one or several steps of the elaboration; returns false, after one error, if they are too many. */
export function step(state: Elaboration, span: Span, count = 1): boolean {
  if (state.full) return false;
  state.steps += count;
  if (state.steps <= stepLimit && state.nodes.size < nodeLimit) return true;
  if (state.steps > stepLimit) tooManySteps(state, span, `more than ${numberText(stepLimit)} steps`);
  else
    fail(state, span, "too-large", `the net has more than ${numberText(nodeLimit)} nodes`, {
      help: ["is the count of a `repeat` too large?"],
    });
  state.full = true;
  return false;
}

/** The error for a net that takes too long. */
export function tooManySteps(state: Elaboration, span: Span, steps: string): void {
  fail(state, span, "too-large", `the net takes ${steps}`, {
    help: [
      `at most ${numberText(stepLimit)} are allowed: statements, copies of \`repeat\`, and names, literals, operators and calls in expressions`,
      "is the count of a `repeat` too large, or do blocks call each other too often?",
    ],
  });
}

/** Takes a path: the path itself the first time, `path.2` the second time, and so on. */
export function takePath(state: Elaboration, path: string): string {
  // Paths of long names, a hundred blocks deep, could fill the memory, so they count as steps.
  state.steps += path.length >> 7;
  for (;;) {
    const count = (state.paths.get(path) ?? 0) + 1;
    state.paths.set(path, count);
    if (count === 1) return path;
    // The text may bind `x.2` itself, as dumps do; then the number is taken.
    const numbered = `${path}.${count}`;
    if (state.paths.has(numbered)) continue;
    state.paths.set(numbered, 1);
    return numbered;
  }
}

/** Adds a node and returns its value. `batched` says whether its axis 0 is the open batch. */
export function addNode(
  state: Elaboration,
  parts: {
    readonly op: OpName;
    readonly name: string;
    readonly inputs: readonly NodeId[];
    readonly attributes: Readonly<Record<string, unknown>>;
    readonly type: TensorType;
    readonly span: Span;
  },
): ExpressionValue & { kind: "tensor" } {
  const { op, name, inputs, attributes, type, span } = parts;
  const id = state.nodes.size;
  state.places.set(id, span);
  if (inputs.some((input) => state.batched.has(input))) state.batched.add(id);
  const computes = op !== "input" && op !== "constant";
  const calls = state.calls.at(-1)?.spans;
  const origin = { spans: calls ? uniteSpans([calls, [span]]) : [span] };
  // Without spreading, which is ten times as slow; nets have many nodes.
  const node = { op, id, name, inputs, attributes, type, origin, position: id };
  state.nodes.set(
    id,
    makeNode(state.kernel === undefined || !computes ? node : { ...node, kernel: state.kernel }),
  );
  return { kind: "tensor", node: id };
}

/** Adds a constant for a weight, under the weight's path. */
export function addConstant(
  state: Elaboration,
  name: string,
  type: TensorType,
  source: WeightSource,
  span: Span,
): ExpressionValue & { kind: "tensor" } {
  return addConstantOf(state, name, type, state.store.add(name, type, source), span);
}

/** Adds a constant for an entry of the store. */
export function addConstantOf(
  state: Elaboration,
  name: string,
  type: TensorType,
  weight: WeightId,
  span: Span,
): ExpressionValue & { kind: "tensor" } {
  return addNode(state, { op: "constant", name, inputs: [], attributes: { weight }, type, span });
}

/** The type of an existing node. */
export function typeOf(state: Elaboration, node: NodeId): TensorType {
  return state.nodes.get(node)?.type ?? { dtype: "f32", shape: [] };
}

/** A description of a value for messages. */
export function describe(state: Elaboration, value: ExpressionValue): string {
  switch (value.kind) {
    case "tensor":
      return `a tensor ${printType(typeOf(state, value.node))}`;
    case "number":
      return `the number ${value.value}`;
    case "list":
      if (value.size) return `the size ${value.value.join("x")}`;
      return `the list [${value.open ? [state.batch?.symbol, ...value.value.slice(1)].join(", ") : value.value.join(", ")}]`;
    case "string":
      return `the string ${JSON.stringify(value.value)}`;
    case "name":
      return `\`${value.value}\``;
    case "callable":
      return `the ${value.callee.kind} \`${calleeName(value.callee)}\``;
    case "batch":
      return `the size of the open batch \`${state.batch?.symbol ?? ""}\``;
    case "results":
      return `${value.values.length} results`;
    case "none":
      return "nothing";
    default:
      return value satisfies never;
  }
}
