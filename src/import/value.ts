// Values under import: constants, or nodes of the graph under construction with the order of their axes.

import type { NodeId, WeightId } from "#ir/graph.js";
import type { Shape } from "#ir/type.js";
import type { ElementType } from "./element-type.js";

/** Known at import time: computed, or an entry of the weight store. */
export interface Constant {
  readonly kind: "constant";
  readonly shape: Shape;
  /** Whether its numbers are at hand, so that what is made of it is computed at once. */
  readonly small: boolean;
  /** In float64, read or computed when asked for. Those of a `Value` are numbers of its type. */
  numbers(): Float64Array;
  /** How the numbers depend on the open batch; absent if none does. */
  readonly samples?: Samples;
  /** Its entry of the store, made when asked for. */
  weight(): WeightId;
  /** The name of the weight that it is, moved or not. */
  readonly label?: string;
}

/** Numbers that are computed from the size of an open batch, which is 1 in all shapes: they are those of one sample. */
export interface Samples {
  /** The symbol of the batch. */
  readonly symbol: string;
  /** For each number: 0 where it is the same for any batch, 1 where it grows with the number of samples, 2 for anything else. */
  readonly powers: Float64Array;
}

/** A node of the graph; `shape` is its type's. */
export interface NodeRef {
  readonly kind: "node";
  readonly id: NodeId;
  readonly shape: Shape;
}

export type Ref = Constant | NodeRef;

/**
 * A value by the shape that the model has. Axis j of `ref` is axis `order[j]` of the value: an image [n, c, h, w] lies as [n, h, w, c]
 * with the order [0, 2, 3, 1]. A constant lies as it is.
 */
export interface Value {
  readonly type: ElementType;
  readonly shape: Shape;
  readonly ref: Ref;
  readonly order: readonly number[];
}
