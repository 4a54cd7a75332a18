// What a node does, as text: its attributes and properties as the language writes them, and a short line for pictures.

import { lineText } from "#diagnostic/escape.js";
import { printExpression } from "#grammar/printing/print.js";
import type { AttributeValue, Graph, Node } from "#ir/graph.js";
import { operands } from "#ir/graph.js";
import { opOf } from "#ops/index.js";
import { liftAttributes } from "./lift-attributes.js";

export type Fact = readonly [name: string, value: string];

export interface OpFacts {
  /** Attributes that differ from their defaults. */
  readonly attributes: readonly Fact[];
  /** Properties that follow from the operands, such as the size of a convolution's window. */
  readonly derived: readonly Fact[];
}

/** The facts of a node that is no constant. */
export function opFacts(graph: Graph, node: Node): OpFacts {
  const types = operands(graph, node).map(({ type }) => type);
  return {
    attributes: liftAttributes(node.op, types, node.attributes).map(({ name, value }) => [
      name,
      lineText(printExpression(value)),
    ]),
    derived: Object.entries(opOf(node.op).derived ?? {}).map(([name, derive]) => [
      name,
      derivedText(derive(types, node.attributes)),
    ]),
  };
}

function derivedText(value: AttributeValue): string {
  return typeof value === "object" ? value.join("x") : lineText(String(value));
}
