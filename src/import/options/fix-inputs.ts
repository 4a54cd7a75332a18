// Fixes inputs of a graph: they become weights.

import { expectArgument, expectModule } from "#diagnostic/argument.js";
import type { Diagnostic, Result } from "#diagnostic/diagnostic.js";
import type { Node, NodeId } from "#ir/graph.js";
import { inputNodes } from "#ir/graph.js";
import type { DType } from "#ir/type.js";
import { integerRanges, isInteger } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { makeNode } from "#ops/index.js";
import type { GivenConstants } from "./constants.js";
import { entriesOf, fixedInput } from "./constants.js";
import { importKinds } from "./import-options.js";
import { unknownInput } from "./dimensions.js";
import type { ElementType } from "#import/element-type.js";
import { float32, int32 } from "#import/element-type.js";
import { diagnosticOf, quote, refuse, refuseBatch } from "#import/refusal.js";

/**
 * The module with the values of some inputs as weights: numbers, lists, or elements with their shape. Refuses a net with an open batch,
 * because each run decides how many samples its inputs have. Messages name `file`.
 */
export function fixInputs<M extends Module>(module: M, constants: GivenConstants, file?: string): Result<M> {
  expectModule("fixInputs", module);
  expectArgument("fixInputs", importKinds.constants.takes, constants, importKinds.constants.holds(constants));
  const { graph, weights } = module;
  const name = file ?? graph.name;
  const inputs = new Map(inputNodes(graph).map((node) => [node.name, node]));
  const nodes = new Map<NodeId, Node>(graph.nodes);
  const diagnostics: Diagnostic[] = [];
  for (const [input, given] of entriesOf(constants)) {
    const node = inputs.get(input);
    if (!node) {
      diagnostics.push(unknownInput(input, [...inputs.keys()], name));
      continue;
    }
    try {
      if (graph.batch !== undefined) refuseBatch(`the input ${quote(input)} is fixed`, graph.batch);
      const { shape, dtype } = node.type;
      const extents = shape.map((value) => ({ value }));
      const fixed = fixedInput(input, given, extents, elementTypeOf(dtype));
      const values = fixed?.data ?? [];
      const data = Float32Array.from(values);
      const rounded = isInteger(dtype) ? data.findIndex((one, at) => one !== values[at]) : -1;
      if (rounded >= 0)
        refuse(
          "wrong-constant",
          `the constant ${quote(input)} is ${values[rounded]}, which f32 does not hold exactly`,
        );
      const weight = weights.add(input, node.type, { kind: "literal", data });
      const { id, position, origin, type } = node;
      nodes.set(
        id,
        makeNode({
          id,
          op: "constant",
          name: input,
          inputs: [],
          type,
          attributes: { weight },
          position,
          origin,
        }),
      );
    } catch (cause) {
      diagnostics.push(diagnosticOf(cause, name));
    }
  }
  if (diagnostics.length > 0) return { diagnostics };
  return { value: { ...module, graph: { ...graph, nodes } }, diagnostics };
}

/** The numbers that an input of a graph takes. */
function elementTypeOf(dtype: DType): ElementType {
  if (!isInteger(dtype)) return float32;
  const [low, high] = integerRanges[dtype];
  return { ...int32, name: dtype, low, high };
}
