// Reads the packed weights piece by piece to where they are used, and checks them.

import { addToHash, endHash, hashBytes, startHash } from "./hash.js";
import type { Origin, Source } from "./source.js";
import { bytesOf, givenBytes, isGzip, missingHelp, openSource, readFully } from "./source.js";
import type { Model, Progress } from "./types.js";

/** The parts of a model that are read here. */
type Weighted = Pick<Model, "name" | "weights">;

/** The packed weights as f32. Given bytes are used without a copy if their alignment allows it. */
export async function findWeights(model: Weighted, source: Source): Promise<Float32Array> {
  const given = await source.options.weights;
  const bytes = bytesOf(given);
  const data = bytes && alignedData(model, bytes);
  if (data) {
    const total = data.length;
    if (total > 0) source.options.onProgress?.({ loaded: total, total });
    compareHash(model, hashBytes(data), givenBytes);
    return new Float32Array(data.buffer, data.byteOffset, model.weights.elements);
  }
  const weights = new Float32Array(model.weights.elements);
  await readWeights(model, source, () => [{ bytes: new Uint8Array(weights.buffer) }]);
  return weights;
}

/** The data of a packed file; undefined if it is not aligned, not whole, or compressed. */
function alignedData(model: Weighted, file: Uint8Array): Uint8Array | undefined {
  if (isGzip(file)) return undefined;
  const length = file.length < 8 ? 0 : headerLength(file);
  if (length > longestHeader) throw wrongFile(model, givenBytes, beginning(model, file));
  const start = 8 + length;
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

/** Makes the rooms of a read, which may have to wait for what they are in. */
export type MakeRooms = () => readonly Room[] | Promise<readonly Room[]>;

/** Reads the packed weights into rooms, in order, and checks their size and hash. */
export async function readWeights(model: Weighted, source: Source, makeRooms: MakeRooms): Promise<void> {
  const isGiven = source.options.weights !== undefined;
  if (!isGiven && source.embedded === undefined && model.weights.elements === 0) return;
  // A second try begins anew, and what has been told stays true.
  let most = 0;
  const tell = (progress: Progress): void => {
    if (progress.loaded <= most) return;
    most = progress.loaded;
    source.options.onProgress?.(progress);
  };
  for (let isAgain = true; isAgain;) {
    const origin = await openSource(model, source);
    isAgain = false;
    try {
      if (isGiven || source.embedded === undefined) await readHead(model, origin);
      await fillRooms(model, origin, await makeRooms(), tell);
      await origin.finish?.();
    } catch (error) {
      isAgain = (await origin.fail?.()) ?? false;
      if (!isAgain) throw error;
    } finally {
      await origin.close?.();
    }
  }
}

/**
 * Reads the beginning of a packed safetensors file, which has one tensor: 8 bytes of header length, and JSON; the data
 * follows.
 */
async function readHead(model: Weighted, { where, read }: Origin): Promise<void> {
  const head = new Uint8Array(8);
  const had = await readFully(read, head);
  if (had < 8) {
    const seen = had > 0 ? `, and ${beginning(model, head.subarray(0, had))}` : "";
    throw wrongFile(model, where, `it has ${had} bytes${seen}`);
  }
  const length = headerLength(head);
  if (length > longestHeader) {
    const more = new Uint8Array(seenBytes);
    more.set(head);
    const count = had + (await readFully(read, more.subarray(had)));
    throw wrongFile(model, where, beginning(model, more.subarray(0, count)));
  }
  const header = new Uint8Array(length);
  if ((await readFully(read, header)) < header.length) throw wrongFile(model, where, "its header is cut off");
  checkHeader(model, header, where);
}

/** Reads this much at once: long enough that threads need not wait for each other, and short enough to be hashed soon. */
const stretch = 1 << 22;

/** Fills rooms one after another, and checks the hash of all. */
async function fillRooms(
  model: Weighted,
  { where, read }: Origin,
  rooms: readonly Room[],
  tell: (progress: Progress) => void,
): Promise<void> {
  const total = model.weights.elements * 4;
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
        throw wrongFile(model, where, `it ends after ${sum + filled} of ${total} bytes of data`);
      }
      filled += count;
      tell({ loaded: sum + filled, total });
    }
    addToHash(state, bytes.subarray(hashed));
    sum += filled;
    await then?.();
  }
  compareHash(model, endHash(state), where);
}

/** Cleave's headers are a few hundred bytes long. Whatever begins with text seems to have one of many megabytes. */
const longestHeader = 1 << 20;

/** The length of the header, from the first 8 bytes. */
function headerLength(head: Uint8Array): number {
  return Number(new DataView(head.buffer, head.byteOffset, 8).getBigUint64(0, true));
}

/** Bytes that tell what a wrong file is, and how many of them a message shows. */
const seenBytes = 256;
const shownBytes = 40;

/** What a wrong file is, by its first bytes. */
function beginning(model: Weighted, file: Uint8Array): string {
  const head = file.slice(0, seenBytes);
  // Servers answer with a page where a file is missing.
  if (new TextDecoder().decode(head).trimStart().startsWith("<")) {
    return `it is an HTML page, as servers send instead of a missing file; ${missingHelp(model)}`;
  }
  const text = Array.from(head.subarray(0, shownBytes), (byte) =>
    byte < 0x20 || byte > 0x7e || byte === 0x60
      ? `\\x${byte.toString(16).padStart(2, "0")}`
      : String.fromCharCode(byte),
  );
  return `it begins with \`${text.join("")}\``;
}

/** Checks that the data is what the model needs, and begins after the header. */
function checkHeader(model: Weighted, header: Uint8Array, where: string): void {
  let offsets: unknown;
  try {
    offsets = JSON.parse(new TextDecoder().decode(header.slice()))?.packed?.data_offsets;
  } catch {
    throw wrongFile(model, where, "its header is not JSON");
  }
  if (!Array.isArray(offsets)) throw wrongFile(model, where, 'it has no tensor "packed"');
  const [start, end] = offsets as unknown[];
  const needed = model.weights.elements * 4;
  if (start !== 0 || end !== needed) {
    const held = Number(end) - Number(start) || 0;
    throw wrongFile(model, where, `it holds ${held} bytes of data, and ${needed} are needed`);
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
