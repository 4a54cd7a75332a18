// Sums of integers: zero points, and the types of biases.

import type { Tensor } from "#ir/tensor.js";
import type { TensorType } from "#ir/type.js";
import { isInteger } from "#ir/type.js";

/** The integers less their zero point, which are proportional to the real numbers. */
export function centred(x: Tensor, zero: number): Tensor {
  return zero === 0 ? x : { shape: x.shape, data: x.data.map((value) => value - zero) };
}

/** The type of an omitted bias of sums over x. */
export function biasType(x: TensorType | undefined, extent = 1): TensorType {
  return { dtype: x && isInteger(x.dtype) ? "i32" : "f32", shape: [extent] };
}
