// Broadcasting as in NumPy: shapes are aligned at the last axis, and an extent of 1 is repeated.

import { greatest } from "#diagnostic/extremes.js";
import { denseStrides } from "#ir/tensor.js";
import type { Shape } from "#ir/type.js";
import type { Problem } from "./op.js";

/** The shape to which all broadcast, or a problem. */
export function broadcastShapes(shapes: readonly Shape[]): number[] | Problem {
  const rank = greatest(
    shapes.map((shape) => shape.length),
    0,
  );
  const result = new Array<number>(rank).fill(1);
  for (const [operand, shape] of shapes.entries()) {
    for (const [axis, extent] of shape.entries()) {
      const at = rank - shape.length + axis;
      const known = result[at] ?? 1;
      if (extent === known || extent === 1) continue;
      if (known !== 1) {
        return {
          problem: `shapes ${shapes.map((one) => `[${one.join(", ")}]`).join(" and ")} do not broadcast: ${known} and ${extent} differ`,
          operand,
        };
      }
      result[at] = extent;
    }
  }
  return result;
}

/** Strides of a dense tensor of `shape`, broadcast to `to`: 0 along axes on which it is repeated. */
function broadcastStrides(shape: Shape, to: Shape): number[] {
  const strides = denseStrides(shape);
  const lead = to.length - shape.length;
  return to.map((_, axis) => (axis < lead || shape[axis - lead] === 1 ? 0 : (strides[axis - lead] ?? 0)));
}

/** A function from a flat index of `to` to the flat index of the operand. */
export function broadcastIndex(shape: Shape, to: Shape): (flat: number) => number {
  const strides = broadcastStrides(shape, to);
  return (flat) => {
    let index = 0;
    let rest = flat;
    for (let axis = to.length - 1; axis >= 0; axis -= 1) {
      const extent = to[axis] ?? 1;
      index += (rest % extent) * (strides[axis] ?? 0);
      rest = Math.floor(rest / extent);
    }
    return index;
  };
}
