// Replaces calls of a model's functions by the nodes of the functions. PyTorch's newer exporter writes functions for its modules.

import { given } from "#diagnostic/given.js";
import { quote } from "#import/refusal.js";
import type { AttributeProto, FunctionProto, GraphProto, NodeProto } from "#onnx/proto/onnx_pb.js";

/** A graph without calls, and the opsets of nodes from functions that have another opset than the model. */
export interface Expanded {
  readonly graph: GraphProto;
  readonly opsets: ReadonlyMap<NodeProto, number>;
}

/** The most nodes of the expanded graph. Functions that call functions can double it at each level. */
const nodeLimit = 200_000;

/** The deepest nesting of function calls. A function that calls itself reaches it too. */
const depthLimit = 32;

/** What the names and attributes of the nodes of one call mean outside the function. */
interface Scope {
  readonly rename: (name: string) => string;
  /** The attributes of the call by name; undefined in the graph itself. */
  readonly given?: ReadonlyMap<string, AttributeProto>;
  readonly path: string;
  readonly opset?: number;
  readonly depth: number;
}

/** The graph with the nodes of functions in place of their calls. A string says why the functions cannot be expanded. */
export function expandFunctions(
  graph: GraphProto,
  functions: readonly FunctionProto[],
  isKnown: (domain: string, op: string) => boolean,
): Expanded | string {
  const opsets = new Map<NodeProto, number>();
  if (functions.length === 0) return { graph, opsets };
  const byKey = new Map(functions.map((one) => [keyOf(one.domain, one.name, one.overload), one]));
  if (byKey.size < functions.length) return "two functions have the same name";
  const taken = namesOf(graph);
  let count = 0;

  const fresh = (wish: string): string => {
    let name = wish;
    for (let copy = 2; taken.has(name); copy += 1) name = `${wish}_${copy}`;
    taken.add(name);
    return name;
  };

  const expand = (nodes: readonly NodeProto[], scope: Scope): NodeProto[] => {
    const result: NodeProto[] = [];
    for (const node of nodes) {
      const own = rewritten(node, scope);
      const called = isKnown(node.domain, node.opType)
        ? undefined
        : byKey.get(keyOf(node.domain, node.opType, node.overload));
      for (const one of called ? call(called, own, scope) : [own]) {
        count += 1;
        if (count > nodeLimit) throw new TooLarge(`functions make more than ${nodeLimit} nodes`);
        result.push(one);
      }
      if (!called && scope.opset !== undefined) opsets.set(own, scope.opset);
    }
    return result;
  };

  /** The node with the names and attributes of the calling graph; graphs in it are rewritten too. */
  const rewritten = (node: NodeProto, scope: Scope): NodeProto =>
    changed(node, {
      name: node.name === "" ? "" : scope.path + node.name,
      input: node.input.map((name) => (name === "" ? "" : scope.rename(name))),
      output: node.output.map((name) => (name === "" ? "" : scope.rename(name))),
      attribute: node.attribute.flatMap((attribute) => {
        const bound = boundAttribute(attribute, scope);
        if (!bound?.g) return bound ? [bound] : [];
        // An attribute of the caller already has the caller's names.
        if (bound !== attribute) return [bound];
        return [changed(bound, { g: inner(bound.g, scope) })];
      }),
    });

  const inner = (graph: GraphProto, scope: Scope): GraphProto =>
    changed(graph, {
      node: expand(graph.node, scope),
      initializer: graph.initializer.map((tensor) => changed(tensor, { name: scope.rename(tensor.name) })),
      input: graph.input.map((input) => changed(input, { name: scope.rename(input.name) })),
      output: graph.output.map((output) => changed(output, { name: scope.rename(output.name) })),
    });

  const call = (called: FunctionProto, node: NodeProto, { path, opset, depth }: Scope): NodeProto[] => {
    if (depth >= depthLimit)
      throw new TooLarge(
        `function ${quote(called.name)} is nested in more than ${depthLimit} others, or in itself`,
      );
    const names = new Map(called.input.map((name, at) => [name, node.input[at] ?? ""]));
    const passed: NodeProto[] = [];
    for (const [at, name] of called.output.entries()) {
      const outside = node.output[at] ?? "";
      const inside = names.get(name);
      if (inside === undefined) {
        if (outside !== "") names.set(name, outside);
      } else if (outside !== "" && inside !== "")
        passed.push(
          changed(node, {
            opType: "Identity",
            domain: "",
            input: [inside],
            output: [outside],
            attribute: [],
          }),
        );
    }
    const own = `${node.name || node.output[0] || path + called.name}/`;
    const rename = (name: string): string => {
      const known = names.get(name);
      if (known !== undefined) return known;
      const made = fresh(own + name);
      names.set(name, made);
      return made;
    };
    const attributes = new Map([...called.attributeProto, ...node.attribute].map((one) => [one.name, one]));
    const main = called.opsetImport.find(({ domain }) => domain === "" || domain === "ai.onnx");
    const version = main ? Number(main.version) : opset;
    return [
      ...expand(called.node, {
        rename,
        given: attributes,
        path: own,
        depth: depth + 1,
        ...given({ opset: version }),
      }),
      ...passed,
    ];
  };

  try {
    const top: Scope = { rename: (name) => name, path: "", depth: 0 };
    return { graph: changed(graph, { node: expand(graph.node, top) }), opsets };
  } catch (cause) {
    if (cause instanceof TooLarge) return cause.message;
    throw cause;
  }
}

class TooLarge extends Error {}

/** The call's attribute that this attribute refers to, under the name of this attribute; undefined if the call does not have it. */
function boundAttribute(attribute: AttributeProto, { given }: Scope): AttributeProto | undefined {
  if (attribute.refAttrName === "" || !given) return attribute;
  const value = given.get(attribute.refAttrName);
  return value && changed(value, { name: attribute.name });
}

/** A copy with other fields. Fields that are not set keep the defaults of the prototype, which `{ ...message }` would lose. */
export function changed<T extends object>(message: T, fields: Partial<T>): T {
  return Object.assign(Object.create(Object.getPrototypeOf(message) as object) as T, message, fields);
}

function keyOf(domain: string, name: string, overload: string): string {
  return JSON.stringify([domain === "ai.onnx" ? "" : domain, name, overload]);
}

/** All names of values in a graph and in the graphs of its nodes. */
function namesOf(graph: GraphProto): Set<string> {
  const names = new Set<string>();
  const open = [graph];
  for (let next = open.pop(); next; next = open.pop()) {
    for (const { name } of [...next.input, ...next.initializer, ...next.output]) names.add(name);
    for (const node of next.node) {
      for (const name of [...node.input, ...node.output]) names.add(name);
      for (const { g } of node.attribute) if (g) open.push(g);
    }
  }
  return names;
}
