// Values of the ONNX model under construction: results of its nodes, or weights, which become initializers when they are used.

import type { WeightId } from "#ir/graph.js";
import type { Arranged } from "#ir/axis-order.js";

/** A value by its shape in the graph; in the model its axes lie in `order`. */
export interface OnnxValue extends Arranged {
  readonly from: Made | Weight;
  /** Whether axis 0 is the open batch. */
  readonly batched: boolean;
}

/** An input of the model, or a node's result. */
interface Made {
  readonly kind: "made";
  /** Its name in the model. */
  readonly name: string;
}

/** An entry of the weight store. It lies in the natural order. */
interface Weight {
  readonly kind: "weight";
  readonly id: WeightId;
  /** The graph's name of the constant that it is, moved or not. */
  readonly label: string;
  /** Stands for an operand that was left out. */
  readonly absent: boolean;
}
