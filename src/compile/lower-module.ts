// From a module to the kernels of a target, checked where that is asked for.

import { bug, error } from "#diagnostic/diagnostic.js";
import type { Diagnostic } from "#diagnostic/diagnostic.js";
import { given } from "#diagnostic/given.js";
import type { Target } from "#ir/target.js";
import { isInteger } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { checkProgram } from "#kernel/check/check.js";
import { checkingWork, checkLaunches } from "#kernel/check/launches.js";
import type { KernelProgram } from "#kernel/ir/ir.js";
import { lower } from "#kernel/lower.js";
import { drawInput } from "#ops/distributions.js";
import { hasZeroPoint } from "#ops/index.js";
import { seededRandom } from "#ops/random.js";
import { isByteSum } from "#template/byte-sums.js";
import type { Schedule } from "#schedule/schedule.js";
import { scheduleModule } from "./schedule-module.js";

export interface LowerOptions {
  /**
   * Checks the kernels (`src/kernel/check`): their form, and that each launch stays inside its memory. Small programs are run too, over memory
   * that watches every access. What is wrong is a bug of the compiler, and throws an `InternalError` that names the kernels.
   */
  readonly verify?: boolean;
}

/** Errors for what no kernel of a target computes: sums whose zero points no pass has moved out of them, since it did not run or was for another target. */
export function kernelErrors({ graph }: Module, target: Target): Diagnostic[] {
  const wrong = [...graph.nodes.values()].filter(
    (node) => hasZeroPoint(node) && !isByteSum(graph, node, target),
  );
  return wrong.map((node) =>
    error(
      "zero-point",
      `\`${node.name}\` sums integers with a zero point, which kernels of ${target.name} do not take`,
      {
        ...given({ span: node.origin.spans[0] }),
        help: [
          `the pass \`center-integers\` moves zero points out of sums: do not leave it out, and optimize the module for ${target.name}`,
        ],
      },
    ),
  );
}

/** The schedule of a module for a target, and its kernels. The module has no `kernelErrors`. */
export function lowerModule(
  module: Module,
  target: Target,
  { verify = false }: LowerOptions = {},
): { readonly schedule: Schedule; readonly program: KernelProgram } {
  const schedule = scheduleModule(module, target);
  const program = lower(schedule);
  if (verify) verifyKernels(program, integerInputs(schedule));
  return { schedule, program };
}

/** Most work of a program that the checker runs: some seconds. A net of 12 M multiply-accumulates takes 30 M steps, and 3 s. */
const mostWork = 2 ** 26;

/** Integers for the inputs of integers; for other inputs, the checker has values. */
function integerInputs({ inputs }: Schedule): ReadonlyMap<string, Float32Array> {
  const random = seededRandom(1);
  return new Map(
    inputs.flatMap(({ name, view: { type } }) =>
      isInteger(type.dtype) ? [[name, drawInput(random, type)] as const] : [],
    ),
  );
}

/** Throws an `InternalError` that says what is wrong with the kernels of a program, as run on inputs by name. */
export function verifyKernels(program: KernelProgram, inputs?: ReadonlyMap<string, Float32Array>): void {
  const isSmall = checkingWork(program) <= mostWork;
  const { findings } = isSmall ? checkProgram(program, inputs) : checkLaunches(program);
  if (findings.length === 0) return;
  const more = findings.length > mostFindings ? `; and ${findings.length - mostFindings} more` : "";
  bug(`wrong kernels of ${program.name}: ${findings.slice(0, mostFindings).join("; ")}${more}`);
}

/** Of one kernel there may be a finding for each element. */
const mostFindings = 3;
