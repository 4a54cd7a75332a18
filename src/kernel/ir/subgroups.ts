// A program as it runs on devices that have the subgroups for some of its kernels.

import type { KernelProgram } from "./ir.js";

/** The program with these kernels appended, and with launches of them. A program without any is returned unchanged. */
export function programInSubgroups(program: KernelProgram): KernelProgram {
  const { kernels, subgroups } = program;
  if (!subgroups) return program;
  const launches = program.launches.map((launch, at) => {
    const kernel = subgroups.of[at];
    return kernel === undefined ? launch : { ...launch, kernel: kernels.length + kernel };
  });
  return { ...program, kernels: [...kernels, ...subgroups.kernels], launches };
}
