// The packed weight file: one safetensors tensor of all weights, in the order in which kernels read them.

import { greatest } from "#diagnostic/extremes.js";
import { bug } from "#diagnostic/diagnostic.js";
import type { KernelProgram, PackedWeight } from "#kernel/ir/ir.js";
import { addToHash, endHash, startHash } from "#runtime/hash.js";
import type { EmitOptions, WeightSink } from "./artifact.js";
import { toBase64 } from "./base64.js";

/** What the module knows about its packed file. */
export interface PackedWeights {
  readonly elements: number;
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
  // The header with the hash precedes the data, so 16 digits are reserved for it.
  const header = (hash: string) =>
    new TextEncoder().encode(
      JSON.stringify({
        __metadata__: { format: "cleave", net: program.name, version, hash },
        packed: { dtype: "F32", shape: [elements], data_offsets: [0, elements * 4] },
      }),
    );
  const start = Math.ceil((8 + header("0".repeat(16)).length) / 64) * 64;
  sink.open(start + elements * 4);

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
    const pieces = entry.pack(memory, (count) => flushed.set(entry.name, count));
    for (const piece of piecesOf(entry, pieces, program.lanes)) {
      const bytes = new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength);
      addToHash(state, bytes);
      sink.write(at, bytes);
      at += bytes.length;
      onPacked?.(at - start, elements * 4);
      yield;
    }
  }

  const hash = endHash(state);
  const head = new Uint8Array(start).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(start - 8), true);
  head.set(header(hash), 8);
  sink.write(0, head);
  return { elements, hash, flushed: [...flushed.values()].reduce((sum, count) => sum + count, 0) };
}

/** The packed weights of a module under construction: facts about them, and where they are, in the module, in the artifact or in a sink. */
export interface PlacedWeights extends PackedWeights {
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
    ...(isEmbedded ? { embedded: `const embedded =\n  "${toBase64(memory.data)}";\n` } : {}),
    part: hasWeights && !isEmbedded && sink === memory ? { weights: memory.file } : {},
  };
}

/** The number of elements of the packed weights. */
export function packedElements(program: KernelProgram): number {
  return program.weights.reduce((sum, entry) => alignTo(sum + entry.elements, program.lanes), 0);
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
  pieces: Iterable<Float32Array>,
  lanes: number,
): Generator<Float32Array> {
  let rest = alignTo(entry.elements, lanes);
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
