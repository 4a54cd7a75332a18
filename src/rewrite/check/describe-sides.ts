// Describes a finding of a check as text: the operands, both sides as lists of ops, and the element that shows the finding.

import type { NodeId } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import type { Tensor } from "#ir/tensor.js";
import { elements, printType } from "#ir/type.js";
import { numberText } from "#ir/units.js";
import { opOf } from "#ops/index.js";
import type { Attributes } from "#ops/op.js";
import type { Miss } from "../rule/match.js";
import type { Element, Side } from "./compare-sides.js";
import { cone } from "./evaluate.js";
import { workOf } from "./work.js";

interface Shown {
  readonly element?: Element;
  readonly inputs?: ReadonlyMap<NodeId, Tensor>;
  readonly miss?: Miss;
}

/** The most elements of an operand that are printed. */
const mostShown = 8;

/** Lines that say where two sides differ, or what they cost. Without a right side: where the rule did not apply. */
export function describeSides(left: Side, right: Side | undefined, shown: Shown = {}): string {
  const { element, miss } = shown;
  const root = nodeOf(left.module.graph, left.root);
  const lines = element
    ? [
        `element ${element.index} is ${valueText(element.left)} on the left and ${valueText(element.right)} on the right`,
      ]
    : miss?.kind === "type"
      ? [`the left side is ${printType(root.type)}, the right side ${printType(miss.right)}`]
      : right && !miss
        ? [costs(left, right)]
        : [];
  return [...lines, ...describeSide(left, shown.inputs)].join("\n");
}

function costs(left: Side, right: Side): string {
  const [a, b] = [workOf(left.module, left.root), workOf(right.module, right.root)];
  if (a.macs !== b.macs)
    return `the left side takes ${numberText(a.macs)} multiply-accumulates, the right side ${numberText(b.macs)}`;
  return `the left side takes ${numberText(a.steps)} steps of arithmetic, the right side ${numberText(b.steps)}`;
}

/** A line for each op that a side needs, operands first, with the values of inputs and constants where they are known. */
export function describeSide({ module, root }: Side, inputs?: ReadonlyMap<NodeId, Tensor>): string[] {
  return cone(module, root).map((node) => {
    const type = printType(node.type);
    const value =
      inputs?.get(node.id) ??
      (node.op === "constant" ? module.weights.read(node.attributes.weight) : undefined);
    if (value) return `${node.name}: ${type} = ${node.op === "input" ? "" : "constant "}${tensorText(value)}`;
    if (node.op === "input") return `${node.name}: ${type}`;
    const defaults = opOf(node.op).attributes;
    const attributes = Object.entries(node.attributes as Attributes)
      .filter(([key, one]) => JSON.stringify(one) !== JSON.stringify(defaults[key]?.default))
      .map(([key, one]) => `${key}=${defaults[key]?.print(one) ?? String(one)}`);
    const operands = node.inputs.map((id) => nodeOf(module.graph, id).name);
    return `${node.name} = ${node.op}(${[...operands, ...attributes].join(", ")})  # ${type}`;
  });
}

function tensorText({ shape, data }: Tensor): string {
  const [first = 0] = data;
  if (data.every((value) => Object.is(value, first)))
    return data.length === 1 ? valueText(first) : `all ${valueText(first)}`;
  const texts = [...data.subarray(0, mostShown)].map(valueText);
  return `[${texts.join(", ")}${elements(shape) > mostShown ? ", …" : ""}]`;
}

function valueText(value: number): string {
  if (Object.is(value, -0)) return "-0";
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  return String(Number(value.toPrecision(9)));
}
