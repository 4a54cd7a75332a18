// What elementwise ops have in common: the type of the result, and the evaluation of the scalar expression for each element.

import type { Tensor } from "#ir/tensor.js";
import { tensor } from "#ir/tensor.js";
import type { Shape, TensorType } from "#ir/type.js";
import { elements } from "#ir/type.js";
import type { AttributesOf } from "./attributes.js";
import { broadcastIndex, broadcastShapes } from "./broadcast.js";
import type { AttributeTable, Op } from "./op.js";
import { isProblem } from "./op.js";
import type { Random } from "./random.js";
import type { Scalar } from "./scalar.js";
import { operand } from "./scalar.js";
import { evalScalars } from "./scalar-eval.js";

/** What all elementwise ops have in common; the operands broadcast as in NumPy. */
export function mapElements<A extends AttributeTable>(
  scalar: (operands: readonly Scalar[], attributes: AttributesOf<A>) => Scalar,
): Pick<Op<A>, "infer" | "errors" | "macs" | "mixesBatch" | "eval"> & {
  scalar: NonNullable<Op<A>["scalar"]>;
} {
  return {
    infer: (inputs) => {
      const shape = broadcastShapes(inputs.map((input) => input.shape));
      return isProblem(shape) ? shape : { dtype: "f32", shape };
    },
    errors: "maps",
    macs: () => 0,
    // An operand of lower rank has no sample axis (the elaborator ensures that only constants have a lower rank).
    mixesBatch: () => false,
    eval: (inputs, attributes, output) =>
      evalElementwise(
        scalar(
          inputs.map((_, index) => operand(index)),
          attributes,
        ),
        inputs,
        output,
      ),
    scalar,
  };
}

function evalElementwise(scalar: Scalar, inputs: readonly Tensor[], output: TensorType): Tensor {
  const count = elements(output.shape);
  const operands = inputs.map(({ shape, data }) => {
    if (data.length === count) return data;
    const index = broadcastIndex(shape, output.shape);
    return tensor(output.shape, (flat) => data[index(flat)] ?? Number.NaN).data;
  });
  return { shape: output.shape, data: evalScalars(scalar, operands, count) };
}

/** A random type that broadcasts to `shape`: without some leading axes, and with some extents of 1. */
export function sampleBroadcast(random: Random, shape: Shape): TensorType {
  const rank = random.int(0, shape.length);
  return { dtype: "f32", shape: shape.slice(rank).map((extent) => (random.next() < 0.3 ? 1 : extent)) };
}
