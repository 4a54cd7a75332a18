// A program as it runs on devices that have the subgroups which some of its kernels are for.

import type { KernelProgram } from "./ir.js";

/** The program with those kernels, behind its others, and with launches of them. Without any, the program itself. */
export function programInSubgroups(program: KernelProgram): KernelProgram {
  const { kernels, subgroups } = program;
  if (!subgroups) return program;
  const launches = program.launches.map((launch, at) => {
    const kernel = subgroups.of[at];
    return kernel === undefined ? launch : { ...launch, kernel: kernels.length + kernel };
  });
  return { ...program, kernels: [...kernels, ...subgroups.kernels], launches };
}
