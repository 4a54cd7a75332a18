// Splits a model into its messages and the data of its tensors. The data stay in the file, and only their places are noted. So a large
// model takes little memory, and the size of the rest is estimated before it is decoded.

import type { DataFile } from "#import/data-file.js";

/** A part of the file, or bytes that were gathered from it. */
export interface Part {
  readonly begin: number;
  readonly length: number;
  readonly bytes?: readonly number[];
}

/** The data of one tensor, by the number of its field in `TensorProto`. Typed fields may have several parts. */
export type HeldData = ReadonlyMap<number, readonly Part[]>;

export interface SplitModel {
  /** The model without the data of its tensors: `raw_data` of each tensor holds, in four bytes, its index in `held`. */
  readonly skeleton: Uint8Array;
  readonly held: readonly HeldData[];
}

/** The fields of `TensorProto` that hold data, and the number of bytes of each of their elements (0 for a varint). */
export const dataFields = { float: 4, int32: 5, int64: 7, raw: 9, double: 10, uint64: 11 } as const;
const elementBytes: ReadonlyMap<number, number> = new Map([
  [dataFields.float, 4],
  [dataFields.int32, 0],
  [dataFields.int64, 0],
  [dataFields.raw, 1],
  [dataFields.double, 8],
  [dataFields.uint64, 0],
]);

/** How the fields of a message are treated: messages that contain tensors, fields that are dropped, and strings. */
interface Kind {
  readonly inner?: Readonly<Record<number, keyof typeof kinds>>;
  /** Documentation, metadata, and data that the importer infers itself. */
  readonly dropped: readonly number[];
  /** Names and bytes, which take about as much memory as in the file. All other fields may be lists of numbers, or messages. */
  readonly names: readonly number[];
  readonly bytes?: readonly number[];
}

const kinds = {
  model: { inner: { 7: "graph", 14: "entry", 25: "function" }, dropped: [6, 20], names: [2, 3, 4] },
  // Of the metadata, a key and its value.
  entry: { dropped: [], names: [], bytes: [1, 2] },
  graph: { inner: { 1: "node", 5: "tensor", 15: "sparse" }, dropped: [10, 14, 16], names: [2] },
  node: { inner: { 5: "attribute" }, dropped: [6, 9, 10], names: [1, 2, 3, 4, 7, 8] },
  attribute: {
    inner: { 5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse" },
    dropped: [13, 14, 15],
    names: [1, 21],
    bytes: [4, 9],
  },
  function: { inner: { 7: "node", 11: "attribute" }, dropped: [8, 12, 14], names: [1, 4, 5, 6, 10, 13] },
  sparse: { inner: { 1: "tensor", 2: "tensor" }, dropped: [], names: [] },
  tensor: { dropped: [6, 12, 16], names: [8] },
} as const satisfies Readonly<
  Record<string, Omit<Kind, "inner"> & { inner?: Readonly<Record<number, string>> }>
>;

/** The most memory for the messages of the skeleton, by the estimates below, which are upper bounds. */
const memoryLimit = 384 * 2 ** 20;
/** Bytes of an object: a `TensorProto` with its empty lists. */
const messageCost = 1024;
const fieldCost = 64;
const textCost = 2;
/** The longest name in bytes. V8's hash tables compare much longer names by length only, so that they all collide. */
const nameLimit = 4096;
/** An element of a list of integers can take one byte of the file, but becomes a bigint. */
const listCost = 40;

/** The longest entry of the metadata in bytes; longer ones, such as vocabularies, are dropped. */
const entryLimit = 2 ** 20;

/** The deepest nesting of messages; a graph in a graph takes three levels. */
const depthLimit = 64;

const windowBytes = 2 ** 20;

/** Splits a model or a tensor. Throws an `Error` that says what is wrong with the bytes, and where. */
export function splitModel(file: DataFile, kind: "model" | "tensor" = "model"): SplitModel {
  const held: HeldData[] = [];
  let cost = 0;
  let window: Uint8Array = new Uint8Array();
  let base = 0;

  const byteAt = (place: number): number => {
    if (place < base || place >= base + window.length) {
      window = file.read(place, Math.min(windowBytes, file.size - place));
      base = place;
    }
    return window[place - base] ?? 0;
  };
  const bytesAt = (begin: number, end: number): Uint8Array =>
    begin >= base && end <= base + window.length
      ? window.slice(begin - base, end - base)
      : file.read(begin, end - begin);
  const spend = (bytes: number): void => {
    cost += bytes;
    if (cost > memoryLimit)
      throw new Error(`without its weights it takes more than ${memoryLimit / 2 ** 20} MiB of memory`);
  };

  /** The varint at `begin`, and the place after it. */
  const varint = (begin: number, end: number): readonly [value: number, next: number] => {
    let [value, scale] = [0, 1];
    for (let place = begin; place < begin + 10; place += 1) {
      if (place >= end) throw new Error(`it ends early, at byte ${place}`);
      const byte = byteAt(place);
      value += (byte & 127) * scale;
      scale *= 128;
      if (byte < 128) return [value, place + 1];
    }
    throw new Error(`byte ${begin} does not begin a number`);
  };

  /** The place where the content of a field begins, and where the field ends. */
  const extentOf = (wire: number, begin: number, end: number): readonly [content: number, next: number] => {
    const [length, content] = wire === 2 ? varint(begin, end) : [wire === 1 ? 8 : wire === 5 ? 4 : 0, begin];
    if (wire === 0) return [begin, varint(begin, end)[1]];
    if (wire !== 1 && wire !== 2 && wire !== 5) throw new Error(`byte ${begin - 1} does not begin a field`);
    const next = content + length;
    if (next > end)
      throw new Error(
        `it ends early: a part from byte ${content} on has ${length} bytes, of which ${end - content} are there`,
      );
    return [content, next];
  };

  /** The message without the data of its tensors. */
  const split = (kind: keyof typeof kinds, begin: number, end: number, depth: number): Uint8Array => {
    if (depth > depthLimit) throw new Error(`more than ${depthLimit} messages are nested`);
    spend(messageCost);
    const { inner, dropped, names, bytes = [] }: Kind = kinds[kind];
    const pieces: Uint8Array[] = [];
    const data = new Map<number, Part[]>();
    // Fields that stay are copied in runs, because there may be millions of them.
    let run = begin;
    const endRun = (end: number, next: number): void => {
      if (end > run) pieces.push(bytesAt(run, end));
      run = next;
    };
    for (let place = begin; place < end;) {
      const [tag, value] = varint(place, end);
      const [field, wire] = [Math.floor(tag / 8), tag % 8];
      const [content, next] = extentOf(wire, value, end);
      const of = inner?.[field];
      if (kind === "tensor" && elementBytes.has(field)) {
        if (wire !== 2) spend(listCost * (next - content));
        note(data, field, wire, { begin: content, length: next - content }, () => bytesAt(content, next));
        endRun(place, next);
      } else if (of === "entry" && next - content > entryLimit) endRun(place, next);
      else if (of !== undefined && wire === 2) {
        endRun(place, next);
        const message = split(of, content, next, depth + 1);
        pieces.push(header(field, message.length), message);
      } else if (dropped.includes(field)) endRun(place, next);
      else {
        const isName = names.includes(field);
        if (isName && next - content > nameLimit)
          throw new Error(
            `the name at byte ${content} has ${next - content} bytes; at most ${nameLimit} are supported`,
          );
        const isText = isName || bytes.includes(field);
        spend(isText || wire !== 2 ? fieldCost : messageCost);
        spend((isText ? textCost : listCost) * (next - content));
      }
      place = next;
    }
    endRun(end, end);
    if (data.size > 0) {
      pieces.push(header(dataFields.raw, 4), new Uint8Array(Uint32Array.of(held.length).buffer));
      held.push(data);
    }
    return joined(pieces);
  };
  return { skeleton: split(kind, 0, file.size, 0), held };
}

/** Notes a part of a tensor's data. Of several `raw_data` fields the last counts; elements in separate fields are gathered. */
function note(
  data: Map<number, Part[]>,
  field: number,
  wire: number,
  part: Part,
  bytes: () => Uint8Array,
): void {
  const parts = field === dataFields.raw ? [] : (data.get(field) ?? []);
  data.set(field, parts);
  if (wire === 2) {
    parts.push(part);
    return;
  }
  const wanted = elementBytes.get(field);
  if (wanted === 1 || (wanted !== 0 && wanted !== part.length))
    throw new Error(`a tensor's data at byte ${part.begin} do not have the type of their field`);
  const last = parts.at(-1)?.bytes as number[] | undefined;
  const own = last ?? [];
  for (const byte of bytes()) own.push(byte);
  if (last) parts.pop();
  parts.push({ begin: 0, length: own.length, bytes: own });
}

/** The tag and length of a field of bytes. */
function header(field: number, length: number): Uint8Array {
  const bytes: number[] = [];
  for (let rest of [field * 8 + 2, length]) {
    while (rest >= 128) {
      bytes.push((rest % 128) + 128);
      rest = Math.floor(rest / 128);
    }
    bytes.push(rest);
  }
  return Uint8Array.from(bytes);
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const [only] = pieces;
  if (only && pieces.length === 1) return only;
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
