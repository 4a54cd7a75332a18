// A kernel program written by hand: y = 2·x + w, with an open batch if asked for.

import type { KernelProgram } from "#kernel/ir/ir.js";
import { at, load, loop, plus, register, store } from "./kernels.js";

const i = register("i");

/** `x` and `y` are [1, 4]; the weights are 4 values and, at a multiple of the lanes, 1 that nothing reads. */
export function smallProgram(more: Partial<KernelProgram> = {}): KernelProgram {
  const x = load(at("x"), i);
  return {
    name: "small",
    lanes: 1,
    kernels: [
      {
        name: "affine",
        parameters: [
          { name: "x", space: "arena", access: "read", extent: 4 },
          { name: "w", space: "weights", access: "read", extent: 4 },
          { name: "y", space: "arena", access: "write", extent: 4 },
        ],
        scratch: 0,
        team: 1,
        privates: [],
        grid: { index: register("block"), count: 1 },
        body: [loop(i, 4, store(at("y"), i, plus(plus(x, x), load(at("w"), i))))],
      },
    ],
    launches: [
      { kernel: 0, memories: [0, 0, 0], offsets: [0, 0, 4], label: "affine", nodes: ["h", "y"], macs: 4 },
    ],
    weights: [
      { name: "w", elements: 4, pack: () => [Float32Array.of(10, 20, 30, 40)] },
      { name: "unused", elements: 1, pack: () => [Float32Array.of(-1.5)] },
    ],
    setup: [],
    prepared: 0,
    table: [],
    arenas: [{ kind: "scalars", elements: 8 }],
    weightParts: [0],
    scratch: 0,
    inputs: [{ name: "x", arena: 0, shape: [1, 4], offset: 0 }],
    outputs: [{ name: "y", arena: 0, shape: [1, 4], offset: 4 }],
    ...more,
  };
}
