// The values of the interpreter: dense float64 tensors in row-major order.

import type { Shape } from "./type.js";
import { elements } from "./type.js";

/** A dense tensor; the last axis varies fastest. The interpreter computes in float64; f32 data is converted when it is read. */
export interface Tensor {
  readonly shape: Shape;
  readonly data: Float64Array;
}

/** A tensor of zeros, or of the values of `fill` for each flat index. */
export function tensor(shape: Shape, fill?: (index: number) => number): Tensor {
  const data = new Float64Array(elements(shape));
  if (fill) for (let index = 0; index < data.length; index += 1) data[index] = fill(index);
  return { shape, data };
}

/** Strides in elements of a dense tensor of this shape: `[1·C·W, …, C, 1]`. */
export function denseStrides(shape: Shape): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis -= 1) {
    strides[axis] = (strides[axis + 1] ?? 1) * (shape[axis + 1] ?? 1);
  }
  return strides;
}
