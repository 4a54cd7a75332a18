// Weights by their manifest: the tensors of a group follow one another in the concatenated bytes of all shards of the group.

import { codeBytes } from "#ir/compact.js";
import { given } from "#diagnostic/given.js";
import type { DataFile, OpenData } from "#import/data-file.js";
import { wrongLocation } from "#import/data-file.js";
import type { ElementType } from "#import/element-type.js";
import { bool, float16, float32, int32 } from "#import/element-type.js";
import type { FileTensor, ReadBytes } from "#import/file-tensor.js";
import { countOf, rawReaders } from "#import/file-tensor.js";
import { quote, refuse } from "#import/refusal.js";
import type { Fields, Json } from "./fields.js";
import { fieldsOf, isText } from "./fields.js";

/** Types of weights by their name in the manifest. */
const types: ReadonlyMap<string, ElementType> = new Map([
  ["float32", float32],
  ["float16", float16],
  ["int32", int32],
  // TensorFlow.js does not compute in uint8.
  ["uint8", { ...int32, size: 1, get: (view, at) => view.getUint8(at) }],
  ["bool", bool],
]);

/** Integers that weights are quantized to: the stored number at an offset. */
const integers: ReadonlyMap<
  string,
  { readonly codes: "uint8" | "uint16"; readonly code: ElementType["get"] }
> = new Map([
  ["uint8", { codes: "uint8", code: (view, at) => view.getUint8(at) }],
  ["uint16", { codes: "uint16", code: (view, at) => view.getUint16(at, true) }],
]);

/** The tensors of a manifest by name. Shards are opened for their size; their bytes are read when they are needed. */
export function manifestTensors(
  manifest: readonly Json[],
  open: OpenData | undefined,
): ReadonlyMap<string, FileTensor> {
  const tensors = new Map<string, FileTensor>();
  const paths = new Set<string>();
  for (const [at, entry] of manifest.entries()) {
    const group = fieldsOf(entry, `group ${at + 1} of the weights`);
    const shards = group.list("paths").map((path) => {
      if (!isText(path)) return refuse("bad-model", `a path of group ${at + 1} of the weights is not text`);
      if (paths.has(path)) refuse("bad-model", `the manifest of the weights has ${quote(path)} twice`);
      paths.add(path);
      return { path, file: openShard(path, open) };
    });
    const total = shards.reduce((sum, { file }) => sum + file.size, 0);
    let offset = 0;
    for (const written of group.list("weights")) {
      const weight = fieldsOf(written, "a weight of the manifest");
      const name = weight.text("name");
      if (tensors.has(name)) refuse("bad-model", `two weights are called ${quote(name)}`);
      const { type, shape } = typeOf(weight, name);
      const begin = offset;
      const end = begin + countOf(name, shape) * type.size;
      if (end > total)
        refuse(
          "bad-model",
          `weight ${quote(name)} is stored in bytes ${begin} to ${end} of ${named(shards)}, which ${shards.length === 1 ? "has" : "have"} ${total} bytes`,
          "are the files complete? Copy or convert them again",
        );
      const read: ReadBytes = (at, length, into) => readOver(shards, begin + at, begin + at + length, into);
      tensors.set(name, { name, type, shape, ...rawReaders(read, countOf(name, shape), type) });
      offset = end;
    }
    if (offset !== total)
      refuse(
        "bad-model",
        `the weights take ${offset} bytes of ${named(shards)}, which ${shards.length === 1 ? "has" : "have"} ${total} bytes`,
        "do the files belong to this model?",
      );
  }
  return tensors;
}

/** The shape of a weight, and its type, which reads elements as they are stored. */
function typeOf(weight: Fields, name: string): { type: ElementType; shape: readonly number[] } {
  const dtype = weight.text("dtype");
  const type = types.get(dtype);
  if (!type)
    refuse("unsupported-type", `weight ${quote(name)} holds ${quote(dtype)}, which is not supported`);
  const shape = weight.ints("shape") ?? refuse("bad-model", `weight ${quote(name)} has no shape`);
  if (!weight.has("quantization")) return { type, shape };
  const quantization = weight.fields("quantization");
  const to = quantization.text("dtype", "uint8");
  // Other names, because weights stored as f32 may be viewed in place.
  const stored = `${type.name} as ${to}`;
  if (to === "float16") {
    const { size, get, stored: halves } = float16;
    return { type: { ...type, name: stored, size, get, ...given({ stored: halves }) }, shape };
  }
  const integer = integers.get(to);
  if (!integer) return refuse("unsupported-type", `weight ${quote(name)} is quantized to ${quote(to)}`);
  const { codes, code } = integer;
  const size = codeBytes[codes];
  const [scale, min] = [quantization.number("scale"), quantization.number("min")];
  const real: ElementType["get"] = (view, at) => code(view, at) * scale + min;
  if (type.kind !== "float")
    return { type: { ...type, name: stored, size, get: (view, at) => Math.round(real(view, at)) }, shape };
  return { type: { ...type, name: stored, size, get: real, stored: { codes, scale, min, code } }, shape };
}

interface Shard {
  readonly path: string;
  readonly file: DataFile;
}

function openShard(path: string, open: OpenData | undefined): DataFile {
  const problem = wrongLocation(path);
  if (problem !== undefined) refuse("bad-model", `weights are stored in ${quote(path)}, which ${problem}`);
  if (!open)
    refuse(
      "missing-data",
      `weights are stored in ${quote(path)}, but the caller gave no function to open files`,
    );
  try {
    return open(path);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    return refuse(
      "cannot-read",
      `cannot read ${quote(path)}: ${why}`,
      "weights must be in the folder of the model",
    );
  }
}

/** The bytes from `begin` to `end` of all shards, taken one after another. */
function readOver(shards: readonly Shard[], begin: number, end: number, into?: Uint8Array): Uint8Array {
  const all = into ?? new Uint8Array(end - begin);
  let offset = 0;
  for (const { file } of shards) {
    const [from, to] = [Math.max(begin - offset, 0), Math.min(end - offset, file.size)];
    // A tensor in a single shard is a view of it.
    if (to - from === all.length && !into) return file.read(from, to - from);
    if (from < to) file.read(from, to - from, all.subarray(offset + from - begin, offset + to - begin));
    offset += file.size;
  }
  return all;
}

function named(shards: readonly Shard[]): string {
  const [first, ...more] = shards;
  if (!first) return "no file";
  return more.length === 0 ? quote(first.path) : `${quote(first.path)} to ${quote(more.at(-1)?.path ?? "")}`;
}
