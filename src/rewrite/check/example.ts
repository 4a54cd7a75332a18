// A sample at which a check found something, and what it shows.

import type { NodeId } from "#ir/graph.js";
import type { Tensor } from "#ir/tensor.js";
import type { TensorType } from "#ir/type.js";
import type { Miss } from "../rule/match.js";
import type { Element, Side } from "./compare-sides.js";

/** What an example shows. */
export type Shown =
  /** An element that differs; its values are more than `beyond` apart, if the rule states a tolerance. */
  | { readonly kind: "differs"; readonly element: Element; readonly beyond?: number }
  /** An element that differs where the left side or an operand is not finite. */
  | { readonly kind: "not-finite"; readonly element: Element }
  | { readonly kind: "sign-of-zero"; readonly element: Element }
  /** The right side costs more. */
  | { readonly kind: "cost" }
  /** The left side matches, and the rule does not apply. */
  | { readonly kind: "miss"; readonly miss: Miss["kind"]; readonly types?: MissTypes };

/** The types of a term on both sides, where they differ. */
interface MissTypes {
  readonly left: TensorType;
  readonly right: TensorType;
}

export interface Example {
  readonly left: Side;
  /** Absent where the rule did not apply. */
  readonly right?: Side;
  /** The values of the inputs; none where they do not matter. */
  readonly inputs: ReadonlyMap<NodeId, Tensor>;
  readonly shown: Shown;
}

/** The example of a sample to which a rule does not apply. */
export function missExample(miss: Miss, left: Side): Example {
  const types = miss.kind === "type" ? { types: { left: miss.root.type, right: miss.right } } : {};
  return { left, inputs: new Map(), shown: { kind: "miss", miss: miss.kind, ...types } };
}
