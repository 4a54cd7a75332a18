// The JavaScript back end: one ES module with a function per kernel and no import.

import type { Kernel, KernelProgram, Launch, Port } from "#kernel/ir.js";
import { bug } from "#diagnostic/diagnostic.js";
import { runtimeTexts } from "#runtime/text.js";
import type { Artifact, EmitOptions } from "../artifact.js";
import { fileNameOf } from "../artifact.js";
import { toBase64 } from "../base64.js";
import { memorySink, packWeights } from "../packed.js";
import type { PackedWeights } from "../packed.js";
import { typesText } from "../types-text.js";
import { comment } from "./code.js";
import type { Helper } from "./helpers.js";
import { helperText } from "./helpers.js";
import { printKernel } from "./print.js";
import type { PrintedKernel } from "./print.js";
import { runtimeNames } from "./reserved.js";

/** Emits the module of a program for the `js` target. */
export function emitJs(program: KernelProgram, options: EmitOptions): Artifact {
  const hasWeights = program.weights.some((entry) => entry.elements > 0);
  const embedded = hasWeights && options.embedWeights === true;
  const memory = memorySink();
  const sink = hasWeights && !embedded ? (options.packedInto ?? memory) : memory;
  const packed = packWeights(program, options.version, sink, options.onPacked);
  const kernels = printKernels(program, options);
  const helpers = new Set<Helper>(kernels.flatMap((kernel) => [...kernel.helpers]));
  const name = fileNameOf(program.name);

  const module = joinSections([
    header(program, options),
    `/** Reads the weights and makes the net ready. */\nexport function load(options) {\n  return loadJs({ model, launches, table, url: import.meta.url${embedded ? ", embedded" : ""} }, options);\n}\n`,
    modelText(program, packed),
    launchesText(program, kernels),
    tableText(program.table),
    section("Kernels"),
    ...kernels.map((kernel) => kernel.text),
    ...[...helpers].toSorted().map(helperText),
    section("Runtime"),
    runtimeTexts.js,
    runtimeTexts.net,
    embedded ? `const embedded =\n  "${toBase64(memory.data)}";\n` : "",
  ]);
  return {
    name,
    target: "js",
    module,
    types: typesText(program, { sync: true }),
    ...(hasWeights && !embedded && sink === memory ? { weights: memory.file } : {}),
    kernels: program.kernels.length,
    launches: program.launches.length,
    arenaBytes: program.arena * 4,
    weightBytes: packed.elements * 4,
  };
}

function printKernels(program: KernelProgram, options: EmitOptions): PrintedKernel[] {
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
        program.launches.filter((launch) => launch.kernel === index),
        options,
      ),
      table: bounds,
    });
    taken.add(printed.name);
    return printed;
  });
}

/** What a kernel computes: the nodes of its launches and the user's lines that they come from. */
function kernelComment(kernel: Kernel, launches: readonly Launch[], { lineOf }: EmitOptions): string {
  const shown = launches.slice(0, 3).map((launch) => `${launch.label}: ${launch.nodes.join(" → ")}`);
  if (launches.length > 3) shown.push(`… and ${launches.length - 3} more launches`);
  const lines = new Set(
    launches.slice(0, 3).flatMap(({ nodes }) => nodes.flatMap((node) => lineOf?.(node) ?? [])),
  );
  const memory = kernel.scratch > 0 ? [`Scratch: ${kernel.scratch} elements.`] : [];
  return [...shown, ...[...lines].map((line) => `  ${line}`), ...memory].map(oneLine).join("\n");
}

function header(program: KernelProgram, options: EmitOptions): string {
  return comment(
    [
      `The net ${oneLine(program.name)}, compiled by Cleave ${options.version} to plain JavaScript. Do not edit.`,
      ...(options.summary === undefined ? [] : [oneLine(options.summary)]),
      `${count(program.launches.length, "launch", "launches")} of ${count(program.kernels.length, "kernel", "kernels")}, ${program.arena * 4} bytes of arena.`,
    ].join("\n"),
  )
    .join("\n")
    .concat("\n");
}

function count(number: number, one: string, many: string): string {
  return `${number} ${number === 1 ? one : many}`;
}

function modelText(program: KernelProgram, packed: PackedWeights): string {
  const ports = (all: readonly Port[]) =>
    all
      .map(
        ({ name, shape, offset }) =>
          `    { name: ${JSON.stringify(name)}, shape: [${shape.join(", ")}], offset: ${offset} },\n`,
      )
      .join("");
  const batch = program.batch === undefined ? "" : `  batch: ${JSON.stringify(program.batch)},\n`;
  const file = JSON.stringify(`${fileNameOf(program.name)}.packed.safetensors`);
  return `const model = {
  name: ${JSON.stringify(program.name)},
  inputs: [
${ports(program.inputs)}  ],
  outputs: [
${ports(program.outputs)}  ],
${batch}  arena: ${program.arena},
  scratch: ${program.scratch},
  weights: { file: ${file}, elements: ${packed.elements}, hash: "${packed.hash}" },
};
`;
}

function launchesText(program: KernelProgram, kernels: readonly PrintedKernel[]): string {
  const rows = program.launches.map((launch) => {
    const kernel = kernels[launch.kernel] ?? bug(`launch of kernel ${launch.kernel}, which does not exist`);
    const label = JSON.stringify(launch.nodes.join(" → "));
    return `  [${kernel.name}, [${launch.offsets.join(", ")}], ${label}, ${launch.macs}],\n`;
  });
  return `/** In order: the kernel, the base offset of each parameter, the nodes, multiply-accumulates. */\nconst launches = [\n${rows.join("")}];\n`;
}

function tableText(table: readonly number[]): string {
  if (table.length <= 16) return `const table = [${table.join(", ")}];\n`;
  const rows: string[] = [];
  for (let start = 0; start < table.length; start += 20) {
    rows.push(`  ${table.slice(start, start + 20).join(", ")},\n`);
  }
  return `const table = [\n${rows.join("")}];\n`;
}

function section(title: string): string {
  return `// ${"-".repeat(8)} ${title} ${"-".repeat(8)}\n`;
}

function joinSections(sections: readonly string[]): string {
  return sections.filter((text) => text !== "").join("\n");
}

/** Line breaks of any kind would end a comment. */
function oneLine(text: string): string {
  return text.replaceAll(/[\r\n\u2028\u2029]+/g, " ");
}
