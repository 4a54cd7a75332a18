// The safetensors format: an 8-byte header length, a JSON header, and the tensors' bytes one after another.
// https://github.com/huggingface/safetensors#format

import type { Diagnostic, Result } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";

/** A tensor as the header describes it; offsets in bytes from the start of the file. */
export interface TensorSlice {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  readonly tensors: ReadonlyMap<string, TensorSlice>;
  readonly metadata: ReadonlyMap<string, string>;
}

/** Headers above this are refused, as the reference implementation does. */
const largestHeader = 100_000_000;

/** Bytes per element of the types that we read; other types are listed but cannot be used. */
const readable: Readonly<Record<string, number>> = { F32: 4, F16: 2, BF16: 2 };

const sizes: Readonly<Record<string, number>> = {
  ...readable,
  F64: 8,
  I64: 8,
  U64: 8,
  I32: 4,
  U32: 4,
  I16: 2,
  U16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
};

/** How long the header is, from the first 8 bytes; the file's length in bytes bounds it. */
export function headerLength(start: Uint8Array, fileLength: number, file: string): Result<number> {
  if (start.length < 8 || fileLength < 8) return wrong(file, `has ${fileLength} bytes, too few for a header`);
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  const length = view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32;
  if (length > largestHeader || length + 8 > fileLength) {
    return wrong(file, `claims a header of ${length} bytes, but the file has ${fileLength}`);
  }
  return { value: length, diagnostics: [] };
}

/** The header, checked: every slice lies in the file, has the size of its shape and overlaps no other. */
export function parseHeader(header: Uint8Array, fileLength: number, file: string): Result<SafetensorsHeader> {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(header));
  } catch {
    return wrong(file, "has a header that is not JSON");
  }
  if (!isRecord(json)) return wrong(file, "has a header that is no JSON object");
  const tensors = new Map<string, TensorSlice>();
  const metadata = new Map<string, string>();
  const diagnostics: Diagnostic[] = [];
  const dataLength = fileLength - 8 - header.length;
  for (const [name, entry] of Object.entries(json)) {
    if (name === "__metadata__") {
      if (isRecord(entry)) for (const [key, value] of Object.entries(entry)) metadata.set(key, String(value));
      continue;
    }
    const slice = parseSlice(entry, 8 + header.length, dataLength);
    if (typeof slice === "string") diagnostics.push(lie(file, `tensor \`${name.slice(0, 200)}\` ${slice}`));
    else tensors.set(name, slice);
    if (diagnostics.length >= 10) return { diagnostics };
  }
  const order = [...tensors].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  for (const [index, [name, slice]] of order.entries()) {
    const next = order[index + 1];
    if (next && next[1].begin < slice.end)
      diagnostics.push(lie(file, `tensors \`${name}\` and \`${next[0]}\` overlap`));
  }
  return diagnostics.length > 0 ? { diagnostics } : { value: { tensors, metadata }, diagnostics };
}

/** Whether values of this type can be read. */
export function isReadable(dtype: string): boolean {
  return Object.hasOwn(readable, dtype);
}

/** Elements of a slice's bytes, little-endian, as f32. Throws `RangeError` for a type that cannot be read. */
export function decode(dtype: string, bytes: Uint8Array): Float32Array {
  const count = bytes.byteLength / (readable[dtype] ?? Number.NaN);
  if (!Number.isInteger(count)) throw new RangeError(`cannot read ${bytes.byteLength} bytes as ${dtype}`);
  if (dtype === "F32") {
    // A copy is needed only if the bytes are not aligned.
    if (bytes.byteOffset % 4 === 0) return new Float32Array(bytes.buffer, bytes.byteOffset, count);
    return new Float32Array(bytes.slice().buffer);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = new Float32Array(count);
  if (dtype === "F16")
    for (let at = 0; at < count; at += 1) values[at] = halfToFloat(view.getUint16(2 * at, true));
  else {
    const bits = new Uint32Array(values.buffer);
    for (let at = 0; at < count; at += 1) bits[at] = view.getUint16(2 * at, true) << 16;
  }
  return values;
}

/** A tensor to write. */
export interface TensorToWrite {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: "F32" | "F16";
  /** Called when its turn comes, so that not all values have to be in memory. */
  readonly values: () => Float32Array;
}

/** The file in pieces, in order: the header first, then one piece a tensor. The data begins at a multiple of 8 bytes. */
export function* writeSafetensors(
  tensors: readonly TensorToWrite[],
  metadata: Readonly<Record<string, string>> = {},
): Generator<Uint8Array> {
  const entries: [string, unknown][] = Object.keys(metadata).length > 0 ? [["__metadata__", metadata]] : [];
  let at = 0;
  for (const { name, shape, dtype } of tensors) {
    const size = shape.reduce((product, extent) => product * extent, readable[dtype] ?? 4);
    entries.push([name, { dtype, shape, data_offsets: [at, at + size] }]);
    at += size;
  }
  const text = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const padded = Math.ceil(text.length / 8) * 8;
  const head = new Uint8Array(8 + padded).fill(0x20);
  const view = new DataView(head.buffer);
  view.setUint32(0, padded, true);
  view.setUint32(4, 0, true);
  head.set(text, 8);
  yield head;
  for (const { dtype, values } of tensors) {
    const data = values();
    yield dtype === "F32"
      ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
      : floatsToHalves(data);
  }
}

function parseSlice(entry: unknown, dataStart: number, dataLength: number): TensorSlice | string {
  if (!isRecord(entry)) return "is no JSON object";
  const { dtype, shape, data_offsets: offsets } = entry;
  if (typeof dtype !== "string") return "has no dtype";
  const size = Object.hasOwn(sizes, dtype) ? sizes[dtype] : undefined;
  if (size === undefined) return `has the unknown dtype ${dtype.slice(0, 20)}`;
  if (!isCounts(shape)) return "has a shape that is no list of whole numbers";
  if (!isCounts(offsets) || offsets.length !== 2) return "has no data_offsets";
  const [begin = 0, end = 0] = offsets;
  if (begin > end || end > dataLength)
    return `lies at bytes ${begin} to ${end}, but the file has ${dataLength} bytes of data: is it cut off?`;
  const bytes = shape.reduce((product, extent) => product * extent, size);
  if (bytes !== end - begin)
    return `has shape [${shape.join(", ")}] of ${bytes} bytes, but ${end - begin} bytes of data`;
  return { dtype, shape, begin: dataStart + begin, end: dataStart + end };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCounts(value: unknown): value is readonly number[] {
  return (
    Array.isArray(value) && value.length <= 32 && value.every((one) => Number.isSafeInteger(one) && one >= 0)
  );
}

function wrong<T>(file: string, message: string): Result<T> {
  return { diagnostics: [lie(file, message)] };
}

function lie(file: string, message: string): Diagnostic {
  return error("bad-weights", `${file}: ${message.startsWith("tensor") ? message : `the file ${message}`}`, {
    help: ["is it a safetensors file, and complete? Copy or download it again"],
  });
}

/** IEEE 754 binary16 to a number. */
function halfToFloat(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Numbers to binary16, to the nearest, ties to even. */
function floatsToHalves(values: Float32Array): Uint8Array {
  const halves = new Uint16Array(values.length);
  for (const [index, value] of values.entries()) halves[index] = floatToHalf(value);
  return new Uint8Array(halves.buffer);
}

function floatToHalf(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (Number.isNaN(value)) return 0x7e00;
  if (size >= 65_520) return sign | 0x7c00;
  // The step of binary16 at this size; subnormal below 2⁻¹⁴.
  const exponent = Math.max(-14, Math.floor(Math.log2(size || 1e-30)));
  const steps = size / 2 ** (exponent - 10);
  const floor = Math.floor(steps);
  const rest = steps - floor;
  const rounded = rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
  // A carry out of the fraction runs into the exponent, which is just what it should do.
  return sign | (rounded < 1024 ? rounded : ((exponent + 14) << 10) + rounded);
}
