// The packed weight file: one safetensors tensor of all weights, in the order in which kernels read them.

import { bug } from "#diagnostic/diagnostic.js";
import type { KernelProgram } from "#kernel/ir.js";
import { hashBytes } from "#runtime/hash.js";

export interface PackedWeights {
  /** The whole file: 8 bytes of header length, the header, padding, data at a multiple of 64 bytes. */
  readonly file: Uint8Array;
  /** The data alone, a view of `file`. */
  readonly data: Uint8Array;
  readonly elements: number;
  readonly hash: string;
}

/**
 * Packs the weights one entry at a time into memory of the final size, so that no more than that and one entry is
 * held. The file names the format's version and the hash of its data, which the module checks.
 */
export function packWeights(program: KernelProgram, version: string): PackedWeights {
  const elements = packedElements(program);
  // The hash stands in the header before the data is known: 16 digits are kept free for it.
  const header = (hash: string) =>
    JSON.stringify({
      __metadata__: { format: "cleave", net: program.name, version, hash },
      packed: { dtype: "F32", shape: [elements], data_offsets: [0, elements * 4] },
    });
  const encoder = new TextEncoder();
  const headerBytes = encoder.encode(header("0".repeat(16))).length;
  const start = Math.ceil((8 + headerBytes) / 64) * 64;
  const file = new Uint8Array(start + elements * 4);
  const values = new Float32Array(file.buffer, start, elements);

  let offset = 0;
  for (const entry of program.weights) {
    const packed = entry.pack();
    // Fewer is right where an entry is rounded up to the lanes; the rest stays 0.
    if (packed.length > entry.elements) {
      bug(`weight ${entry.name} packs ${packed.length} elements into room for ${entry.elements}`);
    }
    values.set(packed, offset);
    offset = alignTo(offset + entry.elements, program.lanes);
  }

  const data = file.subarray(start);
  const hash = hashBytes(data);
  new DataView(file.buffer).setBigUint64(0, BigInt(start - 8), true);
  file.fill(0x20, 8, start);
  file.set(encoder.encode(header(hash)), 8);
  return { file, data, elements, hash };
}

/** Elements of all weights, each at a multiple of the lanes. */
function packedElements(program: KernelProgram): number {
  return program.weights.reduce((sum, entry) => alignTo(sum + entry.elements, program.lanes), 0);
}

function alignTo(size: number, lanes: number): number {
  return Math.ceil(size / lanes) * lanes;
}
