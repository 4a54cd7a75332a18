// The WebAssembly back end: one ES module that contains two binaries, for SIMD and for relaxed SIMD, and no import.

import { jsString, lineText } from "#diagnostic/escape.js";
import type { Kernel, KernelProgram, Launch } from "#kernel/ir/ir.js";
import { valuesOf, walkStatements, walkValue } from "#kernel/ir/walk.js";
import { bug } from "#diagnostic/diagnostic.js";
import { given } from "#diagnostic/given.js";
import { runToEnd } from "#diagnostic/interruptible.js";
import { runtimeTexts } from "#runtime/text.js";
import { arenaElements } from "#ir/arenas.js";
import { bytesOf } from "#ir/target.js";
import type { Artifact, EmitOptions, Emitted } from "../artifact.js";
import { fileNameOf } from "../artifact.js";
import { comment } from "../text.js";
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
import { picturesRuntime, picturesText, takesPictures, wrappersOf } from "../pictures.js";
import { typesText } from "../types-text.js";
import { kernelParameters } from "./addresses.js";
import { encodeBinary } from "./binary.js";
import { binariesText } from "./binary-text.js";
import { functionsOf } from "./functions.js";
import type { Layout } from "./layout.js";
import { layoutOf } from "./layout.js";
import { resizerText } from "./resizer.js";
import { printKernel } from "./print.js";
import { watText } from "./wat.js";

/** Emits the module of a program for the `wasm` target. */
export function emitWasm(program: KernelProgram, options: EmitOptions, packed?: PlacedWeights): Artifact {
  return joinParts(wasmParts(program, options, packed));
}

/** The module of a program for the `wasm` target, in parts. */
export function wasmParts(
  program: KernelProgram,
  options: EmitOptions,
  packed: PlacedWeights = runToEnd(placeWeights(program, options)),
): Emitted {
  if (program.arenas.length !== 1) bug("the program keeps its tensors apart");
  const layout = layoutOf(program, packed.elements);
  const name = fileNameOf(program.name);
  // Bundlers look for this literal too.
  const file = `${encodeURIComponent(name)}.worker.js`;
  const worker = options.workerFile
    ? `, workerFile: { name: ${jsString(file)}, start: () => new Worker(new URL(${jsString(`./${file}`)}, import.meta.url)) }`
    : "";
  const hasDots = program.kernels.some(({ fours }) => fours !== undefined);
  const text = {
    head: headerText(program, options, "WebAssembly"),
    body: [
      loadText(
        "loadWasm",
        packed,
        `layout, kernels, setup, launches, staged, table, binaries${hasDots ? ", dots: dotsAreRight" : ""}${worker}`,
        wrappersOf(program, options.classifier, ["withWasmPictures", "pictures, resizer"]),
      ),
      modelText(program, packed, ({ offset }) => `offset: ${offset}`, [
        `arena: ${arenaElements(program)},`,
        `scratch: ${program.scratch},`,
        `prepared: ${program.prepared},`,
      ]),
      `/** Where the parts of memory begin, in bytes. */\nconst layout = ${JSON.stringify(layout)};\n`,
      kernelsText(program, options),
      launchesText("Once, to prepare weights", "setup", program, program.setup, layout),
      launchesText("In order", "launches", program, program.launches, layout),
      stagedText(program),
      tableText(program.table),
      picturesText(program, options.classifier),
      takesPictures(program)
        ? `/** The function that resizes pixels. */\nconst resizer =\n  "${resizerText()}";\n`
        : "",
      section("Kernels, as WebAssembly"),
      `/** The binaries for SIMD and for relaxed SIMD, compressed, as base64. */\nconst binaries =\n  "${binariesText(binaryOf(program, false), binaryOf(program, true))}";\n`,
    ],
    ...runtimeText(
      "wasm",
      packed,
      [
        ...(hasDots ? [runtimeTexts.dots] : []),
        ...(takesPictures(program) ? [runtimeTexts.wasmPictures] : []),
      ],
      picturesRuntime(program, options.classifier),
    ),
    ...given({ embedded: packed.embedded }),
  };
  return {
    name,
    target: "wasm",
    text,
    ...(options.workerFile && { worker: workerText(program, options) }),
    types: typesText(program, { sync: true, kind: "wasm", ...given({ classifier: options.classifier }) }),
    ...packed.part,
    kernels: program.launches.length,
    setup: program.setup.length,
    functions: program.kernels.length,
    arenaBytes: arenaElements(program) * 4,
    memoryBytes: layout.scratch + program.scratch * 4,
    weightBytes: packed.bytes,
    flushedWeights: packed.flushed,
  };
}

/** The script of a worker. */
function workerText({ name }: KernelProgram, { version }: EmitOptions): string {
  const head = comment([`The workers of the net ${name}, compiled by Cleave ${version}. Do not edit.`]);
  return `${head.join("\n")}\n\n${runtimeTexts.worker}\nattend(createPlayer);\n`;
}

/** The kernels of a program as a binary, in pieces, for SIMD or relaxed SIMD. */
export function binaryOf(program: KernelProgram, relaxed: boolean): Uint8Array<ArrayBuffer>[] {
  const forms = program.kernels.map((kernel) => (relaxed && kernel.fours) || kernel);
  const functions = functionsOf(forms);
  const kernels = forms.map((kernel) => printKernel(kernel, { lanes: program.lanes, relaxed, functions }));
  return encodeBinary({ imports: functions.imports, functions: [...functions.helpers, ...kernels] });
}

/** The functions of the kernels for SIMD as text, each with what it computes in comments. */
export function wasmKernelTexts(program: KernelProgram, options: Pick<EmitOptions, "lineOf"> = {}): string[] {
  const functions = functionsOf(program.kernels);
  return program.kernels.map((kernel, index) => {
    const launches = [...program.setup, ...program.launches].filter((launch) => launch.kernel === index);
    const printed = printKernel(kernel, { lanes: program.lanes, relaxed: false, functions });
    const text = watText(printed, {
      name: kernel.name,
      parameters: [...kernelParameters, ...kernel.parameters.map(({ name }) => name)],
      functions: functions.names,
    });
    return [...kernelComment(kernel, launches, options).map((line) => `;; ${lineText(line)}`), text].join(
      "\n",
    );
  });
}

function kernelsText(program: KernelProgram, options: EmitOptions): string {
  const rows = program.kernels.flatMap((kernel, index) => {
    const launches = [...program.setup, ...program.launches].filter((launch) => launch.kernel === index);
    const lines = comment(kernelComment(kernel, launches, options)).map((line) => `  ${line}`);
    return [...lines, `  [${jsString(kernel.name)}, ${kernel.grid.count}, ${workOf(kernel)}],`];
  });
  return `/** Functions of the binaries, how many independent blocks each has, and thousands of operations. */\nconst kernels = [\n${rows.join("\n")}\n];\n`;
}

/** Thousands of operations of all blocks, addresses included. It decides whether threads share them. */
function workOf(kernel: Kernel): number {
  let operations = 0;
  walkStatements(kernel.body, (statement, times) => {
    for (const value of valuesOf(statement)) {
      walkValue(value, ({ kind }) => {
        if (kind !== "register" && kind !== "const") operations += times;
      });
    }
  });
  return Math.ceil((operations * kernel.grid.count) / 1000);
}

function launchesText(
  when: string,
  name: string,
  program: KernelProgram,
  launches: readonly Launch[],
  layout: Layout,
): string {
  const rows = launches.map((launch) => {
    const kernel =
      program.kernels[launch.kernel] ?? bug(`launch of kernel ${launch.kernel}, which does not exist`);
    const addresses = launch.offsets.map((offset, at) => addressOf(kernel, at, offset, layout));
    const label = jsString(launch.nodes.join(" → "));
    return `  [${launch.kernel}, [${addresses.join(", ")}], ${label}, ${launch.macs}],\n`;
  });
  const text = rows.length > 0 ? `[\n${rows.join("")}]` : "[]";
  return `/** ${when}: the kernel, the address of each parameter, the nodes, multiply-accumulates. */\nconst ${name} = ${text};\n`;
}

/** The address of a parameter, in bytes, from its offset in its space. */
export function addressOf(kernel: Kernel, parameter: number, offset: number, layout: Layout): number {
  const { space, element } =
    kernel.parameters[parameter] ?? bug(`${kernel.name} has no parameter ${parameter}`);
  const bytes = offset * bytesOf(element);
  if (space === "weights" && bytes >= 4 * layout.resident) return layout.arena;
  return layout[space] + bytes;
}
