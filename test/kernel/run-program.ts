// Runs a kernel program in this process, over memory that is full of NaN, so that a read of what nobody wrote shows.

import { printKernel } from "#backend/js/print.js";
import type { KernelProgram } from "#kernel/ir.js";
import { erf } from "#runtime/erf.js";
import { roundHalfEven } from "#runtime/round.js";
import type { Tensor } from "#ir/tensor.js";
import { elements } from "#ir/type.js";

/** The outputs by name. */
export function runProgram(
  program: KernelProgram,
  inputs: ReadonlyMap<string, Tensor>,
): Map<string, Float32Array> {
  const arena = new Float32Array(program.arena).fill(Number.NaN);
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
  for (const port of program.inputs) arena.set(inputs.get(port.name)!.data, port.offset);
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
    functions[launch.kernel]!(arena, weights, prepared, scratch, table, ...launch.offsets);
  }
  return new Map(
    program.outputs.map((port) => [port.name, arena.slice(port.offset, port.offset + elements(port.shape))]),
  );
}
