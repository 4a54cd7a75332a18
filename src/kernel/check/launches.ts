// Checks a program without running it: the form of its kernels, and the extents of its launches.

import { bytesOf } from "#ir/target.js";
import type { KernelProgram, Launch, Statement } from "../ir/ir.js";
import { weightWords } from "../ir/memory.js";
import { checkForm } from "./form.js";

export interface CheckedLaunches {
  /** Sentences; empty if nothing is wrong. */
  readonly findings: readonly string[];
  /** The launches of the setup, then those of a run, without launches that cannot run. */
  readonly sound: readonly Launch[];
}

/** Checks the form of all kernels, including those for subgroups, and that each launch fits its kernel and stays inside its spaces. */
export function checkLaunches(program: KernelProgram): CheckedLaunches {
  const findings = new Set<string>();
  const forms = program.kernels.map((kernel) => [
    ...checkForm(kernel, program.lanes),
    ...(kernel.fours ? checkForm(kernel.fours, program.lanes) : []),
  ]);
  const subgroups = program.subgroups?.kernels.map((kernel) => checkForm(kernel, program.lanes)) ?? [];
  for (const form of [...forms, ...subgroups]) for (const finding of form) findings.add(finding);
  const weights = weightElements(program);
  const sound = [...program.setup, ...program.launches].filter((launch) => {
    const kernel = program.kernels[launch.kernel];
    if (!kernel || launch.offsets.length !== kernel.parameters.length) {
      findings.add(`launch of ${launch.label} does not fit kernel ${launch.kernel}`);
      return false;
    }
    const bases = basesOf(program, launch);
    const outside = kernel.parameters.filter(({ name, space, extent, element }, at) => {
      const base = bases.get(name) ?? 0;
      const sizes = {
        arena: program.arenas[launch.memories[at] ?? 0]?.elements ?? 0,
        weights,
        prepared: program.prepared,
        table: program.table.length,
      };
      return !(base >= 0 && (base + extent) * bytesOf(element) <= 4 * sizes[space]);
    });
    for (const { name, space } of outside)
      findings.add(`${kernel.name}: ${name} of ${launch.label} reaches outside the ${space}`);
    // A kernel with a wrong form cannot run, and a launch outside its space would only cause further findings.
    return outside.length === 0 && forms[launch.kernel]?.length === 0;
  });
  return { findings: [...findings], sound };
}

/** The base of each parameter of a launch; all parts of the weights count as one. */
export function basesOf(program: KernelProgram, launch: Launch): ReadonlyMap<string, number> {
  const parameters = program.kernels[launch.kernel]?.parameters ?? [];
  return new Map(
    parameters.map(({ name, space, element }, at) => {
      const part = space === "weights" ? (program.weightParts[launch.memories[at] ?? 0] ?? 0) : 0;
      return [name, (part * 4) / bytesOf(element) + (launch.offsets[at] ?? 0)];
    }),
  );
}

/** The elements of f32 that all packed weights take, each beginning at a multiple of the lanes. */
export function weightElements({ weights, lanes }: KernelProgram): number {
  return weights.reduce((sum, entry) => sum + weightWords(entry, lanes), 0);
}

/**
 * An upper bound for the cost of running a program under the checker: scalar operations of all statements, including those of the setup,
 * and the elements in memory.
 */
export function checkingWork(program: KernelProgram): number {
  const steps = program.kernels.map(
    ({ grid, body, fours }) => grid.count * (stepsOf(body) + stepsOf(fours?.body ?? [])),
  );
  const run = [...program.setup, ...program.launches].reduce(
    (sum, { kernel }) => sum + (steps[kernel] ?? 0),
    0,
  );
  const memory = program.arenas.reduce((sum, { elements }) => sum + elements, 0);
  return program.lanes * run + memory + weightElements(program) + program.prepared;
}

/** The most statements that a body executes. */
function stepsOf(body: readonly Statement[]): number {
  return body.reduce((sum, statement) => {
    switch (statement.kind) {
      case "for":
      case "team":
        return sum + statement.count * (1 + stepsOf(statement.body));
      case "guard":
        return sum + 1 + stepsOf(statement.then) + stepsOf(statement.otherwise ?? []);
      default:
        return sum + 1;
    }
  }, 0);
}
