// The packed weight file: one safetensors tensor of all weights, in the order in which kernels read them.

import { codeBytes } from "#ir/compact.js";
import { greatest } from "#diagnostic/extremes.js";
import { bytesOf as bytesIn } from "#ir/target.js";
import { bug } from "#diagnostic/diagnostic.js";
import { given } from "#diagnostic/given.js";
import type { IntegerElement, KernelProgram, PackedCodes, PackedWeight } from "#kernel/ir/ir.js";
import { weightWords } from "#kernel/ir/memory.js";
import { addToHash, endHash, startHash } from "#runtime/hash.js";
import type { Stored } from "#runtime/types.js";
import type { EmitOptions, WeightSink } from "./artifact.js";
import { packedName } from "./artifact.js";
import { toBase64 } from "./base64.js";

/** What the module knows about its packed file. */
export interface PackedWeights {
  /** Elements of the weights in memory. */
  readonly elements: number;
  /** Bytes of data in the file. */
  readonly bytes: number;
  /** How the file stores each weight, in order; absent if all are stored as f32. */
  readonly stored?: readonly Stored[];
  readonly hash: string;
  /**
   * The number of values that are too small to matter and were packed as 0; the values of a weight count once, however often it is packed.
   */
  readonly flushed: number;
}

/**
 * Packs the weights into `sink` one after another, each in small pieces, so that at most one of them is in memory in the order of the
 * graph. The file is 8 bytes of header length, the header, padding, and the data at a multiple of 64 bytes. The header has the version of
 * the format and the hash of the data, which the module checks.
 */
function* packWeights(
  program: KernelProgram,
  version: string,
  sink: WeightSink,
  onPacked: EmitOptions["onPacked"],
): Generator<void, PackedWeights> {
  // Here the caller can stop before a file exists.
  yield;
  const elements = packedElements(program);
  const stored = storedWeights(program);
  const size = packedBytes(program);
  const tensor = stored ? { dtype: "U8", shape: [size] } : { dtype: "F32", shape: [elements] };
  // The header with the hash precedes the data, so 16 digits are reserved for it.
  const header = (hash: string) =>
    new TextEncoder().encode(
      JSON.stringify({
        __metadata__: { format: "cleave", net: program.name, version, hash },
        packed: { ...tensor, data_offsets: [0, size] },
      }),
    );
  const start = Math.ceil((8 + header("0".repeat(16)).length) / 64) * 64;
  sink.open(start + size);

  const state = startHash();
  const memory = new Float32Array(
    greatest(
      program.weights.map((entry) => entry.elements),
      0,
    ),
  );
  const flushed = new Map<string, number>();
  let at = start;
  for (const entry of program.weights) {
    const { compact } = entry;
    const pieces = compact?.pack(memory) ?? entry.pack(memory, (count) => flushed.set(entry.name, count));
    const padded = piecesOf(entry, pieces, program.lanes);
    const inFile = compact
      ? codePieces(compact, padded)
      : entry.element
        ? integerPieces(entry.element, padded)
        : valuePieces(padded);
    for (const bytes of inFile) {
      addToHash(state, bytes);
      sink.write(at, bytes);
      at += bytes.length;
      onPacked?.(at - start, size);
      yield;
    }
  }

  const hash = endHash(state);
  const head = new Uint8Array(start).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(start - 8), true);
  head.set(header(hash), 8);
  sink.write(0, head);
  return {
    elements,
    bytes: size,
    ...given({ stored }),
    hash,
    flushed: [...flushed.values()].reduce((sum, count) => sum + count, 0),
  };
}

/** The packed weights of a module under construction: facts about them, and where they are, in the module, in the artifact or in a sink. */
export interface PlacedWeights extends PackedWeights {
  /** The name of the packed file. */
  readonly file: string;
  /** `const embedded = …`, if the module contains them. */
  readonly embedded?: string;
  /** The weights for the artifact. */
  readonly part: { readonly weights?: Uint8Array };
}

/** Packs the weights to the place that the options choose, one piece per step. */
export function* placeWeights(program: KernelProgram, options: EmitOptions): Generator<void, PlacedWeights> {
  const hasWeights = program.weights.some((entry) => entry.elements > 0);
  const isEmbedded = hasWeights && options.embedWeights === true;
  const memory = memorySink();
  const sink = hasWeights && !isEmbedded ? (options.packedInto ?? memory) : memory;
  const packed = yield* packWeights(program, options.version, sink, options.onPacked);
  return {
    ...packed,
    file: options.packedName ?? packedName(program.name),
    ...(isEmbedded ? { embedded: `const embedded =\n  "${toBase64(memory.data)}";\n` } : {}),
    part: hasWeights && !isEmbedded && sink === memory ? { weights: memory.file } : {},
  };
}

/** The number of elements of the packed weights. */
export function packedElements(program: KernelProgram): number {
  return program.weights.reduce((sum, entry) => sum + weightWords(entry, program.lanes), 0);
}

/** Bytes of data in the packed file. */
export function packedBytes(program: KernelProgram): number {
  return program.weights.reduce((sum, entry) => sum + entryBytes(entry, program.lanes), 0);
}

function entryBytes(entry: PackedWeight, lanes: number): number {
  const { compact } = entry;
  const count = weightWords(entry, lanes);
  if (!compact) return 4 * count;
  return factorBytes(compact) * factorCount(compact) + alignTo(count * codeBytes[compact.codes], 4);
}

/** Bytes of a factor; 0 if there are none. */
function factorBytes({ factors }: PackedCodes): 0 | 4 | 8 {
  return factors ? (factors.dtype === "f32" ? 4 : 8) : 0;
}

function factorCount({ factors }: PackedCodes): number {
  return factors?.stretches.reduce((sum, { columns }) => sum + columns, 0) ?? 0;
}

/** How the file stores each weight, for the runtime; undefined if all are f32. Neighbours that are f32 count as one. */
function storedWeights(program: KernelProgram): Stored[] | undefined {
  if (!program.weights.some(({ compact }) => compact)) return undefined;
  const stored: Stored[] = [];
  let plain = 0;
  const endPlain = (): void => {
    if (plain > 0) stored.push([plain]);
    plain = 0;
  };
  for (const entry of program.weights) {
    const { compact } = entry;
    const count = weightWords(entry, program.lanes);
    if (!compact) {
      plain += count;
      continue;
    }
    endPlain();
    const { codes, scale, min, factors } = compact;
    stored.push([count, codes, scale, min, factorBytes(compact), ...runsOf(factors?.stretches ?? [])]);
  }
  endPlain();
  return stored;
}

function* valuePieces(pieces: Iterable<Float32Array | Int32Array>): Generator<Uint8Array<ArrayBuffer>> {
  for (const piece of pieces) yield bytesOf(piece);
}

const integerArrays = { i8: Int8Array, u8: Uint8Array, i16: Int16Array, i32: Int32Array } as const;

function* integerPieces(
  element: IntegerElement,
  pieces: Iterable<Float32Array | Int32Array>,
): Generator<Uint8Array<ArrayBuffer>> {
  for (const piece of pieces) yield bytesOf(integerArrays[element].from(piece));
}

/** How often each stretch is repeated, its rows and its columns. */
function runsOf(stretches: readonly { readonly rows: number; readonly columns: number }[]): number[] {
  const runs: number[] = [];
  for (const { rows, columns } of stretches) {
    const last = runs.length - 3;
    if (runs[last + 1] === rows && runs[last + 2] === columns) runs[last] = (runs[last] ?? 0) + 1;
    else runs.push(1, rows, columns);
  }
  return runs;
}

/** The codes as bytes, after the factors, up to a multiple of 4 bytes. All pieces but the last have a multiple of 4. */
function* codePieces(
  { codes, factors }: PackedCodes,
  pieces: Iterable<Float32Array | Int32Array>,
): Generator<Uint8Array<ArrayBuffer>> {
  if (factors) {
    const values = factors.read();
    yield bytesOf(factors.dtype === "f32" ? Float32Array.from(values) : values);
  }
  // Pieces may have any length, so what is left of one begins the next chunk.
  const chunk = new codeArrays[codes](4096);
  let filled = 0;
  for (const piece of pieces) {
    for (let at = 0; at < piece.length;) {
      const part = piece.subarray(at, at + chunk.length - filled);
      chunk.set(part, filled);
      filled += part.length;
      at += part.length;
      if (filled < chunk.length) continue;
      yield bytesOf(chunk);
      filled = 0;
    }
  }
  if (filled === 0) return;
  chunk.fill(0, filled);
  yield bytesOf(chunk).subarray(0, alignTo(filled * chunk.BYTES_PER_ELEMENT, 4));
}

const codeArrays = { int8: Int8Array, uint8: Uint8Array, uint16: Uint16Array, float16: Uint16Array } as const;

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array<ArrayBuffer> {
  return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
}

/** A sink that keeps the file in memory; `file` is empty before the first write. */
function memorySink(): WeightSink & { readonly file: Uint8Array; readonly data: Uint8Array } {
  let file = new Uint8Array();
  return {
    open: (bytes) => void (file = new Uint8Array(bytes)),
    write: (at, piece) => file.set(piece, at),
    get file() {
      return file;
    },
    get data() {
      const header = Number(new DataView(file.buffer).getBigUint64(0, true));
      return file.subarray(8 + header);
    },
  };
}

/** The pieces of a weight, and zeros up to a multiple of the lanes. */
function* piecesOf(
  entry: PackedWeight,
  pieces: Iterable<Float32Array | Int32Array>,
  lanes: number,
): Generator<Float32Array | Int32Array> {
  let rest = (weightWords(entry, lanes) * 4) / bytesIn(entry.element);
  for (const piece of pieces) {
    rest -= piece.length;
    if (rest < 0)
      bug(`weight ${entry.name} packs more than the ${entry.elements} elements that it has room for`);
    if (piece.length > 0) yield piece;
  }
  if (rest > 0) yield new Float32Array(rest);
}

function alignTo(size: number, lanes: number): number {
  return Math.ceil(size / lanes) * lanes;
}
