// The nodes of a GraphDef in JSON, with their attributes read by kind.

import { given } from "#diagnostic/given.js";
import { quote, refuse } from "#import/refusal.js";
import type { Fields, Json } from "../fields.js";
import { fieldsOf, isInt, isText, listOf, objectOf } from "../fields.js";

/** A node as the file has it. */
export interface NodeDef {
  readonly name: string;
  readonly op: string;
  /** The results that it reads, without control edges. */
  readonly inputs: readonly Endpoint[];
  /** Nodes that must run before it. */
  readonly controls: readonly string[];
  readonly attributes: Attributes;
}

/** A result of a node. */
export interface Endpoint {
  readonly node: string;
  readonly result: number;
}

/** Attributes by name. Refuses an attribute of another kind than requested; a missing one has its default. */
export interface Attributes {
  int(name: string, otherwise?: number): number;
  float(name: string, otherwise: number): number;
  flag(name: string, otherwise: boolean): boolean;
  text(name: string, otherwise: string): string;
  /** A type, such as `DT_FLOAT`. */
  type(name: string): string | undefined;
  ints(name: string): readonly number[];
  texts(name: string): readonly string[];
  /** The extents of a shape, −1 where one is open; undefined if the shape or its rank is missing. */
  shape(name: string): readonly number[] | undefined;
  /** A tensor whose numbers are in the attribute. */
  tensor(name: string): Fields | undefined;
  /** The name of a function. */
  function(name: string): string;
  /** The names of functions in a list. */
  functions(name: string): readonly string[];
}

/** A function of the library. */
export interface FunctionDef {
  readonly name: string;
  readonly inputs: readonly string[];
  /** Its results, in order. */
  readonly outputs: readonly Endpoint[];
  readonly nodes: ReadonlyMap<string, NodeDef>;
}

/** The names of results, for operators that have several kinds of them. Other operators have one result, or a list with one name. */
const resultNames: Readonly<Record<string, readonly string[]>> = {
  Switch: ["output_false", "output_true"],
  Merge: ["output", "value_index"],
  TopKV2: ["values", "indices"],
  Unique: ["y", "idx"],
  TensorListPopBack: ["output_handle", "tensor"],
  TensorArrayV3: ["handle", "flow"],
};

/** The most nodes of a graph; a large network has a few thousand. */
const nodeLimit = 50_000;

/** The nodes of a graph by name, in the order of the file. */
export function readGraph(topology: Json): ReadonlyMap<string, NodeDef> {
  return readNodes(fieldsOf(topology, "the topology").list("node"));
}

/** The functions of a graph's library by name. */
export function readLibrary(topology: Json): ReadonlyMap<string, FunctionDef> {
  const fields = fieldsOf(topology, "the topology");
  if (!fields.has("library")) return new Map();
  const library = fields.fields("library");
  const list = library.has("function") ? library.list("function") : [];
  return new Map(
    list.map((written) => {
      const one = readFunction(fieldsOf(written, "a function"));
      return [one.name, one] as const;
    }),
  );
}

function readFunction(fields: Fields): FunctionDef {
  const signature = fields.fields("signature");
  const name = signature.text("name");
  const names = (key: string): string[] =>
    (signature.has(key) ? signature.list(key) : []).map((one) => fieldsOf(one, `\`${key}\``).text("name"));
  const nodes = readNodes(fields.has("nodeDef") ? fields.list("nodeDef") : [], true);
  const returned = fields.has("ret") ? fields.fields("ret") : undefined;
  const outputs = names("outputArg").map((output) =>
    resultOf(endpoint(returned?.get(output) ?? null, `function ${name}`), nodes),
  );
  return { name, inputs: names("inputArg"), outputs, nodes };
}

function readNodes(list: readonly Json[], isFunction = false): ReadonlyMap<string, NodeDef> {
  const nodes = new Map<string, NodeDef>();
  if (list.length > nodeLimit)
    refuse("too-large", `the graph has ${list.length} nodes, more than ${nodeLimit}`);
  for (const written of list) {
    const fields = fieldsOf(written, "a node");
    const name = fields.text("name");
    if (nodes.has(name)) refuse("bad-model", `two nodes are called ${quote(name)}`);
    const inputs = fields.has("input") ? fields.list("input") : [];
    const isControl = (one: Json): one is string => isText(one) && one.startsWith("^");
    nodes.set(name, {
      name,
      op: fields.text("op"),
      inputs: inputs.filter((one) => !isControl(one)).map((one) => endpoint(one, name)),
      controls: inputs.filter(isControl).map((one) => one.slice(1)),
      attributes: attributesOf(objectOf(fields.get("attr")) ?? {}, name),
    });
  }
  if (!isFunction) return nodes;
  const whole = [...nodes].map(([name, node]) => {
    const inputs = node.inputs.map((input) => resultOf(input, nodes));
    return [name, { ...node, inputs }] as const;
  });
  return new Map(whole);
}

/** `name:2` is result 2 of a node, `name` its result 0. In functions, `name:output:0` is the first of the results called `output`. */
export function endpoint(written: Json, reader: string): WrittenEndpoint {
  if (!isText(written)) refuse("bad-model", `an input of ${quote(reader)} is not text`);
  const match = /^(.*?)(?::([A-Za-z_]\w*))?(?::(\d{1,6}))?$/s.exec(written);
  const [, node = written, named, result = 0] = match ?? [];
  return { node, result: Number(result), ...given({ named }) };
}

/** An endpoint that may have the name of a result. */
interface WrittenEndpoint extends Endpoint {
  readonly named?: string;
}

function resultOf({ node, result, named }: WrittenEndpoint, nodes: ReadonlyMap<string, NodeDef>): Endpoint {
  const place = resultNames[nodes.get(node)?.op ?? ""]?.indexOf(named ?? "") ?? 0;
  return { node, result: Math.max(place, 0) + result };
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
      // JSON omits a field that has its default.
      if (found) return whole(found.get("i") ?? 0) ?? wrong(name);
      return otherwise ?? wrong(name);
    },
    float: (name, otherwise) => {
      const found = find(name)?.get("f") ?? (find(name) ? 0 : otherwise);
      // JSON has Infinity and NaN as strings.
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
    function: (name) => {
      const found = find(name);
      return found?.has("func") ? found.fields("func").text("name") : wrong(name);
    },
    functions: (name) => list(name, "func").map((one) => fieldsOf(one, quote(name)).text("name")),
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

/** 64-bit integers are strings in JSON. */
function whole(written: Json): number | undefined {
  if (isInt(written)) return written;
  if (!isText(written) || !/^-?\d{1,19}$/.test(written)) return undefined;
  return Math.max(Math.min(Number(written), Number.MAX_SAFE_INTEGER), Number.MIN_SAFE_INTEGER);
}

/** Bytes are base64 in JSON, or a list of numbers. */
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
