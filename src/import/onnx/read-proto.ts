// Decodes the bytes of an ONNX file. The reader is generated from onnx.proto (see `src/onnx/proto/README.md`). The data of tensors stay in
// the file.

import { fromBinary } from "@bufbuild/protobuf";
import type { Diagnostic, Result } from "#diagnostic/diagnostic.js";
import { error, warning } from "#diagnostic/diagnostic.js";
import type { DataFile } from "#import/data-file.js";
import type { FunctionProto, GraphProto, ModelProto } from "#onnx/proto/onnx_pb.js";
import { ModelProtoSchema } from "#onnx/proto/onnx_pb.js";
import type { HeldData } from "./split-model.js";
import { splitModel } from "./split-model.js";

/** The oldest and the newest supported opset of the main domain. */
export const oldestOpset = 1;
export const newestOpset = 21;

/** Operators of older opsets are supported where their meaning has not changed since this one. */
const firstWhole = 7;

const convertHelp = `convert it, say with onnx.version_converter.convert_version(model, ${newestOpset - 4})`;

/** A model's graph, and the opset that gives its operators their meaning. */
export interface ReadModel {
  readonly graph: GraphProto;
  readonly opset: number;
  readonly producer: string;
  /** Facts about the model, by key. */
  readonly metadata: ReadonlyMap<string, string>;
  readonly functions: readonly FunctionProto[];
  readonly held: readonly HeldData[];
}

/** Decodes a model; a truncated or corrupt file is an error. */
export function readProto(source: DataFile, file: string): Result<ReadModel> {
  const wrong = (message: string, ...help: string[]): Result<ReadModel> => ({
    diagnostics: [error("bad-model", `${file}: ${message}`, { help })],
  });
  if (source.size === 0) return wrong("the file is empty", "copy or export it again");
  let [model, held]: [ModelProto | undefined, readonly HeldData[]] = [undefined, []];
  try {
    const parts = splitModel(source);
    model = fromBinary(ModelProtoSchema, parts.skeleton, { readUnknownFields: false });
    held = parts.held;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    return wrong(`this is not an ONNX model: ${why}`, "is the file complete? Copy or export it again");
  }
  if (!model.graph) return wrong("the file holds no graph", "is it an ONNX model, and complete?");
  const main = model.opsetImport.filter(({ domain }) => domain === "" || domain === "ai.onnx");
  const opset = Number(main[0]?.version ?? 0n);
  if (opset < oldestOpset)
    return wrong(
      opset === 0 ? "the file names no opset" : `the model has opset ${opset}, which does not exist`,
      convertHelp,
    );
  return {
    value: {
      graph: model.graph,
      opset: Math.min(opset, newestOpset),
      producer: model.producerName,
      // Keys that mean something are short; V8's hash tables compare much longer ones by length only.
      metadata: new Map(
        model.metadataProps.filter(({ key }) => key.length < 512).map(({ key, value }) => [key, value]),
      ),
      functions: model.functions,
      held,
    },
    diagnostics: opsetWarnings(opset, file),
  };
}

/** The warning about a model whose opset is not fully supported. */
function opsetWarnings(opset: number, file: string): Diagnostic[] {
  const has = `${file}: the model has opset ${opset}, and ${firstWhole} to ${newestOpset} are supported`;
  if (opset > newestOpset)
    return [
      warning("newer-opset", `${has}; its operators are read as those of ${newestOpset}`, {
        help: [`export it with opset ${newestOpset} or less`],
      }),
    ];
  if (opset < firstWhole)
    return [
      warning("older-opset", `${has}; operators that have changed since may be refused`, {
        help: [convertHelp],
      }),
    ];
  return [];
}
