// Reads weights that are stored in fewer bits than f32, and widens them piece by piece. Only modules that have such weights contain this
// file.

import type { Source } from "./source.js";
import type { Model, Stored, StoredCodes } from "./types.js";
import type { MakeRooms, Room } from "./weights.js";
import { readWeights } from "./weights.js";

type Weighted = Pick<Model, "name" | "weights">;

/** In place of `findWeights`: the weights as f32. */
export async function findCompact(model: Weighted, source: Source): Promise<Float32Array> {
  const weights = new Float32Array(model.weights.elements);
  await readCompact(model, source, () => [{ bytes: new Uint8Array(weights.buffer) }]);
  return weights;
}

/** In place of `readWeights`. */
export async function readCompact(model: Weighted, source: Source, makeRooms: MakeRooms): Promise<void> {
  const { bytes = 0, stored = [] } = model.weights;
  // In units of f32, as the file is read.
  const inFile = { name: model.name, weights: { ...model.weights, elements: bytes / 4 } };
  await readWeights(inFile, source, async () => piecesOf(bytes, sectionsOf(stored, await makeRooms())));
}

/** A part of the file: its bytes, and what becomes of them. Those with codes of 16 bits begin at even places. */
interface Section {
  readonly bytes: number;
  /** Takes some of the bytes, which come in order; `at` is where in the section they begin. */
  readonly put?: (part: Uint8Array, at: number) => void;
  readonly then?: (() => Promise<void>) | undefined;
}

/** Read this much at once, so that reads are few. */
const pieceBytes = 1 << 20;

/** Widen this many codes at once, so that the values still fit into a cache. */
const fewCodes = 1 << 15;

/** Rooms for the file in pieces, which take turns in one place, and are divided into sections. */
function piecesOf(bytes: number, sections: Iterator<Section, undefined>): Room[] {
  const place = new Uint8Array(Math.min(bytes, pieceBytes));
  let section = sections.next().value;
  let done = 0;
  async function take(piece: Uint8Array): Promise<void> {
    for (let from = 0; section;) {
      const part = piece.subarray(from, from + section.bytes - done);
      if (part.length > 0) section.put?.(part, done);
      from += part.length;
      done += part.length;
      if (done < section.bytes) return;
      await section.then?.();
      section = sections.next().value;
      done = 0;
    }
  }
  const rooms: Room[] = [];
  for (let from = 0; from < bytes; from += pieceBytes) {
    const piece = place.subarray(0, bytes - from);
    rooms.push({ bytes: piece, then: () => take(piece) });
  }
  return rooms;
}

/** The sections of a file, and where rooms for its weights as f32 are full, empty sections. A weight may lie in several rooms. */
function* sectionsOf(stored: readonly Stored[], rooms: readonly Room[]): Generator<Section, undefined> {
  let next = 0;
  let left = 0;
  let put = (values: Uint8Array): Section => ({
    bytes: values.length,
    put: (part, at) => values.set(part, at),
  });
  const plain = put;
  for (const { bytes, then } of rooms) {
    for (let done = 0; done < bytes.length;) {
      const row = stored[next] ?? [0];
      if (left === 0) {
        left = row[0] * 4;
        put = isCoded(row) ? yield* widening(row) : plain;
      }
      const values = bytes.subarray(done, done + left);
      yield put(values);
      done += values.length;
      left -= values.length;
      if (left > 0) continue;
      next++;
      if (isCoded(row)) yield { bytes: (-row[0] * codeArrays[row[1]].BYTES_PER_ELEMENT) & 3 };
    }
    yield { bytes: 0, then };
  }
}

function isCoded(row: Stored): row is StoredCodes {
  return row.length > 1;
}

const codeArrays = { int8: Int8Array, uint8: Uint8Array, uint16: Uint16Array, float16: Uint16Array };

/** Reads the factors of a weight, if it has any, and returns the section of the codes of its next values. */
function* widening([, type, scale, min, factorBytes, ...stretches]: StoredCodes): Generator<
  Section,
  (values: Uint8Array) => Section
> {
  let count = 0;
  for (let at = 0; at < stretches.length; at += 3) count += (stretches[at] ?? 0) * (stretches[at + 2] ?? 0);
  const factors = factorBytes === 4 ? new Float32Array(count) : new Float64Array(factorBytes && count);
  const bytes = new Uint8Array(factors.buffer);
  yield { bytes: bytes.length, put: (part, at) => bytes.set(part, at) };
  const widen = createWidening(type, scale, min, factors, stretches);
  const Codes = codeArrays[type];
  const size = Codes.BYTES_PER_ELEMENT;
  return ({ buffer, byteOffset, length }) => {
    const values = new Float32Array(buffer, byteOffset, length / 4);
    return {
      bytes: values.length * size,
      put(part, at) {
        const end = (at + part.length) / size;
        for (let from = at / size; from < end; from += fewCodes) {
          const few = values.subarray(from, Math.min(from + fewCodes, end));
          widen(new Codes(part.buffer as ArrayBuffer, part.byteOffset + from * size - at, few.length), few);
        }
      },
    };
  };
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
