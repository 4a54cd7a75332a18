// A model without what its tensors hold: their data stay in the file, and are noted by their places. So a large model takes little
// memory, and what is decoded is counted first.

import type { DataFile } from "#import/data-file.js";

/** A part of the file, or bytes that were gathered from it. */
export interface Part {
  readonly begin: number;
  readonly length: number;
  readonly bytes?: readonly number[];
}

/** The data of one tensor by the number of its field in `TensorProto`. Typed fields may come in several parts. */
export type HeldData = ReadonlyMap<number, readonly Part[]>;

export interface SplitModel {
  /** The message whose tensors have in `raw_data` where their data stand in `held`, in four bytes. */
  readonly skeleton: Uint8Array;
  readonly held: readonly HeldData[];
}

/** Fields of `TensorProto`: those that hold data, and the bytes of each of their elements (0 for a varint). */
export const dataFields = { float: 4, int32: 5, int64: 7, raw: 9, double: 10, uint64: 11 } as const;
const elementBytes: ReadonlyMap<number, number> = new Map([
  [dataFields.float, 4],
  [dataFields.int32, 0],
  [dataFields.int64, 0],
  [dataFields.raw, 1],
  [dataFields.double, 8],
  [dataFields.uint64, 0],
]);

/** What becomes of the fields of a message: those that are messages with tensors in them, those that are left out, and texts. */
interface Kind {
  readonly inner?: Readonly<Record<number, keyof typeof kinds>>;
  /** Documentation, metadata and what the importer works out by itself. */
  readonly dropped: readonly number[];
  /** Names, and bytes: they take about as much memory as in the file; all others may be lists of numbers or messages. */
  readonly names: readonly number[];
  readonly bytes?: readonly number[];
}

const kinds = {
  model: { inner: { 7: "graph", 25: "function" }, dropped: [6, 14, 20], names: [2, 3, 4] },
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

/** Most memory that the skeleton's messages may take, by the estimates below, which are high. */
const memoryLimit = 384 * 2 ** 20;
/** Bytes of an object: a `TensorProto` with its empty lists. */
const messageCost = 1024;
const fieldCost = 64;
const textCost = 2;
/** Longest name in bytes. Of much longer ones V8's hash tables look at the lengths alone, so that they all collide. */
const nameLimit = 4096;
/** An element of a list of integers may take one byte of the file, and is a bigint. */
const listCost = 40;

/** Most messages inside of each other; a graph in a graph takes three. */
const depthLimit = 64;

const windowBytes = 2 ** 20;

/** Takes a model or a tensor apart. Throws an `Error` that says what is wrong with the bytes and where. */
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

  /** The varint from a place on, and the place behind it. */
  const varint = (begin: number, end: number): readonly [value: number, next: number] => {
    let [value, scale] = [0, 1];
    for (let place = begin; place < begin + 10; place += 1) {
      if (place >= end) throw new Error(`it is cut off at byte ${place}`);
      const byte = byteAt(place);
      value += (byte & 127) * scale;
      scale *= 128;
      if (byte < 128) return [value, place + 1];
    }
    throw new Error(`there is no number at byte ${begin}`);
  };

  /** Where the value of a field ends, and where what it holds begins. */
  const extentOf = (wire: number, begin: number, end: number): readonly [content: number, next: number] => {
    const [length, content] = wire === 2 ? varint(begin, end) : [wire === 1 ? 8 : wire === 5 ? 4 : 0, begin];
    if (wire === 0) return [begin, varint(begin, end)[1]];
    if (wire !== 1 && wire !== 2 && wire !== 5) throw new Error(`there is no field at byte ${begin - 1}`);
    const next = content + length;
    if (next > end)
      throw new Error(
        `it is cut off: a part from byte ${content} on has ${length} bytes, and there are ${end - content}`,
      );
    return [content, next];
  };

  /** The message with its tensors' data left out. */
  const split = (kind: keyof typeof kinds, begin: number, end: number, depth: number): Uint8Array => {
    if (depth > depthLimit) throw new Error(`more than ${depthLimit} messages lie inside of each other`);
    spend(messageCost);
    const { inner, dropped, names, bytes = [] }: Kind = kinds[kind];
    const pieces: Uint8Array[] = [];
    const data = new Map<number, Part[]>();
    // Fields that stay are copied in runs: there may be millions of them.
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
      } else if (of !== undefined && wire === 2) {
        endRun(place, next);
        const message = split(of, content, next, depth + 1);
        pieces.push(header(field, message.length), message);
      } else if (dropped.includes(field)) endRun(place, next);
      else {
        const isName = names.includes(field);
        if (isName && next - content > nameLimit)
          throw new Error(
            `the name at byte ${content} has ${next - content} bytes, and ${nameLimit} are the most`,
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

/** Notes a part of a tensor's data. Of raw data the last one counts; elements that come one by one are gathered. */
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
    throw new Error(`a tensor's data at byte ${part.begin} are of another kind than its field`);
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
