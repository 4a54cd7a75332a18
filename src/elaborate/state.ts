// What the elaborator carries along: the graph under construction, scopes, and the problems found so far.

import type { BlockItem, Expression } from "#grammar/ast.js";
import type { Diagnostic, Span } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import type { KernelId, KernelLabel, Node, NodeId, OpName, WeightId } from "#ir/graph.js";
import type { TensorType } from "#ir/type.js";
import type { WeightSource, WeightStore } from "#ir/weights.js";
import { makeNode } from "#ops/index.js";

/** A file of weights, already opened: what it holds, and how to read an entry. */
export interface WeightFile {
  readonly file: string;
  readonly entries: ReadonlyMap<
    string,
    { readonly shape: readonly number[]; readonly read: () => Float32Array }
  >;
}

/** A value of an expression. `none` stands for what failed and was reported: it silences errors that would follow. */
export type Value =
  | { readonly kind: "tensor"; readonly node: NodeId }
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "list"; readonly value: readonly number[]; readonly size: boolean }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "name"; readonly value: string }
  | { readonly kind: "none" };

export const none: Value = { kind: "none" };

/** A name in a scope, and where it was bound. */
export interface Binding {
  readonly value: Value;
  readonly span: Span;
}

/** Where statements run: the names they see, and the path that the parameters they make begin with. */
export interface Scope {
  readonly names: Map<string, Binding>;
  /** Ends in a dot, or is empty. */
  readonly path: string;
  /** The blocks under way, for the message about recursion. */
  readonly blocks: readonly string[];
}

/** Most nodes that a net may have; a repeat of a repeat of a repeat ends here instead of in an empty memory. */
export const nodeLimit = 200_000;

/** The elaboration of one net. */
export interface State {
  readonly store: WeightStore;
  readonly blocks: ReadonlyMap<string, BlockItem>;
  readonly constants: ReadonlyMap<string, Binding>;
  readonly dims: ReadonlyMap<string, number>;
  readonly diagnostics: Diagnostic[];
  readonly nodes: Map<NodeId, Node>;
  readonly outputs: { name: string; node: NodeId; span: Span }[];
  readonly kernels: Map<KernelId, KernelLabel>;
  /** How often each path was taken; the k-th time it gets `.k`. */
  readonly paths: Map<string, number>;
  /** Symbols that are not bound, with the first place of each. */
  readonly unbound: Map<string, Span>;
  /** Where an expression that makes several nodes stands, inside out: an error in a block shows its call. */
  readonly calls: Span[];
  weights: WeightFile | undefined;
  seeded: boolean;
  batch: { symbol: string; span: Span } | undefined;
  kernel: KernelId | undefined;
  full: boolean;
}

/** Reports an error at a place; gives `none`. */
export function fail(
  state: State,
  span: Span,
  code: string,
  message: string,
  details: Omit<Diagnostic, "severity" | "code" | "message" | "span"> = {},
): Value {
  const call = state.calls.at(-1);
  const others = [...(details.others ?? []), ...(call ? [{ span: call, message: "in this call" }] : [])];
  state.diagnostics.push(
    error(code, message, { ...details, span, ...(others.length > 0 ? { others } : {}) }),
  );
  return none;
}

/** Takes a path: itself the first time, `path.2` the second, and so on. */
export function takePath(state: State, path: string): string {
  const count = (state.paths.get(path) ?? 0) + 1;
  state.paths.set(path, count);
  if (count === 1) return path;
  const numbered = `${path}.${count}`;
  // A binding may be called `x.2` by its author (dumps are), so the number may be taken.
  return state.paths.has(numbered) ? takePath(state, path) : (state.paths.set(numbered, 1), numbered);
}

/** Adds a node; gives its value. */
export function addNode(
  state: State,
  parts: {
    readonly op: OpName;
    readonly name: string;
    readonly inputs: readonly NodeId[];
    readonly attributes: Readonly<Record<string, unknown>>;
    readonly type: TensorType;
    readonly span: Span;
  },
): Value & { kind: "tensor" } {
  const { span, ...rest } = parts;
  const id = state.nodes.size;
  state.nodes.set(
    id,
    makeNode({
      ...rest,
      id,
      position: id,
      origin: { spans: [span, ...state.calls.toReversed()] },
      ...(state.kernel === undefined || parts.op === "input" || parts.op === "constant"
        ? {}
        : { kernel: state.kernel }),
    }),
  );
  return { kind: "tensor", node: id };
}

/** Adds a constant for a weight, under the weight's path. */
export function addConstant(
  state: State,
  name: string,
  type: TensorType,
  source: WeightSource,
  span: Span,
): Value & { kind: "tensor" } {
  const weight = state.store.add(name, type, source);
  return addConstantOf(state, name, type, weight, span);
}

/** Adds a constant for an entry that is in the store. */
export function addConstantOf(
  state: State,
  name: string,
  type: TensorType,
  weight: WeightId,
  span: Span,
): Value & { kind: "tensor" } {
  return addNode(state, { op: "constant", name, inputs: [], attributes: { weight }, type, span });
}

/** The type of a tensor value. */
export function typeOf(state: State, value: Value & { kind: "tensor" }): TensorType {
  return state.nodes.get(value.node)?.type ?? { dtype: "f32", shape: [] };
}

/** What a value is, in words. */
export function describe(state: State, value: Value): string {
  switch (value.kind) {
    case "tensor":
      return `a tensor f32[${typeOf(state, value).shape.join(", ")}]`;
    case "number":
      return `the number ${value.value}`;
    case "list":
      return value.size ? `the size ${value.value.join("x")}` : `the list [${value.value.join(", ")}]`;
    case "string":
      return `the string ${JSON.stringify(value.value)}`;
    case "name":
      return `\`${value.value}\``;
    case "none":
      return "nothing";
    default:
      return value satisfies never;
  }
}

/** Whether an expression is a plain name. */
export function nameOf(expression: Expression): string | undefined {
  return expression.kind === "name" ? expression.name : undefined;
}
