// Checks that an op can run with an open batch: a module computes one sample at a time, so no op may mix the samples along axis 0.

import type { OpName } from "#ir/graph.js";
import type { TensorType } from "#ir/type.js";
import { opOf } from "./index.js";
import type { Attributes } from "./op.js";

/**
 * The reason why an op cannot run sample by sample, in words that follow its name, or undefined if it can. `batched` says which
 * operands have the batch in axis 0 (of extent 1). If one of them does, the result does too.
 */
export function batchProblem(
  name: OpName,
  inputs: readonly TensorType[],
  attributes: Attributes,
  output: TensorType,
  batched: readonly boolean[],
): string | undefined {
  if (!batched.includes(true)) return undefined;
  const op = opOf(name);
  for (const [at, carries] of batched.entries()) {
    if (!carries) continue;
    const operand = op.operands[Math.min(at, op.operands.length - 1)];
    // Elementwise ops broadcast all their operands, including parameters, in the same way.
    if (operand?.role === "weight" && !op.scalar) return `uses a value of the batch as its ${operand.name}`;
    // Shapes are aligned at the last axis: axis 0 of an operand of lower rank is another axis of the result.
    const broadcasts = op.scalar !== undefined || op.classes.includes("matmul");
    if (broadcasts && inputs[at]?.shape.length !== output.shape.length)
      return "aligns the batch with another axis";
  }
  if (op.mixesBatch(inputs, attributes, batched) || output.shape[0] !== 1)
    return "mixes the samples of the batch";
  return undefined;
}
