// The nodes of a GraphDef in JSON, with their attributes read by kind.

import { quote, refuse } from "#import/refusal.js";
import type { Fields, Json } from "../fields.js";
import { fieldsOf, isInt, isText, listOf, objectOf } from "../fields.js";

/** A node as the file has it. */
export interface NodeDef {
  readonly name: string;
  readonly op: string;
  /** What it reads, without control edges. */
  readonly inputs: readonly Endpoint[];
  readonly attributes: Attributes;
}

/** A result of a node. */
export interface Endpoint {
  readonly node: string;
  readonly result: number;
}

/** Attributes by name; what is of another kind than asked for is refused, what is missing is the default. */
export interface Attributes {
  int(name: string, otherwise?: number): number;
  float(name: string, otherwise: number): number;
  flag(name: string, otherwise: boolean): boolean;
  text(name: string, otherwise: string): string;
  /** A type, as in `DT_FLOAT`. */
  type(name: string): string | undefined;
  ints(name: string): readonly number[];
  texts(name: string): readonly string[];
  /** The extents of a shape, −1 where one is open; undefined without a shape or a rank. */
  shape(name: string): readonly number[] | undefined;
  /** A tensor that is written in the attribute. */
  tensor(name: string): Fields | undefined;
}

/** Most nodes of a graph; a large network has some thousand. */
const nodeLimit = 50_000;

/** The nodes of a graph by name, in the order of the file. */
export function readGraph(topology: Json): ReadonlyMap<string, NodeDef> {
  const nodes = new Map<string, NodeDef>();
  const list = fieldsOf(topology, "the topology").list("node");
  if (list.length > nodeLimit)
    refuse("too-large", `the graph has ${list.length} nodes, more than ${nodeLimit}`);
  for (const written of list) {
    const fields = fieldsOf(written, "a node");
    const name = fields.text("name");
    if (nodes.has(name)) refuse("bad-model", `two nodes are called ${quote(name)}`);
    const inputs = fields.has("input") ? fields.list("input") : [];
    nodes.set(name, {
      name,
      op: fields.text("op"),
      inputs: inputs.filter((one) => !isText(one) || !one.startsWith("^")).map((one) => endpoint(one, name)),
      attributes: attributesOf(objectOf(fields.get("attr")) ?? {}, name),
    });
  }
  return nodes;
}

/** `name:2` is result 2 of a node, `name` its result 0. */
export function endpoint(written: Json, reader: string): Endpoint {
  if (!isText(written)) refuse("bad-model", `what ${quote(reader)} reads is no text`);
  const match = /^(.*?)(?::(\d{1,6}))?$/s.exec(written);
  return { node: match?.[1] ?? written, result: Number(match?.[2] ?? 0) };
}

function attributesOf(table: { readonly [key: string]: Json }, node: string): Attributes {
  const find = (name: string): Fields | undefined =>
    Object.hasOwn(table, name)
      ? fieldsOf(table[name], `attribute ${quote(name)} of ${quote(node)}`)
      : undefined;
  const wrong = (name: string): never =>
    refuse("bad-model", `attribute ${quote(name)} of ${quote(node)} is missing or of another kind`);
  const list = (name: string, kind: string): readonly Json[] => {
    const held = find(name);
    return held?.has("list") ? (listOf(held.fields("list").get(kind)) ?? []) : [];
  };
  return {
    int: (name, otherwise) => {
      const found = find(name);
      // A field of its default is left out.
      if (found) return whole(found.get("i") ?? 0) ?? wrong(name);
      return otherwise ?? wrong(name);
    },
    float: (name, otherwise) => {
      const found = find(name)?.get("f") ?? (find(name) ? 0 : otherwise);
      // Infinity and NaN are written as texts.
      return typeof found === "number" ? found : isText(found) ? Number(found) : wrong(name);
    },
    flag: (name, otherwise) => find(name)?.flag("b", false) ?? otherwise,
    text: (name, otherwise) => {
      const found = find(name);
      return found ? textOf(found.get("s") ?? "", () => wrong(name)) : otherwise;
    },
    type: (name) => {
      const found = find(name)?.get("type");
      return isText(found) ? found : undefined;
    },
    ints: (name) => list(name, "i").map((one) => whole(one) ?? wrong(name)),
    texts: (name) => list(name, "s").map((one) => textOf(one, () => wrong(name))),
    shape: (name) => {
      const found = find(name);
      if (!found?.has("shape")) return undefined;
      const shape = found.fields("shape");
      if (shape.flag("unknownRank", false)) return undefined;
      return dims(shape, () => wrong(name));
    },
    tensor: (name) => {
      const found = find(name);
      return found?.has("tensor") ? found.fields("tensor") : undefined;
    },
  };
}

/** The extents of a shape in JSON. */
export function dims(shape: Fields, wrong: () => never): readonly number[] {
  return (listOf(shape.get("dim")) ?? []).map((dim) => whole(objectOf(dim)?.["size"] ?? 0) ?? wrong());
}

/** Integers of 64 bits are written as texts. */
function whole(written: Json): number | undefined {
  if (isInt(written)) return written;
  if (!isText(written) || !/^-?\d{1,19}$/.test(written)) return undefined;
  return Math.max(Math.min(Number(written), Number.MAX_SAFE_INTEGER), Number.MIN_SAFE_INTEGER);
}

/** Bytes are written in base64, or as a list of numbers. */
function textOf(written: Json, wrong: () => never): string {
  const list = listOf(written);
  if (list?.every(isInt))
    return list
      .slice(0, 1000)
      .map((code) => String.fromCharCode(code))
      .join("");
  if (!isText(written)) return wrong();
  try {
    return atob(written.slice(0, 2000));
  } catch {
    return wrong();
  }
}
