// A node's op with its window and other attributes on one short line, as pictures of graphs show it.

import type { Fact, OpFacts } from "./op-facts.js";

/**
 * `conv2d 3×3 /2 same`: the window, `/` its stride, and its padding; then the attributes that differ from their defaults. `times` stands between
 * the extents of sizes.
 */
export function headline(op: string, { attributes, derived }: OpFacts, times = "×"): string {
  const window = [...derived, ...attributes].find(([name]) => name === "kernel")?.[1];
  const rest = attributes
    .filter(([name]) => name !== "kernel")
    .toSorted(([a], [b]) => rank(a) - rank(b))
    .map((fact) => (window === undefined ? plainText(fact, times) : windowText(fact, times)));
  return [op, ...(window === undefined ? [] : [sizeText(window, times)]), ...rest].join(" ");
}

const order = ["stride", "padding", "dilation", "groups"];

function rank(name: string): number {
  const at = order.indexOf(name);
  return at < 0 ? order.length : at;
}

/** An attribute of an op with a window. */
function windowText([name, value]: Fact, times: string): string {
  if (name === "stride") return `/${evenText(value, times)}`;
  if (name === "padding")
    return /^\w+$/.test(value) && !sizes.test(value) ? value : `pad ${evenText(value, times)}`;
  if (name === "dilation") return `dilation ${evenText(value, times)}`;
  return plainText([name, value], times);
}

function plainText([name, value]: Fact, times: string): string {
  return `${name} ${sizeText(value, times)}`;
}

const sizes = /^\d+(x\d+)*$/;

function sizeText(value: string, times: string): string {
  return sizes.test(value) ? value.replaceAll("x", times) : value;
}

/** A size whose extents are all the same as one number: `2` for `2x2`. */
function evenText(value: string, times: string): string {
  const extents = value.split("x");
  const [first = ""] = extents;
  return sizes.test(value) && extents.every((one) => one === first) ? first : sizeText(value, times);
}
