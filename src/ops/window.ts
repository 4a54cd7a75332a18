// Sliding windows: padding, output extents, and the checks that convolutions and pools share.

import type { Shape, TensorType } from "#ir/type.js";
import { elements } from "#ir/type.js";
import type { Padding, Size } from "./attributes.js";
import type { Problem } from "./op.js";
import { isProblem } from "./op.js";

/** Attributes of a window; for convolutions its size comes from the weights. */
export interface Window {
  readonly stride: Size;
  readonly dilation: Size;
  readonly padding: Padding | "same" | "valid";
}

/** Most elements of a tensor: more would overflow 32-bit addresses. */
const largest = 2 ** 31;

/**
 * The four numbers of a padding. `same` gives ⌈n / stride⌉ outputs, with the odd element at the end, as in
 * TensorFlow.
 */
export function explicitPadding(input: Size, kernel: Size, window: Window): Padding {
  const { padding, stride, dilation } = window;
  if (padding === "valid") return [0, 0, 0, 0];
  if (padding !== "same") return padding;
  const along = (axis: 0 | 1): readonly [number, number] => {
    const outputs = Math.ceil(input[axis] / stride[axis]);
    const reach = (kernel[axis] - 1) * dilation[axis] + 1;
    const total = Math.max(0, (outputs - 1) * stride[axis] + reach - input[axis]);
    return [Math.floor(total / 2), Math.ceil(total / 2)];
  };
  return [...along(0), ...along(1)];
}

/** `[h', w']` of a window sliding over `input`: ⌊(n + padding − reach) / stride⌋ + 1. */
function outputSize(input: Size, kernel: Size, window: Window): Size | Problem {
  const padding = explicitPadding(input, kernel, window);
  const along = (axis: 0 | 1): number => {
    const padded = input[axis] + padding[(2 * axis) as 0 | 2] + padding[(2 * axis + 1) as 1 | 3];
    const reach = (kernel[axis] - 1) * window.dilation[axis] + 1;
    return Math.floor((padded - reach) / window.stride[axis]) + 1;
  };
  const size: Size = [along(0), along(1)];
  if (size[0] >= 1 && size[1] >= 1) return size;
  return {
    problem: `a ${kernel.join("x")} window does not fit into ${input.join("x")} with padding [${padding.join(", ")}]`,
    operand: 0,
    help: "use `padding=same`, a smaller window or a larger input",
  };
}

/** `[h, w]` of an `[n, h, w, c]` value. */
export function spatial(shape: Shape): Size {
  return [shape[1] ?? 1, shape[2] ?? 1];
}

/** A problem if the operand is not of this rank. */
export function wrongRank(
  type: TensorType,
  operand: number,
  name: string,
  axes: string,
): Problem | undefined {
  const rank = axes.split(",").length;
  if (type.shape.length === rank) return undefined;
  return { problem: `${name} has shape [${type.shape.join(", ")}], but it must be [${axes}]`, operand };
}

/** The type of a result, or a problem if it is empty or too large to be addressed. */
export function checked(shape: Shape): TensorType | Problem {
  const wrong = wrongExtents(shape, "the result");
  return wrong ? { problem: wrong } : { dtype: "f32", shape };
}

/** Why a tensor cannot have this shape: an extent that is not a positive whole number, or too many elements. */
export function wrongExtents(shape: Shape, what: string): string | undefined {
  const printed = `${what} [${shape.join(", ")}]`;
  if (!shape.every((extent) => Number.isInteger(extent) && extent >= 1))
    return `${printed} has an extent that is not a positive whole number`;
  return elements(shape) <= largest ? undefined : `${printed} has more than 2^31 elements`;
}

/** `[n, h', w', channels]` of a window over x. */
export function windowType(
  x: TensorType,
  kernel: Size,
  window: Window,
  outChannels: number,
): TensorType | Problem {
  const size = outputSize(spatial(x.shape), kernel, window);
  return isProblem(size) ? size : checked([x.shape[0] ?? 1, size[0], size[1], outChannels]);
}
