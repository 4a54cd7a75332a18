// Runs a kernel program in this process, over memory that is full of NaN, so that reads of unwritten memory show.

import { printKernel } from "#backend/js/print.js";
import type { KernelProgram } from "#kernel/ir/ir.js";
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
  const weights = new Float32Array(program.weights.reduce((sum, weight) => sum + weight.elements, 0));
  let at = 0;
  for (const weight of program.weights) {
    let next = at;
    for (const piece of weight.pack()) {
      weights.set(piece, next);
      next += piece.length;
    }
    at += weight.elements;
  }
  for (const port of program.inputs)
    arena.set(inputs.get(port.name)!.data, starts[port.arena]! + port.offset);
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
  return new Map(
    program.outputs.map((port) => {
      const start = starts[port.arena]! + port.offset;
      return [port.name, arena.slice(start, start + elements(port.shape))];
    }),
  );
}
