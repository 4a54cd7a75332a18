// The tensors of an ONNX file as a weight file, so that a net can name the ONNX model as the source of its weights.

import { given } from "#diagnostic/given.js";
import type { Result } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import type { WeightFile, WeightFileEntry } from "#ir/weights.js";
import type { DataFile, OpenData } from "#import/data-file.js";
import { Refusal } from "#import/refusal.js";
import type { GraphProto, TensorProto } from "#onnx/proto/onnx_pb.js";
import { typeName } from "./element-type.js";
import { expandFunctions } from "./functions.js";
import { isKnown } from "./walk.js";
import { readProto } from "./read-proto.js";
import type { TensorData } from "./tensors.js";
import { fileTensor } from "./tensors.js";

/** Initializers and constants by name, with the importer's keys. Their data are not read yet. */
export function onnxWeights(source: DataFile, file: string, open?: OpenData): Result<WeightFile> {
  const read = readProto(source, file);
  if (!read.value) return { diagnostics: read.diagnostics };
  const expanded = expandFunctions(read.value.graph, read.value.functions, isKnown);
  if (typeof expanded === "string") return { diagnostics: [error("bad-model", `${file}: ${expanded}`)] };
  const data: TensorData = { file: source, held: read.value.held, open, files: new Map(), slices: [] };
  const entries = new Map<string, WeightFileEntry>();
  const unreadable = new Map<string, string>();
  for (const [name, proto] of tensorsOf(expanded.graph)) {
    if (entries.has(name) || unreadable.has(name)) continue;
    try {
      const { shape, readF32, form } = fileTensor(proto, name, data);
      entries.set(name, { shape, read: readF32, ...given({ form }) });
    } catch (cause) {
      if (!(cause instanceof Refusal)) throw cause;
      unreadable.set(name, typeName(proto.dataType));
    }
  }
  return { value: { file, entries, unreadable }, diagnostics: [] };
}

/** All tensors of a graph and of its subgraphs, those of outer graphs first. */
function* tensorsOf(graph: GraphProto): Generator<readonly [name: string, TensorProto]> {
  const open = [graph];
  for (const next of open) {
    for (const tensor of next.initializer) yield [tensor.name, tensor];
    for (const { opType, output, attribute } of next.node)
      for (const { name, t, g, graphs } of attribute) {
        if (opType === "Constant" && name === "value" && t) yield [output[0] ?? "", t];
        if (g) open.push(g);
        for (const inner of graphs) open.push(inner);
      }
  }
}
