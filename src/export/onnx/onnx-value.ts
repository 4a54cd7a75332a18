// Values of the ONNX model under construction: results of its nodes, or weights, which become initializers when they are used.

import type { WeightId } from "#ir/graph.js";
import type { Arranged } from "#ir/axis-order.js";

/** A value with its shape in the graph; in the model its axes are in the order `order`. */
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

/** An entry of the weight store, in the natural order. */
interface Weight {
  readonly kind: "weight";
  readonly id: WeightId;
  /** The name of its constant in the graph, also if its elements were moved. */
  readonly label: string;
  /** Whether it replaces an operand that was omitted. */
  readonly absent: boolean;
}
