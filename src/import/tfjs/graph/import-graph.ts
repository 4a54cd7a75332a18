// Imports a graph model: the nodes that its outputs depend on are evaluated in the order of their operands.

import { given } from "#diagnostic/given.js";
import type { Diagnostic, Result } from "#diagnostic/diagnostic.js";
import { namedInputs, unknownShape, unneededInput } from "#import/options/cut-inputs.js";
import { cutPlaces, unknownOutput, withCut } from "#import/options/cut.js";
import type { Extent, WrittenInput } from "#import/options/dimensions.js";
import { namelessSymbol, rankLimit } from "#import/options/dimensions.js";
import type { Imported } from "#import/finish.js";
import { quote, refuse } from "#import/refusal.js";
import { unknownMessage } from "#import/unknown.js";
import type { Value } from "#import/value.js";
import type { Fields, Json } from "../fields.js";
import { elementTypes } from "../element-type.js";
import { fieldsOf, isText, objectOf } from "../fields.js";
import type { CutAdvice, Given, Start } from "../state.js";
import { readsOf } from "./control.js";
import { evaluate, nodesBefore } from "./evaluate.js";
import type { Endpoint, NodeDef } from "./graph-def.js";
import { dims, endpoint, readGraph, readLibrary } from "./graph-def.js";
import type { Held } from "./held.js";
import { isValue } from "./held.js";
import type { Import, Scope } from "./scope.js";
import { resultsIn } from "./scope.js";

const advice: Readonly<Record<string, string>> = {
  Unique: "results without a fixed size are better made in JavaScript",
};

/** Imports the topology of a graph model. `start` makes the builder once the inputs are known. */
export function importGraph(
  model: Fields,
  topology: Json,
  { file, outputs: wanted, inputs: texts, headShape, cut }: Given,
  start: Start,
): Result<Imported> {
  const whole = readGraph(topology);
  const functions = readLibrary(topology);
  const signature = signatureOf(model);
  const read = namedInputs(
    texts,
    (name) => (whole.has(name) ? name : undefined),
    () => whole.keys(),
    file,
  );
  if (!read.value) return { diagnostics: read.diagnostics };
  const named = new Map(read.value.map((one) => [one.name, one]));
  const isInner = (name: string): boolean => whole.get(name)?.op !== "Placeholder";
  // Inner nodes that become inputs no longer read anything.
  const nodes = new Map(
    [...whole].map(([name, node]) => [
      name,
      named.has(name) ? { ...node, op: "Placeholder", inputs: [], controls: [] } : node,
    ]),
  );
  const outputs =
    wanted.length > 0
      ? [...new Set(wanted)].map((name) => endpoint(name, "--outputs"))
      : outputsOf(nodes, signature);
  const misnamed = wanted.length > 0 ? outputs.filter(({ node }) => !nodes.has(node)) : [];
  if (misnamed.length > 0)
    return { diagnostics: misnamed.map(({ node }) => unknownOutput(node, nodes.keys(), file)) };
  const placeholders = [...nodes.values()].filter(({ op }) => op === "Placeholder");
  const reached = nodesBefore({ nodes, values: new Map(), lost: new Map() }, outputs);
  const needed = new Set(reached.map(({ name }) => name));
  const unneeded = [...named.keys()].filter((name) => !needed.has(name));
  if (unneeded.length > 0) return { diagnostics: unneeded.map((name) => unneededInput(name, file)) };
  const isCut = wanted.length > 0 || [...named.keys()].some(isInner);
  const inputs = placeholders.filter(({ name }) => !isCut || needed.has(name));
  const written = inputs.map((node): WrittenInput | Diagnostic => {
    const { name } = node;
    const extents = named.get(name)?.extents;
    if (!isInner(name)) return { ...writtenInput(node, signature), ...given({ extents }) };
    const shape = extents ?? headShape(name);
    return shape ? { name, extents: shape } : unknownShape(name, file);
  });
  const wrong = written.filter((one) => "code" in one);
  if (wrong.length > 0) return { diagnostics: wrong };
  const writtenInputs = {
    inputs: written.filter((one) => "name" in one),
    unneeded: placeholders.flatMap(({ name }) => (isCut && !needed.has(name) ? [name] : [])),
    isCut,
  };
  return start(writtenInputs, (state, values) => {
    const shared: Import = {
      state,
      functions,
      diagnostics: [],
      blocked: new Map(),
      unknown: new Map(),
      unknownNodes: new Set(),
      refused: new Set(),
      unrolled: 0,
    };
    const known = inputs.flatMap(({ name }, at) => (values[at] ? [[name, [values[at]]] as const] : []));
    const scope: Scope = {
      shared,
      nodes,
      values: new Map<string, readonly Held[]>(known),
      lost: new Map(),
      isQuiet: false,
      isLoop: false,
      depth: 0,
    };
    const held = evaluate(scope, outputs);
    if (shared.refused.size > 0) return problems(scope, reached, outputs, cut);
    return outputs.map(({ node, result }, at) => {
      const value = held[at];
      const name = result === 0 ? node : `${node}_${result}`;
      if (!value || !isValue(value))
        return refuse("unsupported-operator", `output ${quote(name)} is not a tensor`);
      if (shared.blocked.has(value))
        refuse(
          "unsupported-operator",
          `output ${quote(name)} is a result of SpaceToBatchND without a BatchToSpaceND, which is not supported`,
        );
      const shape = signedShape(node, signature, "outputs");
      // An empty shape can mean an unknown shape or a single number.
      if (!shape || shape.length === 0 || result !== 0) return { name, value };
      return { name, value, declared: shape.map((extent) => (extent > 0 ? extent : undefined)) };
    });
  });
}

/** All errors, with the advice where to cut the model. */
function problems(
  scope: Scope,
  reached: readonly NodeDef[],
  outputs: readonly Endpoint[],
  cut: CutAdvice,
): Diagnostic[] {
  const { unknown, diagnostics, refused, state } = scope.shared;
  const named = ({ node, result }: Endpoint): string => (result === 0 ? node : `${node}:${result}`);
  const results = new Map<string, Set<string>>();
  for (const end of [...reached.flatMap((node) => readsOf(node, scope)), ...outputs])
    results.set(end.node, (results.get(end.node) ?? new Set<string>()).add(named(end)));
  const steps = reached.map((node) => ({
    reads: readsOf(node, scope).map(named),
    makes: [...(results.get(node.name) ?? [])],
    isBad: refused.has(node),
  }));
  const valueOf = (name: string): Value | undefined => {
    const { node, result } = endpoint(name, "the model");
    const held = resultsIn(scope, node)?.[result];
    return held && isValue(held) && !scope.shared.blocked.has(held) ? held : undefined;
  };
  const help = (): readonly string[] =>
    cut(state.build, cutPlaces(steps, outputs.map(named), state.build.nodes, valueOf));
  if (unknown.size === 0) return withCut(diagnostics, help);
  const all = [...help(), "docs/tfjs.md lists the supported operators"];
  return [...unknownMessage(unknown, { file: state.file, advice, help: all }), ...diagnostics];
}

/** The signature is in the file itself, or in the metadata that older converters write. */
function signatureOf(whole: Fields): { readonly [key: string]: Json } | undefined {
  const metadata = objectOf(whole.get("userDefinedMetadata"));
  return objectOf(whole.get("signature")) ?? objectOf(metadata?.["signature"]);
}

/** The outputs of the signature; without one, the nodes that no other node reads. */
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
    ({ name, op }) => !read.has(name) && !["Placeholder", "Const", "NoOp"].includes(op),
  );
  if (last.length === 0) refuse("bad-model", "the model has no output");
  return last.map(({ name }) => ({ node: name, result: 0 }));
}

function writtenInput(
  { name, attributes }: NodeDef,
  signature: { readonly [key: string]: Json } | undefined,
): WrittenInput {
  const kind = attributes.type("dtype") ?? "DT_FLOAT";
  // Numbers of all types are given as floats; an integer type keeps its arithmetic.
  const type = elementTypes.get(kind);
  if (!type) refuse("unsupported-type", `input ${quote(name)} is ${quote(kind)}; inputs are numbers`);
  const shape = attributes.shape("shape") ?? signedShape(name, signature);
  if (!shape) return { name, extents: "has no shape, not even a number of axes" };
  if (shape.length > rankLimit) return { name, extents: `has ${shape.length} axes` };
  const extents: Extent[] = [];
  for (const [axis, extent] of shape.entries()) {
    if (extent < -1) return { name, extents: `has an extent of ${extent}` };
    extents.push(extent > 0 ? { value: extent } : { symbol: namelessSymbol(name, axis) });
  }
  return { name, extents, type };
}

/** The shape that the signature gives for an input or output. */
function signedShape(
  name: string,
  signature: { readonly [key: string]: Json } | undefined,
  kind: "inputs" | "outputs" = "inputs",
): readonly number[] | undefined {
  for (const input of Object.values(objectOf(signature?.[kind]) ?? {})) {
    const object = objectOf(input);
    const own = object?.["name"];
    if (!isText(own) || endpoint(own, "the signature").node !== name) continue;
    const shape = objectOf(object?.["tensorShape"]);
    if (!shape || shape["unknownRank"] === true) return undefined;
    const wrong = (): never =>
      refuse("bad-model", `the shape of ${kind.slice(0, -1)} ${quote(name)} is invalid`);
    return dims(fieldsOf(shape, "a shape"), wrong);
  }
  return undefined;
}
