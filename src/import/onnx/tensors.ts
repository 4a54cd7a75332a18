// Tensors of an ONNX file: typed, raw and external data, read when they are asked for.

import type { ElementType } from "#import/element-type.js";
import { quote, refuse } from "#import/refusal.js";
import type { DataFile, OpenData } from "#import/data-file.js";
import { wrongLocation } from "#import/data-file.js";
import type { FileTensor } from "#import/file-tensor.js";
import { countOf, rawReaders, room } from "#import/file-tensor.js";
import { elementTypes, typeName } from "./element-type.js";
import type { TensorProto } from "#onnx/proto/onnx_pb.js";
import { TensorProto_DataLocation } from "#onnx/proto/onnx_pb.js";

/** A part of a file with external data. */
export interface ExternalSlice {
  readonly location: string;
  readonly offset: number;
  readonly length: number;
  readonly tensor: string;
}

/** Where tensors get external data from, and what they have taken of it. */
export interface ExternalData {
  readonly open: OpenData | undefined;
  readonly files: Map<string, DataFile>;
  readonly slices: ExternalSlice[];
}

/** A tensor's type and shape, checked against its data, which is not read yet. Refuses what is wrong. */
export function fileTensor(proto: TensorProto, name: string, external: ExternalData): FileTensor {
  const type = elementTypes.get(proto.dataType);
  if (!type)
    refuse("unsupported-type", `tensor ${quote(name)} holds ${typeName(proto.dataType)}, which is not read`);
  const shape = proto.dims.map(Number);
  const count = countOf(name, shape);
  if (proto.segment) refuse("bad-model", `tensor ${quote(name)} is cut into segments`);

  if (proto.dataLocation === TensorProto_DataLocation.EXTERNAL) {
    const data = externalBytes(proto, name, count * type.size, external);
    return { name, type, shape, ...rawReaders(data, count, type) };
  }
  if (proto.rawData.length > 0 || !hasTypedData(proto)) {
    const raw = proto.rawData;
    if (raw.length !== count * type.size)
      refuse(
        "bad-model",
        `tensor ${quote(name)} ${type.name}[${shape.join(", ")}] takes ${count * type.size} bytes, but has ${raw.length}`,
      );
    return { name, type, shape, ...rawReaders(() => raw, count, type) };
  }
  const typed = typedData(proto, type);
  if (typed.length !== count)
    refuse(
      "bad-model",
      `tensor ${quote(name)} ${type.name}[${shape.join(", ")}] has ${typed.length} values instead of ${count}`,
    );
  return {
    name,
    type,
    shape,
    numbers: () => Float64Array.from(typed, (value) => type.typed(Number(value))),
    readF32: (into) => {
      const out = room(count, into);
      for (let at = 0; at < count; at += 1) out[at] = type.typed(Number(typed[at]));
      return out;
    },
  };
}

/** Refuses slices of external data that overlap without being the same: weights are not made of each other's bytes. */
export function checkSlices(slices: readonly ExternalSlice[]): void {
  const byLocation = new Map<string, ExternalSlice[]>();
  for (const slice of slices) {
    const own = byLocation.get(slice.location);
    if (own) own.push(slice);
    else byLocation.set(slice.location, [slice]);
  }
  for (const [location, own] of byLocation) {
    const order = own.toSorted((a, b) => a.offset - b.offset || a.length - b.length);
    let last: ExternalSlice | undefined;
    for (const slice of order) {
      const same = last && last.offset === slice.offset && last.length === slice.length;
      if (last && !same && slice.length > 0 && slice.offset < last.offset + last.length)
        refuse("bad-model", `${quote(last.tensor)} and ${quote(slice.tensor)} overlap in ${quote(location)}`);
      last = slice;
    }
  }
}

function hasTypedData(proto: TensorProto): boolean {
  return (
    proto.floatData.length +
      proto.int32Data.length +
      proto.int64Data.length +
      proto.doubleData.length +
      proto.uint64Data.length >
    0
  );
}

/** The typed field that holds values of a type. */
function typedData(proto: TensorProto, type: ElementType): readonly (number | bigint)[] {
  switch (type.name) {
    case "float32":
      return proto.floatData;
    case "float64":
      return proto.doubleData;
    case "int64":
      return proto.int64Data;
    case "uint32":
    case "uint64":
      return proto.uint64Data;
    default:
      return proto.int32Data;
  }
}

function externalBytes(
  proto: TensorProto,
  name: string,
  bytes: number,
  external: ExternalData,
): () => Uint8Array {
  const fields = new Map(proto.externalData.map(({ key, value }) => [key, value]));
  const location = fields.get("location") ?? "";
  const problem = wrongLocation(location);
  if (problem !== undefined)
    refuse("bad-model", `tensor ${quote(name)} lies in ${quote(location)}, which ${problem}`);
  const offset = Number(fields.get("offset") ?? 0);
  const length = Number(fields.get("length") ?? bytes);
  if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length !== bytes)
    refuse(
      "bad-model",
      `tensor ${quote(name)} takes ${bytes} bytes, but lies at offset ${offset} of ${quote(location)} with length ${length}`,
    );
  const file = openExternal(location, name, external);
  if (offset + length > file.size)
    refuse(
      "bad-model",
      `tensor ${quote(name)} lies at bytes ${offset} to ${offset + length} of ${quote(location)}, which has ${file.size} bytes`,
    );
  external.slices.push({ location, offset, length, tensor: name });
  return () => file.read(offset, length);
}

function openExternal(location: string, name: string, external: ExternalData): DataFile {
  const known = external.files.get(location);
  if (known) return known;
  if (!external.open)
    refuse(
      "missing-data",
      `tensor ${quote(name)} lies in ${quote(location)}, and no way to open files was given`,
    );
  let file: DataFile;
  try {
    file = external.open(location);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    refuse(
      "cannot-read",
      `cannot read ${quote(location)}: ${why}`,
      "external data is looked for beside the model",
    );
  }
  external.files.set(location, file);
  return file;
}
