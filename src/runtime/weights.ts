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
  const data = given && alignedData(model, given);
  if (data) {
    compareHash(model, hashBytes(data), givenBytes);
    return new Float32Array(data.buffer, data.byteOffset, model.weights.elements);
  }
  const weights = new Float32Array(model.weights.elements);
  await readWeights(model, base, source, embedded, [{ bytes: new Uint8Array(weights.buffer) }]);
  return weights;
}

/** The data of a packed file; undefined if it is not aligned, or not whole. */
function alignedData(model: Weighted, file: Uint8Array): Uint8Array | undefined {
  const start = file.length < 8 ? 8 : 8 + headerLength(model, file, givenBytes);
  const data = file.subarray(start, start + model.weights.elements * 4);
  if (data.byteOffset % 4 !== 0 || data.length < model.weights.elements * 4) return undefined;
  checkHeader(model, file.subarray(8, start), givenBytes);
  return data;
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
    const pieces = base64Pieces(embedded);
    const read = copying(() => pieces.next().value ?? undefined);
    return fillRooms(model, { where: "embedded", read }, rooms);
  }
  if (source === undefined && model.weights.elements === 0) return;
  const origin = await openSource(model, base, source);
  try {
    await readHead(model, origin);
    await fillRooms(model, origin, rooms);
  } finally {
    await origin.close?.();
  }
}

/** Where weights come from. */
interface Origin {
  /** Its name in messages. */
  readonly where: string;
  /** Fills the beginning of `into` with the next bytes, and returns how many; 0 at the end. */
  read(into: Uint8Array): Promise<number>;
  close?(): Promise<void>;
}

async function openSource(model: Weighted, base: string, source: WeightsSource | undefined): Promise<Origin> {
  if (source === undefined || typeof source === "string" || source instanceof URL) {
    return openUrl(model, urlOf(model, source, base));
  }
  const bytes = bytesOf(source);
  if (!bytes) {
    throw new TypeError(`${model.name}: weights must be a URL, an ArrayBuffer or a Uint8Array`);
  }
  const pieces = [bytes];
  return { where: givenBytes, read: copying(() => pieces.pop()) };
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

/** A file or a response. */
async function openUrl(model: Weighted, url: URL): Promise<Origin> {
  const where = url.href;
  const fail = (why: unknown): never => {
    const text = why instanceof Error ? why.message : String(why);
    throw new Error(`${model.name}: cannot read the weights ${where}: ${text}`);
  };
  // Node's fetch does not read files; browsers have no `process`, and Deno and Bun have both.
  const { process } = globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } };
  const fs = url.protocol === "file:" ? process?.getBuiltinModule?.("node:fs/promises") : undefined;
  if (fs) {
    const file = await (fs as FileSystem).open(url).catch(fail);
    return {
      where,
      read: async (into) => (await file.read(into, 0, into.length).catch(fail)).bytesRead,
      close: () => file.close(),
    };
  }
  const response = await fetch(url).catch(fail);
  if (!response.ok) fail(`${response.status} ${response.statusText}`);
  const reader = response.body?.getReader();
  return {
    where,
    read: copying(async () => (await reader?.read().catch(fail))?.value),
    close: async () => reader?.cancel().catch(() => {}),
  };
}

/** The part of `node:fs/promises` that is used. */
interface FileSystem {
  open(url: URL): Promise<{
    read(into: Uint8Array, offset: number, length: number): Promise<{ readonly bytesRead: number }>;
    close(): Promise<void>;
  }>;
}

/** Reads by copying pieces of any size, the last of which is undefined; a piece is valid until the next is asked for. */
function copying(next: () => Piece | Promise<Piece>): Origin["read"] {
  let piece: Uint8Array = new Uint8Array(0);
  return async (into) => {
    while (piece.length === 0) {
      const following = await next();
      if (!following) return 0;
      piece = following;
    }
    const part = piece.subarray(0, into.length);
    into.set(part);
    piece = piece.subarray(part.length);
    return part.length;
  };
}

type Piece = Uint8Array | undefined;

/**
 * Reads the beginning of a packed safetensors file, which has one tensor: 8 bytes of header length, and JSON; the data
 * follows.
 */
async function readHead(model: Weighted, { where, read }: Origin): Promise<void> {
  const head = new Uint8Array(8);
  const had = await readFully(read, head);
  if (had < 8) throw wrongFile(model, where, `it has ${had} bytes`);
  const header = new Uint8Array(headerLength(model, head, where));
  if ((await readFully(read, header)) < header.length) throw wrongFile(model, where, "its header is cut off");
  checkHeader(model, header, where);
}

async function readFully(read: Origin["read"], into: Uint8Array): Promise<number> {
  let filled = 0;
  while (filled < into.length) {
    const count = await read(into.subarray(filled));
    if (count === 0) break;
    filled += count;
  }
  return filled;
}

/** Reads this much at once: long enough that threads need not wait for each other, and short enough to be hashed soon. */
const stretch = 1 << 22;

/** Fills rooms one after another, and checks the hash of all. */
async function fillRooms(model: Weighted, { where, read }: Origin, rooms: readonly Room[]): Promise<void> {
  const state = startHash();
  let sum = 0;
  for (const { bytes, then } of rooms) {
    let [filled, hashed] = [0, 0];
    while (filled < bytes.length) {
      const reading = read(bytes.subarray(filled, filled + stretch));
      // The system reads a file on another thread meanwhile.
      const whole = filled & ~3;
      addToHash(state, bytes.subarray(hashed, whole));
      hashed = whole;
      const count = await reading;
      if (count === 0) {
        const [had, needed] = [sum + filled, model.weights.elements * 4];
        throw wrongFile(model, where, `it ends after ${had} of ${needed} bytes of data`);
      }
      filled += count;
    }
    addToHash(state, bytes.subarray(hashed));
    sum += filled;
    await then?.();
  }
  compareHash(model, endHash(state), where);
}

/** The length of the header, from the first 8 bytes. */
function headerLength(model: Weighted, head: Uint8Array, where: string): number {
  const length = new DataView(head.buffer, head.byteOffset, 8).getUint32(0, true);
  // Cleave's are a few hundred bytes long.
  if (length > 1 << 20) throw wrongFile(model, where, "its header is too long");
  return length;
}

/** Checks that the data is what the model needs, and begins after the header. */
function checkHeader(model: Weighted, header: Uint8Array, where: string): void {
  let packed: { data_offsets?: readonly number[] } | undefined;
  try {
    packed = JSON.parse(new TextDecoder().decode(header.slice())).packed;
  } catch {
    throw wrongFile(model, where, "its header is not JSON");
  }
  if (!packed) throw wrongFile(model, where, 'it has no tensor "packed"');
  const [start = 0, end = 0] = packed.data_offsets ?? [];
  const needed = model.weights.elements * 4;
  if (start !== 0 || end !== needed) {
    throw wrongFile(model, where, `it holds ${end - start} bytes of data, and ${needed} are needed`);
  }
}

function wrongFile(model: Weighted, where: string, why: string): Error {
  return new Error(`${model.name}: ${where} is not a packed weight file of Cleave: ${why}`);
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
