// Values of the ONNX model under construction: results of its nodes, or weights, which become initializers when they are used.

import type { WeightId } from "#ir/graph.js";
import type { Arranged } from "#ir/axis-order.js";
import type { DType } from "#ir/type.js";

/** A value with its shape in the graph; in the model its axes are in the order `order`. */
export interface OnnxValue extends Arranged {
  readonly from: Made | Weight;
  /** The type of its elements in the file. */
  readonly element: DType;
  /** For integers of the graph: the real numbers that they stand for. If they are f32 in the file, these are what the file has. */
  readonly steps: Steps | undefined;
  /** Whether axis 0 is the open batch. */
  readonly batched: boolean;
}

/** What integers stand for: (integer − zero) · scale. The scale is one number, or one for each channel, which is the last axis. */
export interface Steps {
  readonly scale: Float32Array;
  readonly zero: number;
}

/** Integers that stand for themselves. */
export const unit: Steps = { scale: Float32Array.of(1), zero: 0 };

/** An input of the model, or a node's result. */
interface Made {
  readonly kind: "made";
  /** Its name in the model. */
  readonly name: string;
}

/** An entry of the weight store, in the natural order. */
interface Weight {
  readonly kind: "weight";
  readonly id: WeightId;
  /** The name of its constant in the graph, also if its elements were moved. */
  readonly label: string;
  /** Whether it replaces an operand that was omitted. */
  readonly absent: boolean;
  /** Set if the initializer has integers, and DequantizeLinear makes the value of them. */
  readonly quantized?: Steps & { readonly type: "i8" | "u8" | "i32" };
  /** Whether the initializer has halves, given as their 16 bits, and Cast makes the value of them. */
  readonly halves?: boolean;
}
