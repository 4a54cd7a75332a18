// Conversions of stored integers that kernels make as they read, so that no kernel writes the real numbers to memory.

import { broadcastOf } from "#ir/broadcast.js";
import type { Graph, Node, NodeOf } from "#ir/graph.js";
import { nodeOf, operands } from "#ir/graph.js";
import { outputIds, users } from "#ir/node-order.js";
import { sameShape } from "#ir/type.js";
import { opOf } from "#ops/index.js";
import { isMap, ownTemplate } from "./chain.js";
import { templates } from "./templates.js";

/** A `dequantize` of integers of up to 16 bits: reading them and converting again is cheaper than reading real numbers. */
export function isConversion(graph: Graph, node: Node): node is NodeOf<"dequantize"> {
  if (node.op !== "dequantize") return false;
  const [x] = operands(graph, node);
  return x !== undefined && x.op !== "constant" && x.type.dtype !== "i32";
}

/**
 * Whether the kernel of a reader computes a conversion as it reads: elementwise steps do, and pools, which apply steps to what they read. All
 * other readers read the same element many times.
 */
export function convertsAsRead(graph: Graph, conversion: NodeOf<"dequantize">, reader: Node): boolean {
  const inputs = operands(graph, reader);
  if (!isMap(reader)) {
    const isFirst = reader.inputs.lastIndexOf(conversion.id) === 0;
    return isFirst && opOf(reader.op).classes.includes("pooling") && templates[ownTemplate(reader)].prologue;
  }
  const { shape } = reader.type;
  const isFed = inputs.some((input) => input.op !== "constant" && sameShape(input.type.shape, shape));
  return (
    isFed &&
    [conversion, ...operands(graph, conversion)].every(
      ({ type }) => broadcastOf(type.shape, shape) !== "general",
    )
  );
}

/** Whether the kernels of all readers compute a conversion, so that no kernel needs to write its result. */
export function isConvertedByReaders(graph: Graph, conversion: NodeOf<"dequantize">): boolean {
  const readers = users(graph).get(conversion.id) ?? [];
  return (
    !outputIds(graph).has(conversion.id) &&
    readers.every((id) => convertsAsRead(graph, conversion, nodeOf(graph, id)))
  );
}
