// What a sample of a rule has so far: its nodes, and what the variables of the rule stand for in it.

import type { AttributeValue, Node, NodeId } from "#ir/graph.js";
import type { IntegerType, TensorType } from "#ir/type.js";
import { elements } from "#ir/type.js";
import type { WeightStore } from "#ir/weights.js";
import type { Attributes } from "#ops/op.js";
import type { Random } from "#ops/random.js";
import { constantNode } from "../rule/replacement-builder.js";
import type { UserRule } from "../rule/rule.js";
import type { ConstantKind } from "./draw-values.js";
import type { Wishes } from "./wishes.js";

export interface SampleState {
  /** The type of integers in the sample, if it has any. */
  readonly dtype: IntegerType | undefined;
  readonly rule: UserRule;
  readonly random: Random;
  readonly weights: WeightStore;
  readonly nodes: Map<NodeId, Node>;
  readonly variables: Map<string, Node>;
  readonly values: Map<string, AttributeValue>;
  readonly rests: Map<string, Attributes>;
  /** The extents other than 1; none in particular if it is empty. */
  readonly extents: readonly number[];
  readonly constants: ConstantKind;
  /** What earlier samples lacked. */
  readonly wishes: Wishes;
}

/** Adds a constant. */
export function addConstant(
  state: SampleState,
  type: TensorType,
  fill: (index: number) => number,
  name?: string,
): Node {
  const data = Float32Array.from({ length: elements(type.shape) }, (_, index) => fill(index));
  const weight = state.weights.add(`w${state.nodes.size}`, type, { kind: "literal", data });
  return add(state, (base) => constantNode({ ...base, type }, weight), name);
}

type Base = Pick<Node, "id" | "name" | "position" | "origin">;

/** Adds a node; a value that the rule names has that name. */
export function add(state: SampleState, make: (base: Base) => Node, name?: string): Node {
  const id = state.nodes.size;
  const node = make({ id, name: name ?? `v${id}`, position: id, origin: { spans: [] } });
  state.nodes.set(id, node);
  return node;
}
