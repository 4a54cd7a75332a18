// A packed file with given weights, and what its module knows of it.

import { placeWeights } from "#backend/packed.js";
import { runToEnd } from "#diagnostic/interruptible.js";
import { given } from "#diagnostic/given.js";
import type { PackedWeight } from "#kernel/ir/ir.js";
import type { Model } from "#runtime/types.js";
import { smallProgram } from "./programs.js";

export function packedFile(
  weights: readonly PackedWeight[],
  lanes: number,
): { readonly file: Uint8Array<ArrayBuffer>; readonly model: Model } {
  const program = { ...smallProgram({ lanes }), weights };
  const { elements, bytes, stored, hash, part } = runToEnd(placeWeights(program, { version: "0.0.0" }));
  const model: Model = {
    name: "small",
    inputs: [],
    outputs: [],
    arena: 0,
    scratch: 0,
    prepared: 0,
    weights: { file: "small.packed.safetensors", elements, hash, bytes, ...given({ stored }) },
  };
  return { file: Uint8Array.from(part.weights!), model };
}
