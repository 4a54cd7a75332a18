// Tensors of an ONNX file: typed, raw and external data, which are read when they are needed.

import type { ElementType } from "#import/element-type.js";
import { quote, refuse } from "#import/refusal.js";
import type { DataFile, OpenData } from "#import/data-file.js";
import { wrongLocation } from "#import/data-file.js";
import type { FileTensor, ReadBytes } from "#import/file-tensor.js";
import { countOf, rawReaders } from "#import/file-tensor.js";
import { elementTypes, typeName } from "./element-type.js";
import type { HeldData } from "./split-model.js";
import { dataFields } from "./split-model.js";
import { partReader, varintReaders } from "./typed-data.js";
import type { TensorProto } from "#onnx/proto/onnx_pb.js";
import { TensorProto_DataLocation } from "#onnx/proto/onnx_pb.js";

/** A part of a file with external data. */
export interface ExternalSlice {
  readonly location: string;
  readonly offset: number;
  readonly length: number;
  readonly tensor: string;
}

/** The sources of tensor data, and the parts of external data used so far. */
export interface TensorData {
  readonly file: DataFile;
  readonly held: readonly HeldData[];
  readonly open: OpenData | undefined;
  readonly files: Map<string, DataFile>;
  readonly slices: ExternalSlice[];
}

/** The type and shape of a tensor, checked against the size of its data, which are not read yet. Refuses a tensor that is wrong. */
export function fileTensor(proto: TensorProto, name: string, source: TensorData): FileTensor {
  const type = elementTypes.get(proto.dataType);
  if (!type)
    refuse(
      "unsupported-type",
      `tensor ${quote(name)} holds ${typeName(proto.dataType)}, which is not supported`,
    );
  const shape = proto.dims.map(Number);
  const count = countOf(name, shape);
  if (proto.segment)
    refuse("bad-model", `tensor ${quote(name)} is stored in segments, which is not supported`);

  if (proto.dataLocation === TensorProto_DataLocation.EXTERNAL) {
    const { file, offset } = externalData(proto, name, count * type.size, source);
    const read: ReadBytes = (at, length, into) => file.read(offset + at, length, into);
    return { name, type, shape, ...rawReaders(read, count, type) };
  }
  const held = heldBy(proto, source);
  const raw = held?.get(dataFields.raw) ?? [];
  const field = dataFields[typedField(type)];
  const typed = held?.get(field) ?? [];
  const isTyped = (raw[0]?.length ?? 0) === 0 && typed.length > 0;
  const { size, read } = partReader(isTyped ? typed : raw, source.file);
  const isVarints = isTyped && field !== dataFields.float && field !== dataFields.double;
  if (!isVarints) {
    if (size !== count * type.size)
      refuse(
        "bad-model",
        `tensor ${quote(name)} ${type.name}[${shape.join(", ")}] takes ${count * type.size} bytes, but has ${size}`,
      );
    return { name, type, shape, ...rawReaders(read, count, type) };
  }
  const varints = varintReaders(read, size, count, type);
  if (varints.found !== count)
    refuse(
      "bad-model",
      `tensor ${quote(name)} ${type.name}[${shape.join(", ")}] has ${varints.found} values instead of ${count}`,
    );
  return { name, type, shape, ...varints };
}

/** The data that stayed in the file; `raw_data` of the skeleton holds their index. */
function heldBy({ rawData }: TensorProto, { held }: TensorData): HeldData | undefined {
  if (rawData.length !== 4) return undefined;
  return held[new DataView(rawData.buffer, rawData.byteOffset).getUint32(0, true)];
}

/** Refuses slices of external data that overlap without being equal: two weights do not share a part of their bytes. */
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

/** The typed field that holds values of a type. */
function typedField(type: ElementType): keyof typeof dataFields {
  switch (type.name) {
    case "float32":
      return "float";
    case "float64":
      return "double";
    case "int64":
      return "int64";
    case "uint32":
    case "uint64":
      return "uint64";
    default:
      return "int32";
  }
}

function externalData(
  proto: TensorProto,
  name: string,
  bytes: number,
  external: TensorData,
): { readonly file: DataFile; readonly offset: number } {
  const fields = new Map(proto.externalData.map(({ key, value }) => [key, value]));
  const location = fields.get("location") ?? "";
  const problem = wrongLocation(location);
  if (problem !== undefined)
    refuse("bad-model", `tensor ${quote(name)} is stored in ${quote(location)}, which ${problem}`);
  const [offset, length] = [
    wholeOf(fields.get("offset") || "0"),
    wholeOf(fields.get("length") || `${bytes}`),
  ];
  if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length !== bytes)
    refuse(
      "bad-model",
      `tensor ${quote(name)} takes ${bytes} bytes, but is stored at offset ${offset} of ${quote(location)} with length ${length}`,
    );
  const file = openExternal(location, name, external);
  if (offset + length > file.size)
    refuse(
      "bad-model",
      `tensor ${quote(name)} is stored in bytes ${offset} to ${offset + length} of ${quote(location)}, which has ${file.size} bytes`,
    );
  external.slices.push({ location, offset, length, tensor: name });
  return { file, offset };
}

/** A number written only in digits. */
function wholeOf(text: string): number {
  return /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
}

function openExternal(location: string, name: string, external: TensorData): DataFile {
  const known = external.files.get(location);
  if (known) return known;
  if (!external.open)
    refuse(
      "missing-data",
      `tensor ${quote(name)} is stored in ${quote(location)}, but the caller gave no function to open files`,
    );
  let file: DataFile;
  try {
    file = external.open(location);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    refuse(
      "cannot-read",
      `cannot read ${quote(location)}: ${why}`,
      "external data must be in the folder of the model",
    );
  }
  external.files.set(location, file);
  return file;
}
