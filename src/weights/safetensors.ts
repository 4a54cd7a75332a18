// The safetensors format: an 8-byte header length, a JSON header, and the tensors' bytes one after another.
// https://github.com/huggingface/safetensors#format

import { expectArgument, expectText } from "#diagnostic/argument.js";
import type { Diagnostic, Result } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import type { WeightFile } from "#ir/weights.js";
import { halfToFloat } from "./half.js";

/** A tensor of the header; offsets are in bytes from the start of the file. */
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

/** Largest header in bytes, as in the reference implementation. */
const largestHeader = 100_000_000;

/** Most messages about one file; a file of another format may have errors everywhere. */
const messageLimit = 10;

/** Bytes per element of the types that can be read. */
const readable: ReadonlyMap<string, number> = new Map([
  ["F32", 4],
  ["F16", 2],
  ["BF16", 2],
  ["I32", 4],
  ["I16", 2],
  ["I8", 1],
  ["U8", 1],
]);

/** Bytes per element of all types whose elements are whole bytes. The sizes of newer types are not checked. */
const sizes: ReadonlyMap<string, number> = new Map([
  ...readable,
  ["F64", 8],
  ["I64", 8],
  ["U64", 8],
  ["C64", 8],
  ["U32", 4],
  ["U16", 2],
  ["BOOL", 1],
  ["F8_E5M2", 1],
  ["F8_E4M3", 1],
]);

const [quotationMark, backslash, openBracket, closeBracket, openBrace, closeBrace] = [
  0x22, 0x5c, 0x5b, 0x5d, 0x7b, 0x7d,
] as const;

/** Opens a file in memory, such as one that a browser fetched; entries are views of the bytes if they are aligned. */
export function openWeightBytes(bytes: Uint8Array, file: string): Result<WeightFile> {
  expectArgument("openWeightBytes", "the bytes of a safetensors file", bytes, bytes instanceof Uint8Array);
  expectText("openWeightBytes", "the file's name", file);
  const length = headerLength(bytes.subarray(0, 8), bytes.length, file);
  if (length.value === undefined) return { diagnostics: length.diagnostics };
  const header = parseHeader(bytes.subarray(8, 8 + length.value), bytes.length, file);
  if (!header.value) return { diagnostics: header.diagnostics };
  return {
    value: weightFile(header.value, file, ({ begin, end }) => bytes.subarray(begin, end)),
    diagnostics: [],
  };
}

/** A weight file that reads slices on demand with `read`, which may use the memory that it gets. */
export function weightFile(
  header: SafetensorsHeader,
  file: string,
  read: (slice: TensorSlice, key: string, into?: Uint8Array) => Uint8Array,
): WeightFile {
  const tensors = [...header.tensors];
  const entries = tensors.filter(([, { dtype }]) => readable.has(dtype));
  const others = tensors.filter(([, { dtype }]) => !readable.has(dtype));
  return {
    file,
    entries: new Map(
      entries.map(([key, slice]) => {
        const { dtype, shape, begin, end } = slice;
        const readInto = (into?: Float32Array): Float32Array => {
          // Halves need separate memory, since their f32 values are longer.
          const room = dtype === "F32" && into ? bytesIn(into, end - begin) : undefined;
          return decode(dtype, read(slice, key, room), into);
        };
        const halves = (into?: Float32Array): Float32Array => halfCodes(read(slice, key), into);
        const form = { codes: "float16", scale: 1, min: 0, read: halves } as const;
        const rounded = (): number | undefined => firstRounded(read(slice, key));
        return [
          key,
          {
            shape,
            dtype,
            read: readInto,
            ...(dtype === "F16" && { form }),
            ...(dtype === "I32" && { rounded }),
          },
        ] as const;
      }),
    ),
    unreadable: new Map(others.map(([key, { dtype }]) => [key, dtype] as const)),
  };
}

/** The length of the header, from the first 8 bytes. It must not exceed `fileLength`, in bytes. */
export function headerLength(start: Uint8Array, fileLength: number, file: string): Result<number> {
  if (start.length < 8 || fileLength < 8)
    return wrong(file, `the file has ${bytesOf(fileLength)}, too few for a safetensors header`);
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  const length = Number(view.getBigUint64(0, true));
  if (length > fileLength - 8) {
    const left = fileLength - 8;
    return wrong(file, `the file claims a header of ${bytesOf(length)}, but only ${left} follow`);
  }
  if (length > largestHeader) {
    return wrong(file, `the file has a header of ${bytesOf(length)}; the limit is ${bytesOf(largestHeader)}`);
  }
  return { value: length, diagnostics: [] };
}

/**
 * The header from its JSON bytes, checked by the rules of the format: no repeated key, every slice in the file and of the size of
 * its shape, the slices without overlap or hole up to the end of the file. `fileLength` is in bytes.
 */
export function parseHeader(header: Uint8Array, fileLength: number, file: string): Result<SafetensorsHeader> {
  const parsed = parseJson(header);
  if ("problem" in parsed) return wrong(file, `the file has a header that ${parsed.problem}`);
  const tensors = new Map<string, TensorSlice>();
  const metadata = new Map<string, string>();
  const diagnostics: Diagnostic[] = [];
  const dataStart = 8 + header.length;
  const dataLength = fileLength - dataStart;
  for (const [name, entry] of Object.entries(parsed.json)) {
    if (diagnostics.length >= messageLimit) break;
    if (name === "__metadata__") {
      const problem = readMetadata(entry, metadata);
      if (problem !== undefined) diagnostics.push(lie(file, `__metadata__ ${problem}`));
      continue;
    }
    const slice = parseSlice(entry, dataLength);
    if (typeof slice === "string") diagnostics.push(lie(file, `tensor ${quote(name)} ${slice}`));
    else tensors.set(name, slice);
  }
  // If a slice is wrong, holes are only a consequence.
  if (diagnostics.length === 0)
    for (const one of layoutProblems(tensors, dataLength, file)) diagnostics.push(one);
  if (diagnostics.length > 0) return { diagnostics: withHelp(diagnostics.slice(0, messageLimit)) };
  const inFile = [...tensors].map(
    ([name, slice]) =>
      [name, { ...slice, begin: slice.begin + dataStart, end: slice.end + dataStart }] as const,
  );
  return { value: { tensors: new Map(inFile), metadata }, diagnostics };
}

/**
 * The elements of a slice, stored in little-endian order, as f32; in `into` if they are converted. Integers beyond 2²⁴ are rounded. Throws
 * `RangeError` for a type that cannot be read.
 */
export function decode(dtype: string, bytes: Uint8Array, into?: Float32Array): Float32Array {
  const count = bytes.byteLength / (readable.get(dtype) ?? Number.NaN);
  if (!Number.isInteger(count)) throw new RangeError(`cannot read ${bytes.byteLength} bytes as ${dtype}`);
  if (dtype === "F32") {
    // A copy is needed only if the bytes are not aligned. (`slice` of a Node Buffer does not copy.)
    const aligned = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes);
    return new Float32Array(aligned.buffer, aligned.byteOffset, count);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = into ? into.subarray(0, count) : new Float32Array(count);
  const get = elementReaders[dtype];
  if (get) {
    const size = bytes.byteLength / count;
    for (let at = 0; at < count; at += 1) values[at] = get(view, size * at);
    return values;
  }
  // A bfloat16 is the upper half of a float32.
  const bits = new Uint32Array(values.buffer, values.byteOffset, count);
  for (let at = 0; at < count; at += 1) bits[at] = view.getUint16(2 * at, true) << 16;
  return values;
}

/** The first integer of 32 bits that f32 does not hold. */
function firstRounded(bytes: Uint8Array): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.byteLength; at += 4) {
    const value = view.getInt32(at, true);
    if (Math.fround(value) !== value) return value;
  }
  return undefined;
}

/** The 16 bits of halves as numbers, in `into` or in a new array. */
function halfCodes(bytes: Uint8Array, into?: Float32Array): Float32Array {
  const count = bytes.byteLength / 2;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const codes = into && into.length >= count ? into.subarray(0, count) : new Float32Array(count);
  for (let at = 0; at < count; at += 1) codes[at] = view.getUint16(2 * at, true);
  return codes;
}

const elementReaders: Readonly<Record<string, (view: DataView, at: number) => number>> = {
  F16: (view, at) => halfToFloat(view.getUint16(at, true)),
  I32: (view, at) => view.getInt32(at, true),
  I16: (view, at) => view.getInt16(at, true),
  I8: (view, at) => view.getInt8(at),
  U8: (view, at) => view.getUint8(at),
};

function bytesIn(memory: Float32Array, length: number): Uint8Array {
  return new Uint8Array(memory.buffer, memory.byteOffset, length);
}

function parseJson(header: Uint8Array): { readonly json: object } | { readonly problem: string } {
  // The format requires this, to distinguish it from other kinds of files.
  if (header[0] !== openBrace) return { problem: "does not begin with `{`" };
  if (isDeep(header)) return { problem: "is nested too deep" };
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(header);
  } catch {
    return { problem: "is not UTF-8" };
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { problem: "is not JSON" };
  }
  if (!isRecord(json)) return { problem: "is not a JSON object" };
  const repeated = repeatedKey(text);
  return repeated === undefined ? { json } : { problem: `has ${quote(repeated)} twice` };
}

/** Deepest nesting of a header; the format itself has 3 levels. */
const deepest = 32;

/** Whether brackets nest too deep. 40 million of them would take a parser gigabytes; this takes nothing. */
function isDeep(json: Uint8Array): boolean {
  let depth = 0;
  let isText = false;
  for (let at = 0; at < json.length; at += 1) {
    const byte = json[at];
    if (isText) {
      if (byte === backslash) at += 1;
      else if (byte === quotationMark) isText = false;
    } else if (byte === quotationMark) isText = true;
    else if (byte === openBracket || byte === openBrace) depth += 1;
    else if (byte === closeBracket || byte === closeBrace) depth -= 1;
    if (depth > deepest) return true;
  }
  return false;
}

/** A key that an object of a valid JSON text has twice; `JSON.parse` would silently take the last value. */
function repeatedKey(text: string): string | undefined {
  const open: Set<string>[] = [];
  let at = 0;
  while (at < text.length) {
    const character = text[at];
    at += 1;
    if (character === "{") open.push(new Set());
    else if (character === "}") open.pop();
    else if (character === '"') {
      const start = at - 1;
      while (text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
      at += 1;
      let next = at;
      while (" \t\r\n".includes(text[next] ?? "x")) next += 1;
      if (text[next] !== ":") continue;
      const key = JSON.parse(text.slice(start, at)) as string;
      const keys = open.at(-1);
      if (keys?.has(key)) return key;
      keys?.add(key);
    }
  }
  return undefined;
}

/** Fills `metadata`, or returns the problem with it. */
function readMetadata(entry: unknown, metadata: Map<string, string>): string | undefined {
  if (!isRecord(entry)) return "is not a JSON object";
  for (const [key, value] of Object.entries(entry)) {
    if (typeof value !== "string") return `has ${quote(key)}, which is not text`;
    metadata.set(key, value);
  }
  return undefined;
}

/** A slice, with offsets from the start of the data, or the problem with it. */
function parseSlice(entry: unknown, dataLength: number): TensorSlice | string {
  if (!isRecord(entry)) return "is not a JSON object";
  const { dtype, shape, data_offsets: offsets } = entry;
  if (typeof dtype !== "string") return "has no dtype";
  if (!isCounts(shape)) return "has no shape that is a list of whole numbers";
  if (!isCounts(offsets) || offsets.length !== 2) return "has no data_offsets, a list of two whole numbers";
  const [begin = 0, end = 0] = offsets;
  if (begin > end) return `ends at byte ${end}, before it begins at ${begin}`;
  if (end > dataLength) return `is at bytes ${begin} to ${end}, but the file has ${dataLength} bytes of data`;
  const size = sizes.get(dtype);
  if (size === undefined) return { dtype, shape, begin, end };
  // The product of huge extents may be inexact or ∞, which is unequal anyway. The test for 0 avoids ∞ · 0, which is NaN.
  const bytes = shape.includes(0) ? 0 : shape.reduce((product, extent) => product * extent, size);
  if (bytes !== end - begin)
    return `has shape [${shape.join(", ")}] of ${bytesOf(bytes)}, but ${bytesOf(end - begin)} of data`;
  return { dtype, shape, begin, end };
}

/** Overlaps and holes; offsets from the start of the data. */
function layoutProblems(
  tensors: ReadonlyMap<string, TensorSlice>,
  dataLength: number,
  file: string,
): Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  const order = [...tensors].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  let end = 0;
  let last = "";
  for (const [name, slice] of order) {
    if (slice.begin < end) diagnostics.push(lie(file, `tensors ${quote(last)} and ${quote(name)} overlap`));
    const hole = bytesOf(slice.begin - end);
    if (slice.begin > end)
      diagnostics.push(lie(file, `the file has a hole of ${hole} before tensor ${quote(name)}`));
    if (slice.end >= end) last = name;
    end = Math.max(end, slice.end);
  }
  if (end < dataLength)
    diagnostics.push(lie(file, `the file has ${bytesOf(dataLength - end)} after its last tensor`));
  return diagnostics;
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
  return { diagnostics: withHelp([lie(file, message)]) };
}

function lie(file: string, message: string): Diagnostic {
  return error("bad-weights", `${file}: ${message}`);
}

/** Adds help to the last diagnostic only. */
function withHelp(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  const help = ["is it a safetensors file, and complete? Copy or export it again"];
  return diagnostics.map((one, index) => (index === diagnostics.length - 1 ? { ...one, help } : one));
}

/** A name of the file, for a message: shortened, and without characters that affect a terminal. */
function quote(name: string): string {
  const cut = name.length > 100 ? `${name.slice(0, 100)}…` : name;
  return `\`${cut.replaceAll(/\p{C}/gu, "\uFFFD")}\``;
}

function bytesOf(count: number): string {
  return count === 1 ? "1 byte" : `${count} bytes`;
}
