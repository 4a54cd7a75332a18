// A graph model as a graph: the nodes that its outputs depend on are lowered in the order of their operands.

import type { Diagnostic, Result } from "#diagnostic/diagnostic.js";
import { cutHelp, cutPlaces, unknownOutput, withCut } from "#import/cut.js";
import type { Extent, WrittenInput } from "#import/dimensions.js";
import { namelessSymbol, rankLimit } from "#import/dimensions.js";
import type { Imported, NamedValue } from "#import/finish.js";
import { rounded } from "#import/lowering.js";
import { cleanName } from "#import/names.js";
import { diagnosticOf, quote, refuse, Refusal } from "#import/refusal.js";
import { addUnknown, unknownMessage } from "#import/unknown.js";
import type { Value } from "#import/value.js";
import type { Fields, Json } from "../fields.js";
import { isText, objectOf } from "../fields.js";
import { elementTypes } from "../element-type.js";
import { order } from "../order.js";
import type { Start, State } from "../state.js";
import type { Endpoint, NodeDef } from "./graph-def.js";
import { dims, endpoint, readGraph } from "./graph-def.js";
import type { Blocked } from "./blocks.js";
import { blockOperators, withBlocks } from "./blocks.js";
import type { GraphNode } from "./operator.js";
import { operators } from "./index.js";
import { fieldsOf } from "../fields.js";

/** Most messages about single nodes. */
const messageLimit = 10;

/** Operators that are read here: values from outside and from the file. */
const sources: ReadonlySet<string> = new Set(["Placeholder", "Const"]);

const advice: Readonly<Record<string, string>> = {
  TopKV2: "it is better done in JavaScript",
  NonMaxSuppressionV3: "boxes are better sorted out in JavaScript",
  NonMaxSuppressionV5: "boxes are better sorted out in JavaScript",
  While: "export the model with fixed shapes, so that loops are unrolled",
  StatelessWhile: "export the model with fixed shapes, so that loops are unrolled",
};

/** Moves of values: a node of them names its result after itself. */
const naming: ReadonlySet<string> = new Set(["Reshape", "Squeeze", "ExpandDims", "Transpose"]);

/** Imports the topology of a graph model; `start` makes what is built with, once the inputs are known. */
export function importGraph(
  whole: Fields,
  topology: Json,
  { file, outputs: wanted }: { readonly file: string; readonly outputs: readonly string[] },
  start: Start,
): Result<Imported> {
  const nodes = readGraph(topology);
  const signature = signatureOf(whole);
  const outputs =
    wanted.length > 0
      ? [...new Set(wanted)].map((name) => endpoint(name, "--outputs"))
      : outputsOf(nodes, signature);
  const misnamed = wanted.length > 0 ? outputs.filter(({ node }) => !nodes.has(node)) : [];
  if (misnamed.length > 0)
    return { diagnostics: misnamed.map(({ node }) => unknownOutput(node, nodes.keys(), file)) };
  const find = (name: string, reader: string): NodeDef =>
    nodes.get(name) ?? refuse("bad-model", `${quote(reader)} reads ${quote(name)}, which no node makes`);
  const reached = order(
    outputs.map(({ node }) => find(node, "the model")),
    {
      key: ({ name }) => name,
      needs: ({ name, inputs }) => inputs.map(({ node }) => find(node, name)),
      cycle: ({ name }) => refuse("bad-model", `node ${quote(name)} needs its own result`),
    },
  );
  const unknown = new Map<string, string[]>();
  for (const { op, name } of reached) if (!isKnown(op)) addUnknown(unknown, op, name);
  const inputs = [...nodes.values()].filter(({ op }) => op === "Placeholder");
  const cut = (isBad: (node: NodeDef) => boolean): readonly string[] =>
    cutBefore(
      reached,
      isBad,
      inputs.map(({ name }) => name),
      outputs,
    );
  if (unknown.size > 0) {
    const help = [...cut(({ op }) => !isKnown(op)), "docs/tfjs.md lists what is known"];
    return { diagnostics: unknownMessage(unknown, { file, advice, help }) };
  }
  return start(
    inputs.map((node) => writtenInput(node, signature)),
    (state, values) => {
      // Numbers of all types are given as floats; integers keep their arithmetic.
      const bound = new Map(
        inputs.map(({ name, attributes }, at) => {
          const type = elementTypes.get(attributes.type("dtype") ?? "");
          const value = values[at];
          return [name, value && type ? { ...value, type } : value] as const;
        }),
      );
      const refused = new Set<NodeDef>();
      const result = walk(state, reached, outputs, bound, refused);
      return isNamed(result)
        ? result
        : withCut(
            result,
            cut((node) => refused.has(node)),
          );
    },
  );
}

function isKnown(op: string): boolean {
  return sources.has(op) || blockOperators.has(op) || Object.hasOwn(operators, op);
}

/** The signature stands in the file itself, or in the metadata that older converters write. */
function signatureOf(whole: Fields): { readonly [key: string]: Json } | undefined {
  const metadata = objectOf(whole.get("userDefinedMetadata"));
  return objectOf(whole.get("signature")) ?? objectOf(metadata?.["signature"]);
}

/** The outputs of the signature; without one, the nodes that nobody reads. */
function outputsOf(
  nodes: ReadonlyMap<string, NodeDef>,
  signature: { readonly [key: string]: Json } | undefined,
): readonly Endpoint[] {
  const named = Object.values(objectOf(signature?.["outputs"]) ?? {})
    .map((output) => objectOf(output)?.["name"])
    .filter(isText)
    .map((name) => endpoint(name, "the signature"));
  if (named.length > 0) return named;
  const read = new Set([...nodes.values()].flatMap(({ inputs }) => inputs.map(({ node }) => node)));
  const last = [...nodes.values()].filter(
    ({ name, op }) => !read.has(name) && !sources.has(op) && op !== "NoOp",
  );
  if (last.length === 0) refuse("bad-model", "the model has no output");
  return last.map(({ name }) => ({ node: name, result: 0 }));
}

function writtenInput(
  { name, attributes }: NodeDef,
  signature: { readonly [key: string]: Json } | undefined,
): WrittenInput {
  const type = attributes.type("dtype") ?? "DT_FLOAT";
  if (!elementTypes.has(type))
    refuse("unsupported-type", `input ${quote(name)} is ${quote(type)}; inputs are numbers`);
  const shape = attributes.shape("shape") ?? signedShape(name, signature);
  if (!shape) return { name, extents: "has no shape, not even a number of axes" };
  if (shape.length > rankLimit) return { name, extents: `has ${shape.length} axes` };
  const extents: Extent[] = [];
  for (const [axis, extent] of shape.entries()) {
    if (extent < -1) return { name, extents: `has an extent of ${extent}` };
    extents.push(extent > 0 ? { value: extent } : { symbol: namelessSymbol(name, axis) });
  }
  return { name, extents };
}

/** The shape that the signature says of an input. */
function signedShape(
  name: string,
  signature: { readonly [key: string]: Json } | undefined,
): readonly number[] | undefined {
  for (const input of Object.values(objectOf(signature?.["inputs"]) ?? {})) {
    const object = objectOf(input);
    const own = object?.["name"];
    if (!isText(own) || endpoint(own, "the signature").node !== name) continue;
    const shape = objectOf(object?.["tensorShape"]);
    if (!shape || shape["unknownRank"] === true) return undefined;
    const wrong = (): never => refuse("bad-model", `the shape of input ${quote(name)} is none`);
    return dims(fieldsOf(shape, "a shape"), wrong);
  }
  return undefined;
}

/** The help that says where the model can be cut before bad nodes. */
function cutBefore(
  nodes: readonly NodeDef[],
  isBad: (node: NodeDef) => boolean,
  inputs: readonly string[],
  outputs: readonly Endpoint[],
): readonly string[] {
  const named = ({ node, result }: Endpoint): string => (result === 0 ? node : `${node}:${result}`);
  const results = new Map<string, Set<string>>();
  for (const end of [...nodes.flatMap((node) => node.inputs), ...outputs])
    results.set(end.node, (results.get(end.node) ?? new Set<string>()).add(named(end)));
  const steps = nodes.map((node) => ({
    reads: node.inputs.map(named),
    makes: [...(results.get(node.name) ?? [])],
    isBad: isBad(node),
    isShape: ["Shape", "Size", "Rank"].includes(node.op),
  }));
  return cutHelp(cutPlaces(steps, inputs, outputs.map(named)));
}

function isNamed(made: NamedValue[] | Diagnostic[]): made is NamedValue[] {
  return made.every((one) => "value" in one);
}

/** Lowers nodes in order; a node that is refused is noted, and what needs it left out. */
function walk(
  state: State,
  nodes: readonly NodeDef[],
  outputs: readonly Endpoint[],
  bound: ReadonlyMap<string, Value | undefined>,
  refused: Set<NodeDef>,
): NamedValue[] | Diagnostic[] {
  const { build, file } = state;
  const diagnostics: Diagnostic[] = [];
  const values = new Map<string, readonly Value[]>();
  const blocked: Blocked = new Map();
  for (const node of nodes) {
    const own = bound.get(node.name);
    if (own) {
      values.set(node.name, [own]);
      continue;
    }
    if (node.inputs.some((input) => !values.has(input.node))) continue;
    const inputs = node.inputs.map(
      (input) =>
        values.get(input.node)?.[input.result] ??
        refuse("bad-model", `${quote(node.name)} reads result ${input.result} of ${quote(input.node)}`),
    );
    const lower = (given: GraphNode): Value | readonly Value[] => {
      build.at(nodeName(node), naming.has(node.op));
      return operators[given.op]?.(given, state) ?? [];
    };
    try {
      const given = {
        ...node.attributes,
        op: node.op,
        inputs,
        input: (at: number) =>
          inputs[at] ?? refuse("bad-model", `operand ${at + 1} of ${node.op} is missing`),
      };
      const result = node.op === "Const" ? constant(state, node) : withBlocks(state, given, blocked, lower);
      const results = "ref" in result ? [result] : result;
      values.set(
        node.name,
        results.map((value) => rounded(build, value)),
      );
    } catch (cause) {
      if (!(cause instanceof Refusal)) throw cause;
      refused.add(node);
      const place = `${file}: node ${quote(node.name)}, ${quote(node.op)}`;
      if (diagnostics.length < messageLimit) diagnostics.push(diagnosticOf(cause, place));
    }
  }
  if (diagnostics.length > 0) return diagnostics;
  return outputs.map(({ node, result }) => {
    const value = values.get(node)?.[result] ?? refuse("bad-model", `${quote(node)} has no result ${result}`);
    if (blocked.has(value))
      refuse("unsupported-operator", `output ${quote(node)} is laid out by SpaceToBatchND`);
    return { name: result === 0 ? node : `${node}_${result}`, value };
  });
}

/** The node's path without what the converter calls every function; a long one by its end. */
function nodeName({ name, op }: NodeDef): string {
  const parts = name.split("/").filter((part) => !/^(Stateful)?PartitionedCall(_\d+)?$/.test(part));
  return (
    cleanName(parts.join("/")) ?? cleanName(parts.slice(-3).join("/")) ?? op.replace(/^_/, "").toLowerCase()
  );
}

/** A constant is a weight of its name. */
function constant({ weights }: State, { name }: NodeDef): Value {
  return weights.get(name) ?? refuse("missing-data", `the manifest of the weights has no ${quote(name)}`);
}
