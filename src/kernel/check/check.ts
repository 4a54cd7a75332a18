// Checks kernels by running them: every address, every race, and every read of unwritten memory.

import { bug } from "#diagnostic/diagnostic.js";
import { bytesOf } from "#ir/target.js";
import type { Surroundings, WatchedArena } from "./access.js";
import { checkForm } from "./form.js";
import { createMemory } from "./memory.js";
import type { IntegerElement, Kernel, KernelProgram, Port } from "../ir/ir.js";
import { weightWords } from "../ir/memory.js";
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
  const cellBytes = cellBytesOf([
    ...program.kernels.flatMap(({ parameters }) => parameters),
    ...program.inputs,
    ...program.outputs,
  ]);
  const cells = (words: number): number => (words * 4) / cellBytes;
  const arenas = program.arenas.map(({ elements }) => ({
    memory: createMemory(cells(elements), false),
    filled: new Uint8Array(cells(elements)),
  }));
  const arenaOf = (index: number): WatchedArena & { readonly filled: Uint8Array } =>
    arenas[index] ?? bug(`arena ${index} does not exist`);
  for (const port of program.inputs) {
    const { memory, filled } = arenaOf(port.arena);
    const values = inputs.get(port.name) ?? sampleValues(sizeOf(port.shape), port.element);
    for (const [at, cell] of cellsOf(port, cellBytes).entries()) {
      memory.values[cell] = values[at] ?? 0;
      filled[cell] = 1;
    }
  }
  const weights = packedValues(program, cellBytes);
  const prepared = createMemory(cells(program.prepared), false);
  const { findings: wrong, sound } = checkLaunches(program);
  wrong.forEach(say);
  for (const launch of sound) {
    const kernel = program.kernels[launch.kernel] ?? bug(`no kernel ${launch.kernel}`);
    for (const arena of arenas) arena.memory.forget();
    prepared.forget();
    const around: Surroundings = {
      lanes: program.lanes,
      cellBytes,
      arenas: new Map(
        kernel.parameters.flatMap(({ name, space }, at) =>
          space === "arena" ? [[name, arenaOf(launch.memories[at] ?? 0)] as const] : [],
        ),
      ),
      scratch: createMemory(cells(kernel.scratch), true),
      weights,
      prepared,
      table: program.table,
      bases: basesOf(program, launch),
      say,
    };
    runKernel(kernel, around);
    if (!kernel.fours) continue;
    // The other form must compute the same from the same memory; its operands are still there.
    for (const arena of arenas) arena.memory.forget();
    runKernel(kernel.fours, { ...around, scratch: createMemory(cells(kernel.fours.scratch), true) });
  }

  const outputs = new Map<string, Float32Array>();
  for (const port of program.outputs) {
    const { memory, filled } = arenaOf(port.arena);
    const own = cellsOf(port, cellBytes);
    outputs.set(
      port.name,
      Float32Array.from(own, (cell) => memory.values[cell] ?? 0),
    );
    if (own.some((cell) => filled[cell] === 0)) say(`output ${port.name} is not written in full`);
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
  const cellBytes = cellBytesOf(kernel.parameters);
  const cells = (words: number): number => (words * 4) / cellBytes;
  const sizes = { arena: 0, weights: 0, prepared: 0, table: 0 };
  const bases = new Map<string, number>();
  for (const { name, space, extent, element } of kernel.parameters) {
    const perWord = 4 / bytesOf(element);
    bases.set(name, space === "table" ? 0 : sizes[space] * perWord);
    sizes[space] += Math.ceil(extent / perWord / lanes) * lanes;
  }
  const integers = kernel.parameters.some(({ element }) => element) ? "u8" : undefined;
  const memory = createMemory(cells(sizes.arena), false);
  memory.values.set(sampleValues(cells(sizes.arena), integers));
  const prepared = createMemory(cells(sizes.prepared), false);
  prepared.values.set(sampleValues(cells(sizes.prepared), integers));
  runKernel(kernel, {
    lanes,
    cellBytes,
    arenas: new Map(kernel.parameters.map(({ name }) => [name, { memory }])),
    scratch: createMemory(cells(kernel.scratch), true),
    weights: Float64Array.from(sampleValues(cells(sizes.weights), integers)),
    prepared,
    table,
    bases,
    say: (finding) => findings.add(finding),
  });
  return [...findings];
}

/** Values that differ between neighbours and are never 0. */
function sampleValues(count: number, element?: IntegerElement): Float32Array {
  if (element) return Float32Array.from({ length: count }, (_, index) => 1 + ((index * 37) % 64));
  return Float32Array.from({ length: count }, (_, index) => ((index * 37) % 64) / 64 - 0.4921875);
}

/** Bytes of a cell of memory that holds such elements: see `Surroundings`. */
function cellBytesOf(places: readonly { readonly element?: IntegerElement }[]): 1 | 4 {
  return places.every(({ element }) => bytesOf(element) === 4) ? 4 : 1;
}

/** The cells of the elements of a port. */
function cellsOf({ shape, offset, element }: Port, cellBytes: number): number[] {
  const perElement = bytesOf(element) / cellBytes;
  return Array.from({ length: sizeOf(shape) }, (_, at) => (offset + at) * perElement);
}

function packedValues(program: KernelProgram, cellBytes: number): Float64Array {
  const values = new Float64Array((weightElements(program) * 4) / cellBytes);
  let word = 0;
  for (const entry of program.weights) {
    const perElement = bytesOf(entry.element) / cellBytes;
    let at = (word * 4) / cellBytes;
    for (const piece of entry.pack())
      for (const value of piece) {
        values[at] = value;
        at += perElement;
      }
    word += weightWords(entry, program.lanes);
  }
  return values;
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((size, extent) => size * extent, 1);
}
