// Runs a kernel program as WebAssembly in this process, over memory that is full of NaN.

import { setFlagsFromString } from "node:v8";
import { addressOf, binaryOf } from "#backend/wasm/emit.js";
import { layoutOf } from "#backend/wasm/layout.js";
import type { Tensor } from "#ir/tensor.js";
import { elements } from "#ir/type.js";
import type { KernelProgram, Launch, PackedWeight, Port } from "#kernel/ir/ir.js";
import { weightWords } from "#kernel/ir/memory.js";
import { arraysOf } from "../../kernel/arrays.js";

// On by default from Node 22 on.
if (process.versions.node.startsWith("20.")) setFlagsFromString("--experimental-wasm-relaxed-simd");

/**
 * The outputs by name; every kernel's blocks are run in two calls, as two threads would divide them. First, it is called without a block, which
 * must not store anything.
 */
export async function runWasm(
  program: KernelProgram,
  inputs: ReadonlyMap<string, Tensor>,
  relaxed: boolean,
): Promise<Map<string, Float32Array>> {
  const count = program.weights.reduce((sum, weight) => sum + weightWords(weight, program.lanes), 0);
  const layout = layoutOf(program, count);
  const pages = Math.ceil((layout.scratch + program.scratch * 4) / 65536);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const host = { memory, sin: Math.sin, cos: Math.cos, pow: Math.pow };
  const binary = await WebAssembly.compile(bytesOf(program, relaxed));
  const { exports } = await WebAssembly.instantiate(binary, { host });
  const bytes = new Uint8Array(memory.buffer).fill(0x3b);
  for (const { name } of program.kernels) {
    (exports[name] as Run)(0, 0, 0);
    if (Buffer.compare(bytes, untouched(bytes.length)) !== 0)
      throw new Error(`${name} stores without a block`);
  }
  new Float32Array(memory.buffer).fill(Number.NaN);
  new Int32Array(memory.buffer, layout.table, program.table.length).set(program.table);
  const arena = new Float32Array(memory.buffer, layout.arena, program.arenas[0]!.elements);
  const scratch = new Float32Array(memory.buffer, layout.scratch, program.scratch);
  const play = (launch: Launch): void => {
    const kernel = program.kernels[launch.kernel]!;
    const run = exports[kernel.name] as Run;
    const addresses = launch.offsets.map((offset, index) => addressOf(kernel, index, offset, layout));
    const middle = Math.ceil(kernel.grid.count / 2);
    scratch.fill(Number.NaN);
    run(0, middle, layout.scratch, ...addresses);
    if (middle < kernel.grid.count) run(middle, kernel.grid.count, layout.scratch, ...addresses);
  };
  // Weights that only the setup reads come last, and are in the arena while they are read.
  const setup = [...program.setup];
  const staged = [...(program.staged ?? [])];
  const stays = program.weights.length - staged.length;
  let at = layout.weights;
  for (const weight of program.weights.slice(0, stays)) at = put(weight, memory, at);
  for (const launch of setup.splice(0, setup.length - staged.reduce((sum, one) => sum + one.launches, 0)))
    play(launch);
  for (const [index, { launches }] of staged.entries()) {
    put(program.weights[stays + index]!, memory, layout.arena);
    for (const launch of setup.splice(0, launches)) play(launch);
  }
  arena.fill(Number.NaN);
  const placeOf = ({ element, offset, shape }: Port) => {
    const Elements = arraysOf[element ?? "f32"];
    const start = layout.arena + offset * Elements.BYTES_PER_ELEMENT;
    return new Elements(memory.buffer, start, elements(shape));
  };
  for (const port of program.inputs) placeOf(port).set(inputs.get(port.name)!.data);

  for (const launch of program.launches) play(launch);
  return new Map(program.outputs.map((port) => [port.name, Float32Array.from(placeOf(port))]));
}

type Run = (...of: number[]) => void;

let sample = new Uint8Array(0);

/** So many bytes as memory has before a program. */
function untouched(length: number): Uint8Array {
  if (sample.length < length) sample = new Uint8Array(length).fill(0x3b);
  return sample.subarray(0, length);
}

/** Puts a weight into memory and returns the address after it. */
function put(weight: PackedWeight, memory: WebAssembly.Memory, at: number): number {
  const Elements = arraysOf[weight.element ?? "f32"];
  const values = new Elements(memory.buffer, at, weight.elements).fill(0);
  let to = 0;
  for (const piece of weight.pack()) {
    values.set(piece, to);
    to += piece.length;
  }
  return at + values.byteLength;
}

/** The binary of a program's kernels. */
export function bytesOf(program: KernelProgram, relaxed: boolean): Uint8Array<ArrayBuffer> {
  return joined(binaryOf(program, relaxed));
}

/** A binary of its pieces. */
export function joined(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(pieces.flatMap((piece) => [...piece]));
}
