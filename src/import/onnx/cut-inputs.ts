// Cuts the head off an ONNX graph: inner values become inputs, and the nodes that made them are removed.

import { given } from "#diagnostic/given.js";
import type { Diagnostic, Result } from "#diagnostic/diagnostic.js";
import type { NamedInput } from "#import/options/cut-inputs.js";
import { namedInputs, unknownShape } from "#import/options/cut-inputs.js";
import type { Extent, WrittenInput } from "#import/options/dimensions.js";
import type { GraphProto, ValueInfoProto } from "#onnx/proto/onnx_pb.js";
import { extentsOf, tensorType } from "./dimensions.js";
import { elementTypes } from "./element-type.js";
import { changed } from "./functions.js";

/** A graph, its inputs, and whether an input was a result of a node or a weight before. */
export interface CutGraph {
  readonly graph: GraphProto;
  readonly inputs: readonly WrittenInput[];
  readonly named: readonly string[];
  readonly isCut: boolean;
}

/** Makes inputs of the named values. `headShape` infers the shape of an inner value, if it can. */
export function cutInputs(
  graph: GraphProto,
  texts: readonly string[],
  headShape: (name: string) => readonly Extent[] | undefined,
  file: string,
): Result<CutGraph> {
  const initializers = new Set(graph.initializer.map(({ name }) => name));
  const own = graph.input.filter(({ name }) => !initializers.has(name)).map(writtenInput);
  if (texts.length === 0) return { value: { graph, inputs: own, named: [], isCut: false }, diagnostics: [] };
  const made = new Set(graph.node.flatMap(({ output }) => output).filter((name) => name !== ""));
  const values = new Set([...made, ...initializers, ...graph.input.map(({ name }) => name)]);
  const byNode = new Map(graph.node.map(({ name, output }) => [name, output[0] ?? ""]));
  const resolve = (name: string): string | undefined =>
    values.has(name) ? name : byNode.get(name) || undefined;
  const read = namedInputs(texts, resolve, () => [...values, ...byNode.keys()], file);
  if (!read.value) return { diagnostics: read.diagnostics };
  const named = new Map(read.value.map((one) => [one.name, one]));
  const diagnostics: Diagnostic[] = [];
  const infos = new Map([...graph.valueInfo, ...graph.output].map((info) => [info.name, info]));
  const inner = [...named.values()].filter(({ name }) => !own.some((input) => input.name === name));
  const inputs = [
    ...own.map((input) => ({ ...input, ...extentsIn(named.get(input.name)) })),
    ...inner.map(({ name, extents }): WrittenInput => {
      const info = infos.get(name);
      const declared = info && extentsOf(info);
      const tensor = graph.initializer.find((one) => one.name === name);
      const type = tensor ? elementTypes.get(tensor.dataType) : info && writtenInput(info).type;
      const shape =
        extents ??
        tensor?.dims.map((dim) => ({ value: Number(dim) })) ??
        headShape(name) ??
        (typeof declared === "string" ? undefined : declared);
      if (!shape) diagnostics.push(unknownShape(name, file));
      return { name, extents: shape ?? [], ...given({ type }) };
    }),
  ];
  if (diagnostics.length > 0) return { diagnostics };
  const node = graph.node.map((one) =>
    one.output.some((name) => named.has(name))
      ? changed(one, { output: one.output.map((name) => (named.has(name) ? "" : name)) })
      : one,
  );
  const initializer = graph.initializer.filter(({ name }) => !named.has(name));
  const cut = changed(graph, { node, initializer });
  return {
    value: { graph: cut, inputs, named: [...named.keys()], isCut: inner.length > 0 },
    diagnostics,
  };
}

function extentsIn(named: NamedInput | undefined): { extents?: readonly Extent[] } {
  return named?.extents ? { extents: named.extents } : {};
}

/** An input as the file has it. */
function writtenInput(info: ValueInfoProto): WrittenInput {
  const type = elementTypes.get(tensorType(info.type)?.elemType ?? 1);
  return { name: info.name, extents: extentsOf(info), ...given({ type }) };
}
