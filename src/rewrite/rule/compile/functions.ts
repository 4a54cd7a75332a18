// The functions that rules may call in `when`, `where` and attributes, with their types.

import { given } from "#diagnostic/given.js";
import type { AttributeValue, Node } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { outputIds, users } from "#ir/node-order.js";
import { channels, elements } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { boundsOf, uniformValue } from "../facts.js";
import type { Random } from "#ops/random.js";
import type { Wanted, Wish } from "../aim.js";
import type { Match } from "../rule.js";
import {
  boundWishes,
  elementsWishes,
  isFew,
  lastItem,
  listWithItem,
  listWithSum,
  outputWishes,
  perChannelWishes,
  rankWishes,
  sameList,
  shapeWishes,
  unpermuted,
  usesWishes,
  valueWishes,
} from "./function-aims.js";

/** The type of a term's value, as far as it is known before a match. */
export type ValueType = "number" | "boolean" | "list" | "text" | "any";

/** A function of rules. `tensor` parameters take variables of the left side, `tensors` one that stands for several values. */
export interface RuleFunction {
  readonly doc: string;
  readonly parameters: readonly ("tensor" | "tensors" | ValueType)[];
  /** The last parameter may be repeated. */
  readonly variadic?: boolean;
  readonly result: ValueType;
  /** Undefined where the function has no value; then the rule does not apply. */
  evaluate(
    match: Match,
    nodes: readonly Node[],
    values: readonly AttributeValue[],
  ): AttributeValue | undefined;
  /** What would give it another value, at one tensor: see `Aim`. `of` is its name. */
  readonly aim?: (
    match: Match,
    node: Node,
    of: string,
    wanted: Wanted | undefined,
    random: Random,
  ) => readonly Wish[] | undefined;
  /** What its first argument must be for another value, if it takes values. */
  readonly back?: (
    values: readonly AttributeValue[],
    wanted: Wanted | undefined,
    random: Random,
  ) => Wanted | undefined;
}

/** All functions by name. */
export const ruleFunctions: Readonly<Record<string, RuleFunction>> = {
  constant: ofTensors("whether all are constants", "boolean", (_, nodes) =>
    nodes.every((node) => node.op === "constant"),
  ),
  single_use: ofTensors(
    "whether each is used exactly once, the net's outputs counted",
    "boolean",
    ({ module }, nodes) => nodes.every((node) => useCount(module, node) === 1),
  ),
  uses: ofTensor(
    "how many operands of ops it is, in the left side and outside; each output of the net counts as one",
    "number",
    ({ module }, node) => useCount(module, node),
    usesWishes,
  ),
  is_output: ofTensor(
    "whether it is an output of the net",
    "boolean",
    ({ module }, node) => outputIds(module.graph).has(node.id),
    outputWishes,
  ),
  count: {
    doc: "how many values a list of operands has",
    parameters: ["tensors"],
    result: "number",
    evaluate: (_, nodes) => nodes.length,
  },
  shape: ofTensor("extents, outermost first", "list", (_, node) => node.type.shape, shapeWishes),
  rank: ofTensor("number of axes", "number", (_, node) => node.type.shape.length, rankWishes),
  channels: ofTensor(
    "extent of the last axis",
    "number",
    (_, node) => channels(node.type.shape),
    (match, node, of, wanted) => shapeWishes(match, node, of, lastItem(node.type.shape, wanted)),
  ),
  elements: ofTensor("number of elements", "number", (_, node) => elements(node.type.shape), elementsWishes),
  per_channel: ofTensor(
    "whether all axes but the last are 1",
    "boolean",
    (_, node) => node.type.shape.slice(0, -1).every((extent) => extent === 1),
    perChannelWishes,
  ),
  value: ofTensor(
    "the number that all elements of a constant are",
    "number",
    ({ module }, node) => uniformValue(module.weights, node),
    valueWishes,
  ),
  least: ofTensor(
    "the least element of a constant",
    "number",
    ({ module }, node) => boundsOf(module.weights, node)?.least,
    (match, node, of, wanted, random) => boundWishes(match, node, of, wanted, random, "least"),
  ),
  greatest: ofTensor(
    "the greatest element of a constant",
    "number",
    ({ module }, node) => boundsOf(module.weights, node)?.greatest,
    (match, node, of, wanted, random) => boundWishes(match, node, of, wanted, random, "greatest"),
  ),
  at: ofValues(
    "the item of a list at an index from 0; from the end if negative",
    ["list", "number"],
    "number",
    ([list, index]) => numbers(list)?.at(Number(index)),
    listWithItem,
  ),
  length: ofValues(
    "number of items",
    ["list"],
    "number",
    ([list]) => numbers(list)?.length,
    (_, wanted) => (isFew(wanted) ? Array.from({ length: wanted }) : undefined),
  ),
  sum: ofValues(
    "the sum of a list",
    ["list"],
    "number",
    ([list]) => numbers(list)?.reduce((sum, item) => sum + item, 0),
    listWithSum,
  ),
  same: ofValues(
    "whether all items of a list are equal",
    ["list"],
    "boolean",
    ([list]) => numbers(list)?.every((item, _, [first]) => item === first),
    sameList,
  ),
  permute: ofValues(
    "the items of a list in the order of a permutation",
    ["list", "list"],
    "list",
    ([list, order]) => {
      const items = numbers(list);
      const picked = numbers(order)?.map((index) => items?.[index]);
      const known = picked?.filter((item) => item !== undefined);
      return known?.length === picked?.length ? known : undefined;
    },
    unpermuted,
  ),
  ascending: ofValues(
    "whether a list is 0, 1, 2, …",
    ["list"],
    "boolean",
    ([list]) => numbers(list)?.every((item, index) => item === index),
    ([list], wanted) => (wanted === true ? numbers(list)?.map((_, index) => index) : undefined),
  ),
  image_padding: ofValues(
    "[top, bottom, left, right] of a pad of [n, h, w, c]; no value if other axes are padded",
    ["list", "list"],
    "list",
    ([before, after]) => {
      const [n0, top, left, c0] = numbers(before) ?? [];
      const [n1, bottom, right, c1] = numbers(after) ?? [];
      if (n0 !== 0 || n1 !== 0 || c0 !== 0 || c1 !== 0) return undefined;
      if (top === undefined || bottom === undefined || left === undefined || right === undefined)
        return undefined;
      return [top, bottom, left, right];
    },
  ),
};

function ofTensors(
  doc: string,
  result: ValueType,
  evaluate: (match: Match, nodes: readonly Node[]) => AttributeValue | undefined,
): RuleFunction {
  return { doc, parameters: ["tensor"], variadic: true, result, evaluate };
}

function ofTensor(
  doc: string,
  result: ValueType,
  evaluate: (match: Match, node: Node) => AttributeValue | undefined,
  aim?: RuleFunction["aim"],
): RuleFunction {
  return {
    doc,
    parameters: ["tensor"],
    result,
    evaluate: (match, [node]) => node && evaluate(match, node),
    ...given({ aim }),
  };
}

function ofValues(
  doc: string,
  parameters: readonly ValueType[],
  result: ValueType,
  evaluate: (values: readonly AttributeValue[]) => AttributeValue | undefined,
  back?: RuleFunction["back"],
): RuleFunction {
  return {
    doc,
    parameters,
    result,
    evaluate: (_match, _nodes, values) => evaluate(values),
    ...given({ back }),
  };
}

function numbers(value: AttributeValue | undefined): readonly number[] | undefined {
  return typeof value === "object" ? value : undefined;
}

function useCount({ graph }: Module, node: Node): number {
  let count = outputIds(graph).has(node.id) ? 1 : 0;
  for (const user of users(graph).get(node.id) ?? []) {
    count += nodeOf(graph, user).inputs.filter((input) => input === node.id).length;
  }
  return count;
}
