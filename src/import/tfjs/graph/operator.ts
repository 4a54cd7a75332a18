// The interface of the importers of TensorFlow operators.

import type { Lowering } from "#import/lowering.js";
import { refuse, unsupported } from "#import/refusal.js";
import type { Value } from "#import/value.js";
import type { Attributes } from "./graph-def.js";

/** A node with its operands. */
export interface GraphNode extends Attributes {
  readonly op: string;
  readonly inputs: readonly Value[];
  /** An operand. Refuses a missing one. */
  input(at: number): Value;
}

/** Turns one node into values, one for each of its results. */
export type OperatorImport = (node: GraphNode, ctx: Lowering) => Value | readonly Value[];

export type OperatorTable = Readonly<Record<string, OperatorImport>>;

/** Whether the channels of a node's images come first. */
export function isChannelsFirst(node: GraphNode): boolean {
  const format = node.text("data_format", "NHWC");
  if (format !== "NHWC" && format !== "NCHW")
    unsupported(`${node.op} with data_format \`${format.slice(0, 20)}\``);
  return format === "NCHW";
}

/** The entries for height and width in a list with one number per axis. */
export function spatial(node: GraphNode, name: string): readonly number[] {
  const all = node.ints(name);
  if (all.length === 0) return [1, 1];
  if (all.length !== 4) refuse("bad-model", `\`${name}\` has ${all.length} numbers instead of 4`);
  const [n, a = 1, b = 1, c = 1] = all;
  const isFirst = isChannelsFirst(node);
  if (n !== 1 || (isFirst ? a : c) !== 1) unsupported(`${node.op} with \`${name}\` [${all.join(", ")}]`);
  return isFirst ? [b, c] : [a, b];
}
