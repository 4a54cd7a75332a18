// Reads the packed weights piece by piece to where they are used: from given bytes, a URL, or base64 text in the
// module.

import { addToHash, endHash, hashBytes, startHash } from "./hash.js";
import type { Model, WeightsSource } from "./types.js";

/** The parts of a model that are read here. */
type Weighted = Pick<Model, "name" | "weights">;

/** The packed weights as f32. Given bytes are used without a copy if their alignment allows it. */
export async function findWeights(
  model: Weighted,
  base: string,
  source: WeightsSource | undefined,
  embedded: string | undefined,
): Promise<Float32Array> {
  const given = bytesOf(source);
  const range = given && dataRange(model, given, givenBytes);
  if (given && range && range.end <= given.length && (given.byteOffset + range.start) % 4 === 0) {
    const data = given.subarray(range.start, range.end);
    checkHash(model, data, givenBytes);
    return new Float32Array(data.buffer, data.byteOffset, model.weights.elements);
  }
  const weights = new Float32Array(model.weights.elements);
  await readWeights(model, base, source, embedded, [{ bytes: new Uint8Array(weights.buffer) }]);
  return weights;
}

/** Where a part of the weights is read to, and what is done with it; then the next part may take its place. */
export interface Room {
  readonly bytes: Uint8Array;
  readonly then?: () => Promise<void>;
}

/** The last of the weights, which only the setup reads: elements, and how many of its last launches read each. */
export type Staged = readonly (readonly [elements: number, launches: number])[];

/** Elements of the weights that stay. */
export function residentElements({ weights }: Weighted, staged: Staged): number {
  return weights.elements - staged.reduce((sum, [elements]) => sum + elements, 0);
}

/**
 * Rooms for the weights that stay, and then for each weight that only the setup reads, for which `stage` gives a place.
 * When a room is full, `prepare` runs the setup's launches that read it; `launches` is the number of all its launches.
 */
export function roomsOf(
  staged: Staged,
  launches: number,
  resident: Uint8Array,
  stage: (elements: number) => Uint8Array,
  prepare: (from: number, to: number) => Promise<void>,
): Room[] {
  let next = launches - staged.reduce((sum, [, count]) => sum + count, 0);
  const first = next;
  return [
    { bytes: resident, then: () => prepare(0, first) },
    ...staged.map(([elements, count]): Room => {
      const from = next;
      next += count;
      return { bytes: stage(elements), then: () => prepare(from, from + count) };
    }),
  ];
}

/** Reads the packed weights into rooms, in order, and checks their size and hash. `base` is the module's URL. */
export async function readWeights(
  model: Weighted,
  base: string,
  source: WeightsSource | undefined,
  embedded: string | undefined,
  rooms: readonly Room[],
): Promise<void> {
  if (source === undefined && embedded !== undefined) {
    const filling = createFilling(model, "embedded", rooms);
    for (const piece of base64Pieces(embedded)) await filling.put(piece);
    return filling.end();
  }
  if (source === undefined && model.weights.elements === 0) return;
  if (source === undefined || typeof source === "string" || source instanceof URL) {
    const url = urlOf(model, source, base);
    const intake = createIntake(model, url.href, rooms);
    for await (const piece of piecesOf(model, url)) await intake.take(piece);
    return intake.end();
  }
  const bytes = bytesOf(source);
  if (!bytes) {
    throw new TypeError(`${model.name}: weights must be a URL, an ArrayBuffer or a Uint8Array`);
  }
  const intake = createIntake(model, givenBytes, rooms);
  await intake.take(bytes);
  return intake.end();
}

const givenBytes = "the weights given";

function urlOf(model: Weighted, source: string | URL | undefined, base: string): URL {
  try {
    return new URL(source ?? encodeURIComponent(model.weights.file), base);
  } catch {
    throw new Error(
      `${model.name}: cannot find ${source ?? model.weights.file} from ${base.slice(0, 60)}; pass load({ weights }) as bytes or a full URL`,
    );
  }
}

/** Bytes of another realm too, where `instanceof` fails. */
function bytesOf(source: unknown): Uint8Array | undefined {
  if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  const tag = Object.prototype.toString.call(source);
  if (tag === "[object ArrayBuffer]" || tag === "[object SharedArrayBuffer]") {
    return new Uint8Array(source as ArrayBuffer);
  }
  return undefined;
}

/** The bytes of a file or a response; a piece is valid until the next one is requested. */
async function* piecesOf(model: Weighted, url: URL): AsyncGenerator<Uint8Array> {
  const fail = (why: unknown): never => {
    const text = why instanceof Error ? why.message : String(why);
    throw new Error(`${model.name}: cannot read the weights ${url.href}: ${text}`);
  };
  // Node's fetch does not read files; browsers have no `process`, and Deno and Bun have both.
  const { process } = globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } };
  const fs = url.protocol === "file:" ? process?.getBuiltinModule?.("node:fs/promises") : undefined;
  if (fs) {
    const file = await (fs as FileSystem).open(url).catch(fail);
    try {
      const piece = new Uint8Array(1 << 20);
      for (;;) {
        const { bytesRead } = await file.read(piece, 0, piece.length).catch(fail);
        if (bytesRead === 0) return;
        yield piece.subarray(0, bytesRead);
      }
    } finally {
      await file.close();
    }
  }
  const response = await fetch(url).catch(fail);
  if (!response.ok) fail(`${response.status} ${response.statusText}`);
  const reader = response.body?.getReader();
  for (;;) {
    const piece = (await reader?.read().catch(fail))?.value;
    if (!piece) return;
    yield piece;
  }
}

/** The part of `node:fs/promises` that is used. */
interface FileSystem {
  open(url: URL): Promise<{
    read(into: Uint8Array, offset: number, length: number): Promise<{ readonly bytesRead: number }>;
    close(): Promise<void>;
  }>;
}

/** Takes a packed file in pieces of any size, and puts the data of its tensor into rooms. */
function createIntake(model: Weighted, where: string, rooms: readonly Room[]) {
  const filling = createFilling(model, where, rooms);
  let head: Uint8Array = new Uint8Array(0);
  let range: DataRange | undefined;
  let taken = 0;
  return {
    async take(next: Uint8Array): Promise<void> {
      let [piece, begin] = [next, taken];
      taken += next.length;
      if (!range) {
        head = head.length === 0 ? next : joined(head, next);
        range = dataRange(model, head, where);
        [piece, begin] = [head, 0];
      }
      const from = Math.max(begin, range?.start ?? taken);
      const to = Math.min(taken, range?.end ?? taken);
      if (from < to) await filling.put(piece.subarray(from - begin, to - begin));
    },
    async end(): Promise<void> {
      if (!range)
        throw wrongFile(model, where, taken < 8 ? `it has ${taken} bytes` : "its header is cut off");
      if (taken < range.end) {
        const needed = range.end - range.start;
        throw wrongFile(model, where, `it ends after ${taken - range.start} of ${needed} bytes of data`);
      }
      await filling.end();
    },
  };
}

/** Fills rooms one after another with data that comes in pieces, and checks its hash at the end. */
function createFilling(model: Weighted, where: string, rooms: readonly Room[]) {
  const state = startHash();
  let at = 0;
  let filled = 0;
  async function settle(): Promise<void> {
    for (let room = rooms[at]; room && filled === room.bytes.length; room = rooms[++at], filled = 0) {
      addToHash(state, room.bytes);
      await room.then?.();
    }
  }
  return {
    async put(piece: Uint8Array): Promise<void> {
      for (let rest = piece; rest.length > 0;) {
        await settle();
        const room = rooms[at];
        if (!room) return;
        const part = rest.subarray(0, room.bytes.length - filled);
        room.bytes.set(part, filled);
        filled += part.length;
        rest = rest.subarray(part.length);
      }
    },
    async end(): Promise<void> {
      await settle();
      compareHash(model, endHash(state), where);
    },
  };
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

interface DataRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Where the data of the only tensor of a packed safetensors file is (8 bytes of header length, JSON, data); undefined
 * if `head`, its beginning, lacks a part of the header.
 */
function dataRange(model: Weighted, head: Uint8Array, where: string): DataRange | undefined {
  if (head.length < 8) return undefined;
  const length = new DataView(head.buffer, head.byteOffset, 8).getUint32(0, true);
  // Cleave's are a few hundred bytes long.
  if (length > 1 << 20) throw wrongFile(model, where, "its header is too long");
  if (head.length < 8 + length) return undefined;
  let packed: { data_offsets?: readonly number[] } | undefined;
  try {
    packed = JSON.parse(new TextDecoder().decode(head.slice(8, 8 + length))).packed;
  } catch {
    throw wrongFile(model, where, "its header is not JSON");
  }
  const [start = 0, end = 0] = packed?.data_offsets ?? [];
  if (!packed) throw wrongFile(model, where, 'it has no tensor "packed"');
  const needed = model.weights.elements * 4;
  if (end - start !== needed) {
    throw wrongFile(model, where, `it holds ${end - start} bytes of data, and ${needed} are needed`);
  }
  return { start: 8 + length + start, end: 8 + length + end };
}

function wrongFile(model: Weighted, where: string, why: string): Error {
  return new Error(`${model.name}: ${where} is not a packed weight file of Cleave: ${why}`);
}

function checkHash(model: Weighted, data: Uint8Array, where: string): void {
  compareHash(model, hashBytes(data), where);
}

function compareHash(model: Weighted, hash: string, where: string): void {
  if (hash === model.weights.hash) return;
  throw new Error(
    `${model.name}: the weights (${where}) have hash ${hash}, but this module was compiled with ${model.weights.hash}; use the packed file that was written with it`,
  );
}

/** Decodes piece by piece, without a string of all bytes; a piece is valid until the next one is requested. */
function* base64Pieces(text: string): Generator<Uint8Array> {
  const size = 1 << 16;
  const piece = new Uint8Array((size / 4) * 3);
  for (let start = 0; start < text.length; start += size) {
    const binary = atob(text.slice(start, start + size));
    for (let index = 0; index < binary.length; index++) piece[index] = binary.charCodeAt(index);
    yield piece.subarray(0, binary.length);
  }
}
