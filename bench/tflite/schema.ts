// The parts of the schema of TensorFlow Lite that are needed (tensorflow/lite/schema/schema.fbs, version 3): the numbers of operators and
// of the tables with their options, and the fields of these.

import type { Activation } from "../activations.js";
import type { Table } from "./flatbuffer.js";

/** Operators by their number. */
export const builtins = {
  ADD: 0,
  AVERAGE_POOL_2D: 1,
  CONCATENATION: 2,
  CONV_2D: 3,
  DEPTHWISE_CONV_2D: 4,
  DEQUANTIZE: 6,
  FLOOR: 8,
  FULLY_CONNECTED: 9,
  LOGISTIC: 14,
  MAX_POOL_2D: 17,
  MUL: 18,
  RELU: 19,
  RELU6: 21,
  RESHAPE: 22,
  RESIZE_BILINEAR: 23,
  SOFTMAX: 25,
  TANH: 28,
  PAD: 34,
  TRANSPOSE: 39,
  MEAN: 40,
  SUB: 41,
  DIV: 42,
  STRIDED_SLICE: 45,
  EXP: 47,
  PRELU: 54,
  MAXIMUM: 55,
  MINIMUM: 57,
  NEG: 59,
  PADV2: 60,
  SLICE: 65,
  SIN: 66,
  LOG: 73,
  SUM: 74,
  SQRT: 75,
  RSQRT: 76,
  POW: 78,
  REDUCE_PROD: 81,
  REDUCE_MAX: 82,
  REDUCE_MIN: 89,
  SQUARE: 92,
  RESIZE_NEAREST_NEIGHBOR: 97,
  LEAKY_RELU: 98,
  ABS: 101,
  CEIL: 104,
  COS: 108,
  ELU: 111,
  QUANTIZE: 114,
  HARD_SWISH: 117,
} as const;

/** Element types by their number. */
export const tensorTypes = { f32: 0, i32: 2, i8: 9 } as const;

export type Builtin = keyof typeof builtins;

/** Options of an operator: which table of the union they are, and its fields. */
export interface Options {
  readonly type: number;
  readonly fields: Table;
}

const activations: Readonly<Record<Activation, number>> = { relu: 1, relu6: 3 };

const int = (value: number) => ({ kind: "i32", value }) as const;
const byte = (value: number | boolean) => ({ kind: "i8", value: Number(value) }) as const;
const float = (value: number) => ({ kind: "f32", value }) as const;
const act = (activation: Activation | undefined) => byte(activation ? activations[activation] : 0);

type Pair = readonly [number, number];

interface Window {
  readonly padding: "same" | "valid";
  /** Rows and columns. */
  readonly stride: Pair;
  readonly activation: Activation | undefined;
}

/** Padding and stride, the first fields of the options of windows. */
const window = ({ padding, stride }: Window) => [byte(padding === "valid"), int(stride[1]), int(stride[0])];

/** Conv2DOptions */
export const convOptions = (of: Window, dilation: Pair): Options => ({
  type: 1,
  fields: [...window(of), act(of.activation), int(dilation[1]), int(dilation[0])],
});

/** DepthwiseConv2DOptions */
export const depthwiseOptions = (of: Window, dilation: Pair, multiplier: number): Options => ({
  type: 2,
  fields: [...window(of), int(multiplier), act(of.activation), int(dilation[1]), int(dilation[0])],
});

/** Pool2DOptions */
export const poolOptions = (of: Window, kernel: Pair): Options => ({
  type: 5,
  fields: [...window(of), int(kernel[1]), int(kernel[0]), act(of.activation)],
});

/** FullyConnectedOptions; the result has the rank of the operand. */
export const denseOptions = (activation: Activation | undefined, keepsRank: boolean): Options => ({
  type: 8,
  fields: [act(activation), undefined, byte(keepsRank)],
});

/** SoftmaxOptions */
export const softmaxOptions: Options = { type: 9, fields: [float(1)] };

/** ConcatenationOptions */
export const concatOptions = (axis: number): Options => ({ type: 10, fields: [int(axis)] });

/** ResizeBilinearOptions, whose first two fields are no longer used, and ResizeNearestNeighborOptions. */
export const resizeOptions = (method: "nearest" | "bilinear", coordinates: string): Options => {
  const fields = [byte(coordinates === "align_corners"), byte(coordinates === "half_pixel")];
  return method === "nearest"
    ? { type: 74, fields }
    : { type: 15, fields: [undefined, undefined, ...fields] };
};

/** ReshapeOptions */
export const reshapeOptions = (shape: readonly number[]): Options => ({
  type: 17,
  fields: [{ kind: "ints", values: shape }],
});

/** ReducerOptions */
export const reducerOptions = (keepdims: boolean): Options => ({ type: 27, fields: [byte(keepdims)] });

/** LeakyReluOptions */
export const leakyReluOptions = (alpha: number): Options => ({ type: 75, fields: [float(alpha)] });

/** AddOptions, MulOptions, SubOptions and DivOptions. */
export const arithmeticOptions = (
  op: "ADD" | "MUL" | "SUB" | "DIV",
  activation: Activation | undefined,
): Options => ({ type: { ADD: 11, MUL: 21, SUB: 28, DIV: 29 }[op], fields: [act(activation)] });

/** StridedSliceOptions: no masks. */
export const stridedSliceOptions: Options = { type: 32, fields: [] };
