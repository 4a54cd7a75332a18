// Prints a graph as text: converts it to a syntax tree in explicit form, which the printer of the language prints.

import { expectModule } from "#diagnostic/argument.js";
import type { OptionKinds } from "#diagnostic/options.js";
import { aBoolean, aFunction, aNumber, expectOptions } from "#diagnostic/options.js";
import { bug } from "#diagnostic/diagnostic.js";
import { given } from "#diagnostic/given.js";
import { lineText } from "#diagnostic/escape.js";
import type { Ast, Comment, Expression, OutputValue, Statement } from "#grammar/ast.js";
import { print } from "#grammar/printing/print.js";
import type { Span } from "#diagnostic/diagnostic.js";
import type { Graph, KernelId, Node, WeightId } from "#ir/graph.js";
import { inputNodes, operands } from "#ir/graph.js";
import { batchedNodes } from "#ir/node-order.js";
import { printType } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { entryOf } from "#ir/weights.js";
import { addedProduct } from "#ops/added-product.js";
import { opOf } from "#ops/index.js";
import { planNumbers, reasonText } from "#template/plan.js";
import { byKernel } from "./kernel-order.js";
import { liftAttributes } from "./lift-attributes.js";
import {
  call,
  nameOf,
  nameExpression,
  noSpan,
  numberExpression,
  stringExpression,
} from "./lift-expressions.js";
import { liftPreprocess } from "./lift-preprocess.js";
import type { WeightTextOptions } from "./lift-weights.js";
import { liftWeight, weightFileOf } from "./lift-weights.js";
import { inlineConstants } from "./inline-constants.js";

/** What `printGraph` takes. */
export interface LiftOptions {
  /** Whether a comment after each binding gives its type; true by default. */
  readonly types?: boolean;
  /** The path of the weight file in the text, given the path with which it was opened; by default the same path. */
  readonly weightsPath?: (opened: string) => string;
  /** The most elements of a literal that is printed; larger ones are only named, and such a text cannot be read again. 16 by default. */
  readonly literals?: number;
}

const liftKinds: OptionKinds<LiftOptions> = { types: aBoolean, weightsPath: aFunction, literals: aNumber };

/** The text of a graph, in the language; `parse` and `elaborate` give the same graph again, except ids, spans and origins. */
export function printGraph(module: Module, options: LiftOptions = {}): string {
  expectModule("printGraph", module);
  expectOptions("printGraph", options, liftKinds);
  return print(lift(module, options).tree);
}

/** A dump that can be read again anywhere: a text, and the weights that it takes from a file beside it. */
export interface Dump {
  readonly text: string;
  /** Entries of the store by their keys in that file; empty if the text needs no such file. */
  readonly kept: ReadonlyMap<string, WeightId>;
}

/**
 * The text of a graph with all weights. If the text cannot hold some of them, and cannot find them in the file of the model either, then
 * these and all that come from files belong into one new file, which the text calls `ownFile`.
 */
export function dumpGraph(module: Module, ownFile: string, options: LiftOptions = {}): Dump {
  const plain = lift(module, options);
  if (plain.named.size === 0) return { text: print(plain.tree), kept: new Map() };
  const { tree, named } = lift(module, options, ownFile);
  return { text: print(tree), kept: new Map([...named].map((id) => [keyOf(id), id])) };
}

/** The key of an entry in the file of a dump; safetensors reserves one name. */
function keyOf(id: WeightId): string {
  return id.startsWith("__metadata__") ? `weight ${id}` : id;
}

interface Lifted {
  readonly tree: Ast;
  /** The entries that the tree only names. */
  readonly named: ReadonlySet<WeightId>;
}

/**
 * The syntax tree of a graph: inputs, weights by their source, a binding for each node in topological order with
 * the nodes of a kernel together, and the outputs. Attributes that equal their defaults are omitted. Spans only order
 * statements and comments. With the module's store, the tree elaborates to the same weights; without it, large literals
 * are missing. With `ownFile`, all weights that are not written come from a file of that name.
 */
function lift(module: Module, options: LiftOptions, ownFile?: string): Lifted {
  const { graph } = module;
  const comments: Comment[] = [];
  const clock = createClock(options.types === false ? undefined : comments);
  const inline = inlineConstants(module);
  const start = clock.next();
  const body: Statement[] = [];
  const file = ownFile === undefined ? weightFileOf(module) : undefined;
  const path = file === undefined ? ownFile : (options.weightsPath?.(file) ?? file);
  if (path !== undefined)
    body.push({
      kind: "weights",
      path: { kind: "string", value: path, span: noSpan },
      span: clock.span(),
    });
  const weightText: WeightTextOptions = {
    byKey: file !== undefined,
    ...given({ literals: options.literals }),
    ...(ownFile !== undefined && { named: (id) => call("weight", [stringExpression(keyOf(id))]) }),
  };
  const named = new Set<WeightId>();
  for (const node of inputNodes(graph)) {
    const preprocess = graph.pictures?.get(node.name);
    body.push({
      kind: "input",
      name: nameOf(node.name),
      type: typeOf(graph, node),
      ...(preprocess && { preprocess: liftPreprocess(preprocess, module, node) }),
      span: clock.span(),
    });
  }
  for (const node of graph.nodes.values()) {
    if (node.op !== "constant" || inline.has(node.id)) continue;
    const weight = liftWeight(module.weights, node.attributes.weight, weightText);
    for (const id of weight.named) named.add(id);
    body.push({
      kind: "param",
      name: nameOf(node.name),
      type: typeOf(graph, node),
      value: weight.value,
      span: clock.span(),
    });
  }
  const batched = batchedNodes(graph);
  const bind = (node: Node): Statement => {
    const span = clock.span();
    clock.comment(printType(node.type, batched.has(node.id) ? graph.batch : undefined));
    return { kind: "bind", name: nameOf(node.name), value: liftNode(module, node, inline), span };
  };
  for (const unit of byKernel(graph)) {
    if (unit.kernel === undefined) {
      for (const node of unit.nodes) body.push(bind(node));
    } else body.push(liftKernel(graph, unit.kernel, unit.nodes, bind, clock));
  }
  body.push({ kind: "output", outputs: liftOutputs(graph), span: clock.span() });
  const span = { file: "", start, end: clock.next() };
  const tree: Ast = { file: "", items: [{ kind: "net", name: nameOf(graph.name), body, span }], comments };
  return { tree, named };
}

function liftKernel(
  graph: Graph,
  id: KernelId,
  nodes: readonly Node[],
  bind: (node: Node) => Statement,
  clock: Clock,
): Statement {
  const plan = graph.kernels.get(id) ?? bug(`kernel ${id} has no plan`);
  if (plan.savedBytes > 0) clock.note(reasonText(plan, addedProduct(graph, nodes)?.product.name));
  const start = clock.next();
  const { fusion } = plan;
  const numbers = Object.entries(planNumbers).flatMap(([name, key]) =>
    plan[key] === 0 ? [] : [{ name, value: numberExpression(plan[key]) }],
  );
  const settings =
    fusion === undefined ? numbers : [{ name: "fusion", value: nameExpression(fusion) }, ...numbers];
  const written = call(plan.template, [], settings);
  const body = nodes.map(bind);
  return {
    kind: "kernel",
    name: nameOf(id),
    plan: written,
    body,
    span: { file: "", start, end: clock.next() },
  };
}

function liftOutputs(graph: Graph): OutputValue[] {
  return graph.outputs.map(({ name, node }) => {
    const bound = graph.nodes.get(node)?.name ?? name;
    const labels = graph.labels?.get(name);
    return {
      name: nameOf(name),
      ...(labels && { labels: call("labels", labels.map(stringExpression)) }),
      ...(bound !== name && { value: nameExpression(bound) }),
    };
  });
}

/** `op(x, w, b, stride=2x2)`; zeros for omitted operands are omitted again. */
function liftNode(module: Module, node: Node, inline: ReadonlySet<number>): Expression {
  const table = opOf(node.op).operands;
  let skipped = false;
  const positional: Expression[] = [];
  const named: { readonly name: string; readonly value: Expression }[] = [];
  for (const [at, operand] of operands(module.graph, node).entries()) {
    const value = liftOperand(module, operand, inline);
    if (!value) skipped = true;
    else if (skipped) named.push({ name: table[at]?.name ?? "", value });
    else positional.push(value);
  }
  const types = operands(module.graph, node).map((operand) => operand.type);
  return call(node.op, positional, [...named, ...liftAttributes(node.op, types, node.attributes)]);
}

/** A use of a value; undefined for the zeros of an omitted operand. */
function liftOperand(module: Module, operand: Node, inline: ReadonlySet<number>): Expression | undefined {
  if (operand.op !== "constant" || !inline.has(operand.id)) return nameExpression(operand.name);
  const { source } = entryOf(module.weights, operand.attributes.weight);
  return source.kind === "literal" ? numberExpression(source.data[0] ?? 0, "f32") : undefined;
}

/** A type; the open batch is printed as its symbol. */
function typeOf(graph: Graph, node: Node): Extract<Statement, { kind: "input" }>["type"] {
  const isOpen = graph.batch !== undefined && node.op === "input";
  const shape = node.type.shape.map((extent, axis): Expression =>
    isOpen && axis === 0 ? nameExpression(graph.batch ?? "") : numberExpression(extent),
  );
  return { dtype: nameOf(node.type.dtype), shape, span: noSpan };
}

/** Makes increasing spans for statements and comments, by which the printer finds the comments of a statement. */
interface Clock {
  next(): number;
  span(): Span;
  /** A comment after the last span. */
  comment(text: string): void;
  /** A comment on a separate line, before the next span. */
  note(text: string): void;
}

function createClock(comments: Comment[] | undefined): Clock {
  let time = 0;
  const next = (): number => (time += 1);
  const span = (): Span => ({ file: "", start: next(), end: next() });
  return {
    next,
    span,
    comment: (text) => comments?.push({ text: `# ${lineText(text)}`, ownLine: false, span: span() }),
    note: (text) => comments?.push({ text: `# ${lineText(text)}`, ownLine: true, span: span() }),
  };
}
