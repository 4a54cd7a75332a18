// ONNX's conformance data: which tests there are, what is out of scope and why, and running one of them.

import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import { elementTypes } from "#import/onnx/element-type.js";
import { importOnnx } from "#import/onnx/import-onnx.js";
import type { Imported } from "#import/finish.js";
import { operators } from "#import/onnx/operators/index.js";
import type { ModelProto, NodeProto } from "#onnx/proto/onnx_pb.js";
import { ModelProtoSchema, TensorProtoSchema } from "#onnx/proto/onnx_pb.js";
import { dataFileOf } from "#import/data-file.js";
import type { FileTensor } from "#import/file-tensor.js";
import { splitModel } from "#import/onnx/split-model.js";
import { fileTensor } from "#import/onnx/tensors.js";
import { inputNodes } from "#ir/graph.js";
import type { Result } from "#diagnostic/diagnostic.js";
import type { Tensor } from "#ir/tensor.js";

/** Where Debian's `libonnx-testdata` puts the data. */
const root = "/usr/include/onnx/backend/test/data";

/** The folders whose tests are run; `real` needs downloads. */
const folders = ["node", "pytorch-converted", "pytorch-operator", "simple"];

export const isInstalled = existsSync(root);

/** A test: a model, and values in and out. */
export interface Case {
  readonly name: string;
  readonly path: string;
  /** The operators of its graph and of the graphs in it, each once. */
  readonly operators: readonly string[];
  /** Why it is not run, or undefined. */
  readonly outOfScope: string | undefined;
}

/** Operators that are out of scope, with the reason: `operators.txt` holds one a line. */
export function excludedOperators(): ReadonlyMap<string, string> {
  const text = readFileSync(join(import.meta.dirname, "out-of-scope.txt"), "utf8");
  const rows = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    rows.flatMap((row) => {
      const [names = "", reason = ""] = row.split(": ");
      return names.split(", ").map((name) => [name, reason] as const);
    }),
  );
}

/** All tests of the installed data. */
export function cases(): Case[] {
  const excluded = excludedOperators();
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder))
      .sort()
      .map((name) => {
        const path = join(root, folder, name);
        const model = fromBinary(ModelProtoSchema, readFileSync(join(path, "model.onnx")));
        const used = [
          ...new Set(nodesOf(model).map((node) => (node.domain ? `${node.domain}.` : "") + node.opType)),
        ];
        return {
          name: `${folder}/${name}`,
          path,
          operators: used,
          outOfScope: reasonOf(`${folder}/${name}`, model, used, excluded),
        };
      }),
  );
}

function nodesOf(model: ModelProto): NodeProto[] {
  const nodes = [...(model.graph?.node ?? [])];
  for (const node of nodes) for (const { g } of node.attribute) if (g) nodes.push(...g.node);
  return nodes;
}

function reasonOf(
  name: string,
  model: ModelProto,
  used: readonly string[],
  excluded: ReadonlyMap<string, string>,
): string | undefined {
  const named = excluded.get(name);
  if (named !== undefined) return named;
  for (const op of used) {
    const reason = excluded.get(op);
    if (reason !== undefined && !Object.hasOwn(operators, op)) return `${op}: ${reason}`;
  }
  for (const output of model.graph?.output ?? []) {
    const type = output.type?.value;
    if (type?.case !== "tensorType") return "results that are not tensors";
    if (!elementTypes.has(type.value.elemType)) return "results of strings and others";
  }
  const inputs = model.graph?.input ?? [];
  if (inputs.some(({ type }) => type?.value.case !== "tensorType")) return "operands that are not tensors";
  const hasStrings = inputs.some(
    ({ type }) => type?.value.case === "tensorType" && !elementTypes.has(type.value.value.elemType),
  );
  if (hasStrings) return "operands of strings and others";
  return undefined;
}

/** The values of a test, in the order of the graph's inputs and outputs. */
export interface Data {
  readonly inputs: readonly FileTensor[];
  readonly outputs: readonly FileTensor[];
}

export function dataOf({ path }: Case): Data {
  const folder = join(path, "test_data_set_0");
  const read = (prefix: string): FileTensor[] =>
    readdirSync(folder)
      .filter((file) => file.startsWith(prefix))
      .sort((a, b) => Number(a.match(/\d+/)?.[0]) - Number(b.match(/\d+/)?.[0]))
      .map((file) => {
        const source = dataFileOf(readFileSync(join(folder, file)));
        const { skeleton, held } = splitModel(source, "tensor");
        const proto = fromBinary(TensorProtoSchema, skeleton);
        const none = { open: undefined, files: new Map(), slices: [] };
        return fileTensor(proto, proto.name, { file: source, held, ...none });
      });
  return { inputs: read("input_"), outputs: read("output_") };
}

/**
 * Imports a test's model. Integers and truth values become weights, as in a model that ships; so do all operands but the first
 * where an operator needs weights.
 */
export function importCase(one: Case, { inputs }: Data): Result<Imported> {
  const bytes = readFileSync(join(one.path, "model.onnx"));
  const names = fromBinary(ModelProtoSchema, bytes).graph?.input.map(({ name }) => name) ?? [];
  const bind = (isBound: (at: number) => boolean): Result<Imported> => {
    const bound = inputs.flatMap((value, at) =>
      isBound(at) ? [[names[at]!, { shape: value.shape, data: value.numbers() }] as const] : [],
    );
    return importOnnx(bytes, { file: one.name, constants: new Map(bound) });
  };
  const isFloat = (at: number): boolean => inputs[at]?.type.kind === "float";
  const free = bind((at) => !isFloat(at));
  const needsMore = ({ diagnostics }: Result<Imported>): boolean =>
    diagnostics.some(({ code }) => code === "needs-constant");
  if (!needsMore(free)) return free;
  const first = bind((at) => at > 0 || !isFloat(at));
  return needsMore(first) ? bind(() => true) : first;
}

/** The operands that were left as inputs of the net, by name. */
export function inputsOf(one: Case, { graph }: Imported, data: Data): Map<string, Tensor> {
  const model = fromBinary(ModelProtoSchema, readFileSync(join(one.path, "model.onnx")));
  const names = model.graph?.input.map(({ name }) => name) ?? [];
  return new Map(
    inputNodes(graph).map(({ name }) => {
      const value = data.inputs[names.indexOf(name)]!;
      return [name, { shape: value.shape, data: value.numbers() }];
    }),
  );
}

/** The first element that is further off than ONNX's own runner allows (10⁻³ of the value and 10⁻⁷), as a string. */
export function difference(actual: ArrayLike<number>, expected: FileTensor): string | undefined {
  const wanted = expected.numbers();
  if (actual.length !== wanted.length) return `${actual.length} elements instead of ${wanted.length}`;
  // Halves are rounded to 11 bits, doubles are computed as f32.
  const relative = expected.type.name === "float16" ? 2e-3 : 1e-3;
  for (let at = 0; at < wanted.length; at += 1) {
    const [a, b] = [actual[at]!, wanted[at]!];
    if (Object.is(a, b) || a === b || (Number.isNaN(a) && Number.isNaN(b))) continue;
    if (!(Math.abs(a - b) <= 1e-7 + relative * Math.abs(b))) return `element ${at} is ${a} instead of ${b}`;
  }
  return undefined;
}
