// Makes the module of an imported graph: adds its outputs, and removes the nodes that no output depends on.

import { given } from "#diagnostic/given.js";
import type { Result } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import type { Graph, Node, NodeId, Output } from "#ir/graph.js";
import { batchedNodes } from "#ir/node-order.js";
import type { Module } from "#ir/weights.js";
import type { ImportBuilder } from "./builder.js";
import type { Declared } from "./declared.js";
import { declaredWarning, differs } from "./declared.js";
import { cleanName } from "./names.js";
import { batchRefusal, diagnosticOf, quote } from "./refusal.js";
import { withIntegerInputs } from "./integer-inputs.js";
import type { Value } from "./value.js";
import { natural } from "#ir/axis-order.js";

/** An imported model. */
export interface Imported extends Module {
  readonly name: string;
}

export interface NamedValue {
  readonly name: string;
  readonly value: Value;
  /** The shape that the model declares for this output. */
  readonly declared?: Declared;
}

/**
 * The module of a graph. Messages name `file`. If the graph was cut, inputs that no output needs are left out. A result `NAME` whose number
 * of rows is known only when the net runs has the largest possible number of rows; a further result `NAME_count` gives the actual number.
 */
export function finish(
  build: ImportBuilder,
  results: readonly NamedValue[],
  { name, file, isCut }: { readonly name: string; readonly file: string; readonly isCut: boolean },
): Result<Imported> {
  const outputs: Output[] = [];
  const counts: Output[] = [];
  for (const { name: output, value } of results) {
    try {
      build.at(cleanName(output) ?? "output");
      const ref = build.arranged(value, natural(value.shape.length));
      const isOnce = build.batch !== undefined && ref.kind === "constant";
      const node = build.nodeOf(ref);
      outputs.push({ name: output, node, ...(isOnce ? { once: true } : {}) });
      // The number of rows is a further result.
      const counted = build.counts.get(node);
      if (counted) counts.push({ name: `${output}_count`, node: counted.count });
    } catch (cause) {
      return { diagnostics: [diagnosticOf(cause, `${file}: output ${quote(output)}`)] };
    }
  }
  for (const one of counts) outputs.push(one);
  if (new Set(outputs.map((output) => output.name)).size < outputs.length)
    return { diagnostics: [error("bad-model", `${file}: two outputs have the same name`)] };
  const graph: Graph = {
    name,
    nodes: living(build.nodes, outputs, isCut),
    outputs,
    kernels: new Map(),
    nextId: build.nodes.size,
    ...given({ batch: build.batch }),
  };
  const batched = batchedNodes(graph);
  const repeated = outputs.find(({ node, once }) => graph.batch !== undefined && !once && !batched.has(node));
  if (repeated) {
    const place = `${file}: output ${quote(repeated.name)}`;
    const cause = batchRefusal("it repeats a constant for each sample", build.batch ?? "");
    return { diagnostics: [diagnosticOf(cause, place)] };
  }
  const diagnostics = results.flatMap(({ name: output, value, declared }) =>
    declared && differs({ build }, value, declared)
      ? [declaredWarning({ build }, `${file}: output ${quote(output)}`, value, declared)]
      : [],
  );
  const module = withIntegerInputs({ graph, weights: build.store }, build.inputTypes);
  return { value: { ...module, name }, diagnostics };
}

/** The inputs, and the nodes that outputs depend on. */
function living(
  nodes: ReadonlyMap<NodeId, Node>,
  outputs: readonly Output[],
  isCut: boolean,
): Map<NodeId, Node> {
  const needed = new Set(outputs.map(({ node }) => node));
  for (const id of needed) for (const input of nodes.get(id)?.inputs ?? []) needed.add(input);
  return new Map([...nodes].filter(([id, node]) => needed.has(id) || (!isCut && node.op === "input")));
}
