// Values during an import: constants, or nodes of the graph under construction, with the order of their axes.

import type { NodeId, WeightId } from "#ir/graph.js";
import type { IntegerType, Shape } from "#ir/type.js";
import type { ElementType } from "./element-type.js";

/** A value known during the import: computed numbers, or an entry of the weight store. */
export interface Constant {
  readonly kind: "constant";
  readonly shape: Shape;
  /** Whether its numbers are in memory, so that results of it are computed immediately. */
  readonly small: boolean;
  /** The numbers in float64, read or computed when this is called. For a `Value` they are numbers of its type. */
  numbers(): Float64Array;
  /** How the numbers depend on the open batch; absent if none does. */
  readonly batchPowers?: BatchPowers;
  /** Its entry of the store, which the first call makes. */
  weight(): WeightId;
  /** The type of its entry, if that holds integers; f32 otherwise. */
  readonly dtype?: IntegerType;
  /** The name of the weight that it holds, also if its elements were moved. */
  readonly label?: string;
}

/** How numbers depend on the size of an open batch. The batch has the extent 1 in all shapes, so the numbers are those of one sample. */
interface BatchPowers {
  /** The symbol of the batch. */
  readonly symbol: string;
  /** For each number: 0 if it is the same for any batch, 1 if it is proportional to the number of samples, 2 for anything else. */
  readonly powers: Float64Array;
}

/** A node of the graph; `shape` is the shape of its type. */
export interface NodeRef {
  readonly kind: "node";
  readonly id: NodeId;
  readonly shape: Shape;
}

export type Ref = Constant | NodeRef;

/**
 * A value with the shape that the model gives it. Axis j of `ref` is axis `order[j]` of the value: an image [n, c, h, w] whose node is [n,
 * h, w, c] has the order [0, 2, 3, 1]. A constant has the natural order.
 */
export interface Value {
  readonly type: ElementType;
  readonly shape: Shape;
  readonly ref: Ref;
  readonly order: readonly number[];
}
