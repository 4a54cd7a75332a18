// Runs a kernel program in this process, over memory that is full of NaN, so that reads of unwritten memory show.

import { printKernel } from "#backend/js/print.js";
import type { Element } from "#ir/target.js";
import { bytesOf } from "#ir/target.js";
import type { KernelProgram, Port } from "#kernel/ir/ir.js";
import { weightWords } from "#kernel/ir/memory.js";
import { arraysOf } from "./arrays.js";
import { erf } from "#runtime/erf.js";
import { roundHalfEven } from "#runtime/round.js";
import type { Tensor } from "#ir/tensor.js";
import { elements } from "#ir/type.js";

/** The outputs by name. */
export function runProgram(
  program: KernelProgram,
  inputs: ReadonlyMap<string, Tensor>,
): Map<string, Float32Array> {
  // All arenas, one after another.
  let end = 0;
  const starts = program.arenas.map(({ elements: size }) => (end += size) - size);
  const arena = new Float32Array(end).fill(Number.NaN);
  const scratch = new Float32Array(program.scratch).fill(Number.NaN);
  const weights = new Float32Array(
    program.weights.reduce((sum, weight) => sum + weightWords(weight, program.lanes), 0),
  );
  let at = 0;
  for (const weight of program.weights) {
    const values = arrayAt(weights, 4 * at, weight);
    let next = 0;
    for (const piece of weight.pack()) {
      values.set(piece, next);
      next += piece.length;
    }
    at += weightWords(weight, program.lanes);
  }
  const valuesOf = (port: Port): Values =>
    arrayAt(arena, 4 * starts[port.arena]! + port.offset * bytesOf(port.element), {
      ...port,
      elements: elements(port.shape),
    });
  for (const port of program.inputs) valuesOf(port).set(inputs.get(port.name)!.data);
  const table = Int32Array.from(program.table);
  const functions = program.kernels.map((kernel) => {
    const { text, name } = printKernel(kernel, { lanes: program.lanes });
    // oxlint-disable-next-line no-new-func
    return new Function("erf", "roundHalfEven", `${text}\nreturn ${name};`)(erf, roundHalfEven) as (
      ...of: unknown[]
    ) => void;
  });
  const prepared = new Float32Array(program.prepared).fill(Number.NaN);
  for (const launch of [...program.setup, ...program.launches]) {
    scratch.fill(Number.NaN);
    const { parameters } = program.kernels[launch.kernel]!;
    const bases = launch.offsets.map((offset, at) => {
      const { space } = parameters[at]!;
      const before = space === "arena" ? starts : space === "weights" ? program.weightParts : [];
      return offset + (before[launch.memories[at]!] ?? 0);
    });
    functions[launch.kernel]!(arena, weights, prepared, scratch, table, ...bases);
  }
  return new Map(program.outputs.map((port) => [port.name, Float32Array.from(valuesOf(port))]));
}

type Values = InstanceType<(typeof arraysOf)[Element]>;

/** Some elements of memory, from a byte on. */
function arrayAt(
  { buffer }: Float32Array<ArrayBuffer>,
  byte: number,
  of: { readonly element?: Element; readonly elements: number },
): Values {
  return new arraysOf[of.element ?? "f32"](buffer, byte, of.elements);
}
