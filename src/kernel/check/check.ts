// Checks kernels by running them: every address, every race, and every read of unwritten memory.

import { bug } from "#diagnostic/diagnostic.js";
import type { WatchedArena } from "./access.js";
import { checkForm } from "./form.js";
import { createMemory } from "./memory.js";
import type { Kernel, KernelProgram } from "../ir/ir.js";
import { basesOf, checkLaunches, weightElements } from "./launches.js";
import { runKernel } from "./run.js";

export interface CheckedProgram {
  /** Sentences; empty if nothing is wrong. */
  readonly findings: readonly string[];
  /** The outputs at the end, because a checker that runs kernels is also an interpreter. */
  readonly outputs: ReadonlyMap<string, Float32Array>;
}

/**
 * Runs a program over memory full of NaN and says what is wrong with it: all findings of `checkKernel` for each kernel, parameters outside
 * their space, reads of arena elements that no launch wrote, and unwritten outputs. `inputs` are by name; a missing one is filled with
 * small numbers.
 */
export function checkProgram(
  program: KernelProgram,
  inputs: ReadonlyMap<string, Float32Array> = new Map(),
): CheckedProgram {
  const findings = new Set<string>();
  const say = (finding: string) => findings.add(finding);
  const arenas = program.arenas.map(({ elements }) => ({
    memory: createMemory(elements, false),
    filled: new Uint8Array(elements),
  }));
  const arenaOf = (index: number): WatchedArena & { readonly filled: Uint8Array } =>
    arenas[index] ?? bug(`arena ${index} does not exist`);
  for (const port of program.inputs) {
    const size = sizeOf(port.shape);
    const { memory, filled } = arenaOf(port.arena);
    memory.values.set(inputs.get(port.name) ?? sampleValues(size), port.offset);
    filled.fill(1, port.offset, port.offset + size);
  }
  const weights = packedValues(program);
  const prepared = createMemory(program.prepared, false);
  const { findings: wrong, sound } = checkLaunches(program);
  wrong.forEach(say);
  for (const launch of sound) {
    const kernel = program.kernels[launch.kernel] ?? bug(`no kernel ${launch.kernel}`);
    for (const arena of arenas) arena.memory.forget();
    prepared.forget();
    runKernel(kernel, {
      lanes: program.lanes,
      arenas: new Map(
        kernel.parameters.flatMap(({ name, space }, at) =>
          space === "arena" ? [[name, arenaOf(launch.memories[at] ?? 0)] as const] : [],
        ),
      ),
      scratch: createMemory(kernel.scratch, true),
      weights,
      prepared,
      table: program.table,
      bases: basesOf(program, launch),
      say,
    });
  }

  const outputs = new Map<string, Float32Array>();
  for (const { name, arena, shape, offset } of program.outputs) {
    const end = offset + sizeOf(shape);
    const { memory, filled } = arenaOf(arena);
    outputs.set(name, memory.values.slice(offset, end));
    if (filled.subarray(offset, end).includes(0)) say(`output ${name} is not written in full`);
  }
  return { findings: [...findings], outputs };
}

/**
 * Checks one kernel, with each parameter in a separate memory. It finds wrong types and scopes, guards around team loops, barriers in
 * control flow that is not uniform, loads and stores outside a parameter's extent, vec addresses that are not a multiple of the lanes,
 * reads of scratch that the block did not write, and races: two items (without a barrier between them) or two blocks that access one
 * element, where one of them writes.
 */
export function checkKernel(kernel: Kernel, lanes: number, table: readonly number[] = []): string[] {
  const form = checkForm(kernel, lanes);
  if (form.length > 0) return form;
  const findings = new Set<string>();
  const sizes = { arena: 0, weights: 0, prepared: 0, table: 0 };
  const bases = new Map<string, number>();
  for (const { name, space, extent } of kernel.parameters) {
    bases.set(name, space === "table" ? 0 : sizes[space]);
    sizes[space] += Math.ceil(extent / lanes) * lanes;
  }
  const memory = createMemory(sizes.arena, false);
  memory.values.set(sampleValues(sizes.arena));
  const prepared = createMemory(sizes.prepared, false);
  prepared.values.set(sampleValues(sizes.prepared));
  runKernel(kernel, {
    lanes,
    arenas: new Map(kernel.parameters.map(({ name }) => [name, { memory }])),
    scratch: createMemory(kernel.scratch, true),
    weights: sampleValues(sizes.weights),
    prepared,
    table,
    bases,
    say: (finding) => findings.add(finding),
  });
  return [...findings];
}

/** Values that differ between neighbours and are never 0. */
function sampleValues(elements: number): Float32Array {
  return Float32Array.from({ length: elements }, (_, index) => ((index * 37) % 64) / 64 - 0.4921875);
}

function packedValues(program: KernelProgram): Float32Array {
  const values = new Float32Array(weightElements(program));
  let offset = 0;
  for (const entry of program.weights) {
    let at = offset;
    for (const piece of entry.pack()) {
      values.set(piece, at);
      at += piece.length;
    }
    offset += roundUp(entry.elements, program.lanes);
  }
  return values;
}

function roundUp(size: number, lanes: number): number {
  return Math.ceil(size / lanes) * lanes;
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((size, extent) => size * extent, 1);
}
