// Parts that the emitted modules of all targets have: header, ports, tables, comments.

import { jsString } from "#diagnostic/escape.js";
import type { Kernel, KernelProgram, Launch, Port } from "#kernel/ir/ir.js";
import { runtimeTexts } from "#runtime/text.js";
import { arenaElements } from "#ir/arenas.js";
import type { Artifact, EmitOptions, Emitted } from "./artifact.js";
import type { PackedWeights, PlacedWeights } from "./packed.js";
import { comment } from "./text.js";

/** A comment that says what a kernel computes: the nodes of its launches, and the user's lines that they come from. */
export function kernelComment(
  kernel: Kernel,
  launches: readonly Launch[],
  { lineOf }: Pick<EmitOptions, "lineOf">,
): string[] {
  const shown = launches.slice(0, 3).map((launch) => `${launch.label}: ${launch.nodes.join(" → ")}`);
  if (launches.length > 3) shown.push(`… and ${launches.length - 3} more launches`);
  const lines = new Set(
    launches.slice(0, 3).flatMap(({ nodes }) => nodes.flatMap((node) => lineOf?.(node) ?? [])),
  );
  const memory = kernel.scratch > 0 ? [`Scratch: ${kernel.scratch} elements.`] : [];
  return [...shown, ...[...lines].map((line) => `  ${line}`), ...memory];
}

/** The first lines of a module: what it is, in `language`, and how large it is. */
export function headerText(program: KernelProgram, options: EmitOptions, language: string): string {
  const bytes = 4 * arenaElements(program);
  return comment([
    `The net ${program.name}, compiled by Cleave ${options.version} to ${language}. Do not edit.`,
    ...(options.summary === undefined ? [] : [options.summary]),
    `${count(program.launches.length, "launch", "launches")} of ${count(program.kernels.length, "kernel", "kernels")}, ${bytes} bytes of arena.`,
  ])
    .join("\n")
    .concat("\n");
}

/**
 * The function that the module exports. It passes the named constants to the runtime's loader, and the net to the functions that add what
 * it does with pictures. Bundlers look for the literal `new URL("…", import.meta.url)`, and emit the file.
 */
export function loadText(
  loader: string,
  { file, embedded, elements }: PlacedWeights,
  names: string,
  wrappers: readonly (readonly [wrapper: string, constant: string])[] = [],
): string {
  const beside = `file: () => new URL(${jsString(`./${encodeURIComponent(file)}`)}, import.meta.url)`;
  const place = embedded === undefined ? (elements > 0 ? [beside] : []) : ["embedded"];
  const all = ["model", names, ...place].join(", ");
  const loaded = `${loader}({ ${all} }, options)`;
  const wrapped = wrappers.reduce((net, [wrapper, constant]) => `${wrapper}(${net}, ${constant})`, "net");
  const result = wrappers.length > 0 ? `${loaded}.then((net) => ${wrapped})` : loaded;
  return `/** Reads the weights and makes the net ready. */\nexport function load(options) {\n  return ${result};\n}\n`;
}

/** The constant `staged`: what the runtime has to know of weights that only the setup reads. */
export function stagedText({ staged = [] }: KernelProgram): string {
  const rows = staged.map(({ elements, launches }) => `[${elements}, ${launches}]`);
  return `/** The last of the weights, which only the last launches of the setup read: elements, and how many launches. */\nconst staged = [${rows.join(", ")}];\n`;
}

/** The constant `model`; `more` are properties that only this target has, as lines. */
export function modelText(
  program: KernelProgram,
  packed: Pick<PlacedWeights, "file" | keyof PackedWeights>,
  placeOf: (port: Port) => string,
  more: readonly string[],
): string {
  const ports = (all: readonly Port[]) =>
    all
      .map(
        (port) =>
          `    { name: ${jsString(port.name)}, shape: [${port.shape.join(", ")}], ${placeOf(port)}${port.element ? `, element: "${port.element}"` : ""}${port.once ? ", once: true" : ""} },\n`,
      )
      .join("");
  const batch = program.batch === undefined ? "" : `  batch: ${jsString(program.batch)},\n`;
  const file = jsString(packed.file);
  return `const model = {
  name: ${jsString(program.name)},
  inputs: [
${ports(program.inputs)}  ],
  outputs: [
${ports(program.outputs)}  ],
${batch}${more.map((line) => `  ${line}\n`).join("")}  weights: { file: ${file}, elements: ${packed.elements}, hash: "${packed.hash}"${storedText(packed)} },
};
`;
}

/** How the weights are stored, if some are stored as codes. */
function storedText({ bytes, stored }: PackedWeights): string {
  if (!stored) return "";
  const rows = stored.map((row) => `\n      ${JSON.stringify(row).replaceAll(",", ", ")},`);
  return `, bytes: ${bytes}, stored: [${rows.join("")}\n    ]`;
}

/** The text of a module in parts, so that one module can hold several targets. */
export interface ModuleText {
  /** Comments. */
  readonly head: string;
  /** What belongs to the net: the function `load`, constants and kernels. */
  readonly body: readonly string[];
  /** The runtime that only this target has, and the one that all targets have in common. */
  readonly machine: readonly string[];
  readonly shared: readonly string[];
  /** `const embedded = …`, if the weights are in the module. */
  readonly embedded?: string;
}

/** The artifact of one target: its parts joined into a module. */
export function joinParts({ text, ...artifact }: Emitted): Artifact {
  const { head, body, machine, shared, embedded = "" } = text;
  const module = joinSections([head, ...body, section("Runtime"), ...machine, ...shared, embedded]);
  return { ...artifact, module };
}

/**
 * The runtime of a target, with parts that only some nets need: `own` for this target, `common` for all. If weights are stored as codes, the machine reads them with
 * `src/runtime/compact.ts` instead.
 */
export function runtimeText(
  machine: "js" | "wasm" | "wgsl",
  { stored }: PackedWeights,
  own: readonly string[],
  common: readonly string[],
): Pick<ModuleText, "machine" | "shared"> {
  const text = runtimeTexts[machine];
  const net = machine === "wgsl" ? [] : [runtimeTexts.net];
  if (!stored) return { machine: [...own, text], shared: [...net, runtimeTexts.shared, ...common] };
  const compact = text.replaceAll(/\b(read|find)Weights\(/g, "$1Compact(");
  return {
    machine: [...own, compact],
    shared: [...net, runtimeTexts.compact, runtimeTexts.shared, ...common],
  };
}

export function tableText(table: readonly number[]): string {
  if (table.length <= 16) return `const table = [${table.join(", ")}];\n`;
  const rows: string[] = [];
  for (let start = 0; start < table.length; start += 20) {
    rows.push(`  ${table.slice(start, start + 20).join(", ")},\n`);
  }
  return `const table = [\n${rows.join("")}];\n`;
}

export function section(title: string): string {
  return `// ${"-".repeat(8)} ${title} ${"-".repeat(8)}\n`;
}

export function joinSections(sections: readonly string[]): string {
  return sections.filter((text) => text !== "").join("\n");
}

function count(number: number, one: string, many: string): string {
  return `${number} ${number === 1 ? one : many}`;
}
