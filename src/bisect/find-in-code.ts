// Finds the kernel whose code computes something else than the interpreter does.

import type { NodeId } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import type { Module } from "#ir/weights.js";
import { groupNodes } from "#schedule/group-nodes.js";
import type { Case } from "./case.js";
import { computedNodes, partOf, valuesOf } from "./case.js";
import { departureFrom, expectedOf } from "./compare.js";
import type { Sample } from "./find-in-passes.js";
import type { Finding, RunCode, Suspect } from "./suspect.js";

export interface CodeFault {
  readonly finding: Finding;
  readonly sample: Sample;
  /** The nodes of the kernel; absent if no kernel alone is wrong: then it is what lies between kernels, such as the plan of memory. */
  readonly kernel?: readonly string[];
  /** The optimized module, or the kernel alone if it shows the fault. */
  readonly part: Case;
}

/** Runs the code of a module after all passes with each sample in turn. */
export async function findInCode(
  optimized: Module,
  samples: readonly Sample[],
  suspect: Suspect,
  run: RunCode,
  onStep?: (step: string) => void,
): Promise<CodeFault | undefined> {
  for (const sample of samples) {
    onStep?.(`running the module (${sample.name} inputs)`);
    const whole = { module: optimized, inputs: sample.inputs };
    const finding = await suspect.find(whole);
    if (!finding) continue;
    onStep?.("looking for the kernel");
    for (const nodes of await suspectedKernels(whole, finding, run)) {
      const part = partOf(whole, new Set(nodes), valuesOf(whole), nodes.slice(-1));
      const own = await suspect.find(part);
      if (own?.kind === finding.kind) {
        const names = nodes.map((id) => nodeOf(optimized.graph, id).name);
        return { finding, sample, kernel: names, part };
      }
    }
    return { finding, sample, part: whole };
  }
  return undefined;
}

/** The nodes of kernels that may be wrong: the first that departs if the results of all kernels are outputs, or all if the code cannot be made. */
async function suspectedKernels(whole: Case, finding: Finding, run: RunCode): Promise<readonly NodeId[][]> {
  const { graph } = whole.module;
  const groups = groupNodes(graph).map((nodes) => nodes.map(({ id }) => id));
  if (finding.kind === "crash") return groups;
  const all = new Set(computedNodes(graph).map(({ id }) => id));
  const results = groups.flatMap((nodes) => nodes.slice(-1));
  const probed = partOf(whole, all, valuesOf(whole), results);
  const ran = await run(probed);
  const departure = ran && departureFrom(expectedOf(probed), ran.outputs, ran.halves);
  const wrong = probed.module.graph.outputs.find(({ name }) => name === departure?.output)?.node;
  return groups.filter((nodes) => nodes.at(-1) === wrong);
}
