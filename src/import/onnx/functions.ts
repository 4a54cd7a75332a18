// Functions of a model: calls of them become the nodes that they stand for. PyTorch's newer exporter writes its modules so.

import { quote } from "#import/refusal.js";
import type { AttributeProto, FunctionProto, GraphProto, NodeProto } from "#onnx/proto/onnx_pb.js";

/** A graph without calls, and the opsets of nodes that come from functions with another one. */
export interface Expanded {
  readonly graph: GraphProto;
  readonly opsets: ReadonlyMap<NodeProto, number>;
}

/** Most nodes of the graph with all that functions stand for; functions of functions double fast. */
const nodeLimit = 200_000;

/** Most functions that call each other; one that calls itself gets here too. */
const depthLimit = 32;

/** What names and attributes of the nodes of one call mean outside. */
interface Scope {
  readonly rename: (name: string) => string;
  /** The attributes of the call by name; undefined in the graph itself. */
  readonly given?: ReadonlyMap<string, AttributeProto>;
  readonly path: string;
  readonly opset?: number;
  readonly depth: number;
}

/** The graph with the nodes of functions in place of their calls. A text says why that cannot be. */
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

  /** The node as it stands outside, its graphs with it. */
  const rewritten = (node: NodeProto, scope: Scope): NodeProto =>
    changed(node, {
      name: node.name === "" ? "" : scope.path + node.name,
      input: node.input.map((name) => (name === "" ? "" : scope.rename(name))),
      output: node.output.map((name) => (name === "" ? "" : scope.rename(name))),
      attribute: node.attribute.flatMap((attribute) => {
        const bound = boundAttribute(attribute, scope);
        if (!bound?.g) return bound ? [bound] : [];
        // What the caller gave is in the caller's names already.
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
        `function ${quote(called.name)} lies in more than ${depthLimit} others, or in itself`,
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
    const given = new Map([...called.attributeProto, ...node.attribute].map((one) => [one.name, one]));
    const main = called.opsetImport.find(({ domain }) => domain === "" || domain === "ai.onnx");
    const version = main ? Number(main.version) : opset;
    return [
      ...expand(called.node, {
        rename,
        given,
        path: own,
        depth: depth + 1,
        ...(version === undefined ? {} : { opset: version }),
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

/** An attribute that stands for one of the call's, under its own name; undefined if the call has none such. */
function boundAttribute(attribute: AttributeProto, { given }: Scope): AttributeProto | undefined {
  if (attribute.refAttrName === "" || !given) return attribute;
  const value = given.get(attribute.refAttrName);
  return value && changed(value, { name: attribute.name });
}

/** A copy with other fields. Those that are not set have their defaults from the prototype, which `{ ...message }` loses. */
export function changed<T extends object>(message: T, fields: Partial<T>): T {
  return Object.assign(Object.create(Object.getPrototypeOf(message) as object) as T, message, fields);
}

function keyOf(domain: string, name: string, overload: string): string {
  return JSON.stringify([domain === "ai.onnx" ? "" : domain, name, overload]);
}

/** All names of values in a graph and the graphs in it. */
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
