// Reads weights that are stored in fewer bits than f32, and widens them piece by piece. Only modules that have such weights contain this
// file.

import type { Model, Stored, StoredCodes, WeightsSource } from "./types.js";
import type { Room } from "./weights.js";
import { readWeights } from "./weights.js";

type Weighted = Pick<Model, "name" | "weights">;

/** In place of `findWeights`: the weights as f32. */
export async function findCompact(
  model: Weighted,
  base: string,
  source: WeightsSource | undefined,
  embedded: string | undefined,
): Promise<Float32Array> {
  const weights = new Float32Array(model.weights.elements);
  await readCompact(model, base, source, embedded, [{ bytes: new Uint8Array(weights.buffer) }]);
  return weights;
}

/** In place of `readWeights`. */
export async function readCompact(
  model: Weighted,
  base: string,
  source: WeightsSource | undefined,
  embedded: string | undefined,
  rooms: readonly Room[],
): Promise<void> {
  const { bytes = 0, stored = [] } = model.weights;
  // In units of f32, as the file is read.
  const inFile = { name: model.name, weights: { ...model.weights, elements: bytes / 4 } };
  await readWeights(inFile, base, source, embedded, roomsInFile(stored, rooms));
}

/** Rooms for the data as it is in the file: codes come into a small room, from which they are widened into that of their weight. */
function roomsInFile(stored: readonly Stored[], rooms: readonly Room[]): Room[] {
  const all: Room[] = [];
  const piece = new ArrayBuffer(1 << 16);
  let next = 0;
  let left = 0;
  for (const room of rooms) {
    for (let done = 0; done < room.bytes.length;) {
      const row = stored[next] ?? [0];
      if (left === 0) left = row[0] * 4;
      const bytes = room.bytes.subarray(done, done + left);
      done += bytes.length;
      left -= bytes.length;
      for (const one of isCoded(row) ? codeRooms(row, bytes, piece) : [{ bytes }]) all.push(one);
      if (left === 0) next++;
    }
    if (room.then) all.push({ bytes: room.bytes.subarray(0, 0), then: room.then });
  }
  return all;
}

function isCoded(row: Stored): row is StoredCodes {
  return row.length > 1;
}

const codeArrays = { int8: Int8Array, uint8: Uint8Array, uint16: Uint16Array, float16: Uint16Array };

/** The rooms of a weight with codes, and of its factors. */
function codeRooms(
  [elements, type, scale, min, factorBytes, ...stretches]: StoredCodes,
  room: Uint8Array,
  piece: ArrayBuffer,
): Room[] {
  const rooms: Room[] = [];
  const values = new Float32Array(room.buffer, room.byteOffset, elements);
  let count = 0;
  for (let at = 0; at < stretches.length; at += 3) count += (stretches[at] ?? 0) * (stretches[at + 2] ?? 0);
  const factors = factorBytes === 4 ? new Float32Array(count) : new Float64Array(factorBytes && count);
  if (factorBytes > 0) rooms.push({ bytes: new Uint8Array(factors.buffer) });
  const widen = createWidening(type, scale, min, factors, stretches);
  const size = codeArrays[type].BYTES_PER_ELEMENT;
  const step = piece.byteLength / size;
  for (let from = 0; from < elements; from += step) {
    const codes = new codeArrays[type](piece, 0, Math.min(step, elements - from));
    rooms.push({
      bytes: new Uint8Array(piece, 0, Math.ceil(codes.byteLength / 4) * 4),
      then: async () => widen(codes, values.subarray(from, from + codes.length)),
    });
  }
  return rooms;
}

/** A function that widens the codes of a weight, a piece at a time. */
function createWidening(
  type: keyof typeof codeArrays,
  scale: number,
  min: number,
  factors: Float32Array | Float64Array,
  stretches: readonly number[],
): (codes: ArrayLike<number>, values: Float32Array) => void {
  const at = { stretch: 0, times: 0, row: 0, column: 0, first: 0 };
  return (codes, values) => {
    if (type === "float16") widenHalves(codes, values);
    else {
      values.set(codes);
      if (scale !== 1 || min !== 0) mapIntegers(values, scale, min);
    }
    for (let done = 0; done < values.length && stretches.length > 0;) {
      const [times = 1, rows = 1, columns = 1] = stretches.slice(at.stretch, at.stretch + 3);
      // Whole rows at once, if the piece does not begin or end within a row.
      const whole =
        at.column === 0 ? Math.min(rows - at.row, Math.floor((values.length - done) / columns)) : 0;
      const run = whole > 0 ? columns : Math.min(columns - at.column, values.length - done);
      const part = values.subarray(done, done + run * Math.max(whole, 1));
      scaleRows(part, factors.subarray(at.first + at.column, at.first + at.column + run));
      done += part.length;
      at.column += run;
      if (at.column < columns) continue;
      at.column = 0;
      at.row += Math.max(whole, 1);
      if (at.row < rows) continue;
      at.row = 0;
      at.first += columns;
      if (++at.times < times) continue;
      at.times = 0;
      at.stretch += 3;
    }
  };
}

function mapIntegers(values: Float32Array, scale: number, min: number): void {
  for (let at = 0; at < values.length; at++) values[at] = (values[at] as number) * scale + min;
}

/** Multiplies each column of some rows by its factor. */
function scaleRows(values: Float32Array, factors: Float32Array | Float64Array): void {
  const columns = factors.length;
  for (let column = 0; column < columns; column++) {
    const factor = factors[column] as number;
    for (let at = column; at < values.length; at += columns) values[at] = (values[at] as number) * factor;
  }
}

/** Halves have an exponent that is smaller by 112, and 13 bits less. Those below 0x400 are multiples of 2⁻²⁴. */
function widenHalves(codes: ArrayLike<number>, values: Float32Array): void {
  const words = new Int32Array(values.buffer, values.byteOffset, values.length);
  for (let at = 0; at < values.length; at++) {
    const code = codes[at] as number;
    const size = code & 0x7fff;
    if (size < 0x400) values[at] = (size === code ? size : -size) * 2 ** -24;
    else if (size > 0x7c00) values[at] = Number.NaN;
    // An infinity has all bits of the exponent.
    else words[at] = ((code & 0x8000) << 16) | ((size << 13) + (size < 0x7c00 ? 0x38000000 : 0x70000000));
  }
}
