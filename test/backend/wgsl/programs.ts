// Modules as programs for WebGPU, at tiles that keep shaders small, and running them against the interpreter.

import { emitWgsl } from "#backend/wgsl/emit.js";
import { wgslTarget } from "#backend/wgsl/target.js";
import { load } from "#compile/load.js";
import { interpret } from "#interpret/interpret.js";
import { firstDifference, longestReduction } from "#interpret/tolerance.js";
import type { Target } from "#ir/target.js";
import type { Tensor } from "#ir/tensor.js";
import type { Module } from "#ir/weights.js";
import type { KernelProgram } from "#kernel/ir.js";
import { lower } from "#kernel/lower.js";
import type { Tile } from "#kernel/tile.js";
import { wgslTile } from "#kernel/tile.js";
import { schedule } from "#schedule/schedule-graph.js";

/**
 * Small tiles and blocks: software drivers take a second to compile a large shader, and small tensors then have several blocks and
 * parts that are left over. `team` is less than many loops have items.
 */
export const smallTile: Tile = {
  ...wgslTile,
  rows: 2,
  columns: 4,
  blockPixels: 6,
  blockVectors: 4,
  stripRows: 2,
  blocks: 3,
  team: 8,
};

export function wgslProgram(
  module: Module,
  tile: Tile = smallTile,
  target: Target = wgslTarget,
): KernelProgram {
  return lower(schedule(module, target), tile);
}

/** What differs from the interpreter, in words; undefined if nothing does. Where that gives NaN or ∞, WGSL may give anything. */
export async function difference(
  program: KernelProgram,
  module: Module,
  inputs: ReadonlyMap<string, Tensor>,
  device: GPUDevice,
): Promise<string | undefined> {
  const artifact = emitWgsl(program, { version: "test" });
  const net = await load(artifact, { device, poison: true });
  const actual = await net.run(
    Object.fromEntries([...inputs].map(([name, { data }]) => [name, Float32Array.from(data)])),
  );
  net.dispose();
  const longest = longestReduction(module);
  for (const [name, { data }] of interpret(module, inputs)) {
    const values = actual[name]!;
    const comparable = Float64Array.from(data, (value, at) => (Number.isFinite(value) ? value : values[at]!));
    const at = firstDifference(values, comparable, longest);
    if (at >= 0) return `${name}[${at}]: ${values[at]} for ${data[at]}`;
  }
  return undefined;
}
