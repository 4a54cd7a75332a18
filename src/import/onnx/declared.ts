// Compares the shapes that a model declares (`value_info` and outputs) with the imported values.

import type { Diagnostic } from "#diagnostic/diagnostic.js";
import type { Declared } from "#import/declared.js";
import { declaredWarning, differs } from "#import/declared.js";
import type { Lowering } from "#import/lowering.js";
import { quote } from "#import/refusal.js";
import type { Value } from "#import/value.js";
import type { GraphProto, NodeProto } from "#onnx/proto/onnx_pb.js";
import { extentsOf } from "./dimensions.js";
import { namesRead } from "./reach.js";

/** The most warnings about single values. */
const warningLimit = 10;

/** Warnings about values whose shape differs from the declared one. Differences that only follow from another one are left out. */
export function declaredWarnings(
  ctx: Lowering,
  graph: GraphProto,
  nodes: readonly NodeProto[],
  values: ReadonlyMap<string, Value>,
  file: string,
): Diagnostic[] {
  const declared = new Map<string, Declared>();
  for (const info of [...graph.input, ...graph.valueInfo, ...graph.output]) {
    const extents = extentsOf(info);
    if (typeof extents === "string") continue;
    declared.set(
      info.name,
      extents.map((extent) => ("value" in extent ? extent.value : undefined)),
    );
  }
  const others = new Set<string>();
  const isOther = (name: string): boolean => {
    const [value, wanted] = [values.get(name), declared.get(name)];
    return value !== undefined && wanted !== undefined && differs(ctx, value, wanted);
  };
  for (const { name } of graph.input) if (isOther(name)) others.add(name);
  const warnings: Diagnostic[] = [];
  for (const node of nodes) {
    const follows = namesRead(node).some((name) => others.has(name));
    for (const name of node.output) {
      if (name === "" || (!follows && !isOther(name))) continue;
      const [value, wanted] = [values.get(name), declared.get(name)];
      others.add(name);
      if (follows || !value || !wanted || warnings.length >= warningLimit) continue;
      const place = `${file}: node ${quote(node.name || name)}, ${quote(node.opType)}: ${quote(name)}`;
      warnings.push(declaredWarning(ctx, place, value, wanted));
    }
  }
  return warnings;
}
