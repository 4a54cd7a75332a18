// The JavaScript back end: one ES module with a function per kernel and no import.

import type { KernelProgram, Launch } from "#kernel/ir/ir.js";
import { bug } from "#diagnostic/diagnostic.js";
import { given } from "#diagnostic/given.js";
import { jsString } from "#diagnostic/escape.js";
import { runToEnd } from "#diagnostic/interruptible.js";
import { arenaElements } from "#ir/arenas.js";
import type { Artifact, EmitOptions, Emitted } from "../artifact.js";
import { fileNameOf } from "../artifact.js";
import {
  headerText,
  joinParts,
  kernelComment,
  loadText,
  modelText,
  runtimeText,
  section,
  stagedText,
  tableText,
} from "../module-text.js";
import type { PlacedWeights } from "../packed.js";
import { placeWeights } from "../packed.js";
import { picturesRuntime, picturesText, wrappersOf } from "../pictures.js";
import { typesText } from "../types-text.js";
import type { Helper } from "./helpers.js";
import { helperText } from "./helpers.js";
import { printKernel } from "./print.js";
import type { PrintedKernel } from "./print.js";
import { runtimeNames } from "./reserved.js";

/** Emits the module of a program for the `js` target. */
export function emitJs(program: KernelProgram, options: EmitOptions, packed?: PlacedWeights): Artifact {
  return joinParts(jsParts(program, options, packed));
}

/** The module of a program for the `js` target, in parts. */
export function jsParts(
  program: KernelProgram,
  options: EmitOptions,
  packed: PlacedWeights = runToEnd(placeWeights(program, options)),
): Emitted {
  if (program.arenas.length !== 1) bug("the program keeps its tensors apart");
  const kernels = printKernels(program, options);
  const helpers = new Set<Helper>(kernels.flatMap((kernel) => [...kernel.helpers]));
  const name = fileNameOf(program.name);

  const text = {
    head: headerText(program, options, "plain JavaScript"),
    body: [
      loadText(
        "loadJs",
        packed,
        `setup, launches, ${program.staged ? "staged, " : ""}table`,
        wrappersOf(program, options.classifier),
      ),
      modelText(program, packed, ({ offset }) => `offset: ${offset}`, [
        `arena: ${arenaElements(program)},`,
        `scratch: ${program.scratch},`,
        `prepared: ${program.prepared},`,
      ]),
      launchesText("Once, to prepare weights", "setup", stagedSetup(program, packed.elements), kernels),
      program.staged ? stagedText(program) : "",
      launchesText("In order", "launches", program.launches, kernels),
      tableText(program.table),
      picturesText(program, options.classifier),
      section("Kernels"),
      ...kernels.map((kernel) => kernel.text),
      ...[...helpers].toSorted().map(helperText),
    ],
    ...runtimeText("js", packed, [], picturesRuntime(program, options.classifier)),
    ...given({ embedded: packed.embedded }),
  };
  return {
    name,
    target: "js",
    text,
    types: typesText(program, { sync: true, ...given({ classifier: options.classifier }) }),
    ...packed.part,
    kernels: program.launches.length,
    setup: program.setup.length,
    functions: program.kernels.length,
    arenaBytes: arenaElements(program) * 4,
    memoryBytes: 4 * Math.max(arenaElements(program), program.prepared, program.scratch, packed.elements),
    weightBytes: packed.bytes,
    flushedWeights: packed.flushed,
  };
}

/** The setup, where weights that only it reads begin at the start of a separate array. */
function stagedSetup({ setup, staged = [], kernels }: KernelProgram, weights: number): Launch[] {
  const resident = weights - staged.reduce((sum, { elements }) => sum + elements, 0);
  return setup.map((launch) => ({
    ...launch,
    offsets: launch.offsets.map((offset, at) =>
      kernels[launch.kernel]?.parameters[at]?.space === "weights" && offset >= resident ? 0 : offset,
    ),
  }));
}

/** The functions of the kernels, each with what it computes in a comment. */
export function jsKernelTexts(program: KernelProgram, options: Pick<EmitOptions, "lineOf"> = {}): string[] {
  return printKernels(program, options).map(({ text }) => text);
}

function printKernels(program: KernelProgram, options: Pick<EmitOptions, "lineOf">): PrintedKernel[] {
  const { table } = program;
  const bounds = table.reduce(
    ({ low, high }, value) => ({ low: Math.min(low, value), high: Math.max(high, value) }),
    { low: 0, high: 0 },
  );
  // Kernels share the module's scope with the runtime and with each other.
  const taken = new Set<string>(runtimeNames());
  return program.kernels.map((kernel, index) => {
    let name = kernel.name.replaceAll(/[^\w$]/g, "_");
    while (taken.has(name)) name += "_";
    const printed = printKernel(kernel, {
      lanes: program.lanes,
      name,
      comment: kernelComment(
        kernel,
        [...program.setup, ...program.launches].filter((launch) => launch.kernel === index),
        options,
      ),
      table: bounds,
    });
    taken.add(printed.name);
    return printed;
  });
}

function launchesText(
  when: string,
  name: string,
  launches: readonly Launch[],
  kernels: readonly PrintedKernel[],
): string {
  const rows = launches.map((launch) => {
    const kernel = kernels[launch.kernel] ?? bug(`launch of kernel ${launch.kernel}, which does not exist`);
    const label = jsString(launch.nodes.join(" → "));
    return `  [${kernel.name}, [${launch.offsets.join(", ")}], ${label}, ${launch.macs}],\n`;
  });
  const text = rows.length > 0 ? `[\n${rows.join("")}]` : "[]";
  return `/** ${when}: the kernel, the base offset of each parameter, the nodes, multiply-accumulates. */\nconst ${name} = ${text};\n`;
}
