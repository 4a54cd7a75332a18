// The WebGPU back end: one ES module with a shader per kernel, and the host code that binds and dispatches them.

import { bug } from "#diagnostic/diagnostic.js";
import { elements } from "#ir/type.js";
import type { KernelProgram, Launch, Port } from "#kernel/ir.js";
import { runtimeTexts } from "#runtime/text.js";
import { arenaElements } from "#ir/arenas.js";
import type { Artifact, EmitOptions } from "../artifact.js";
import { fileNameOf } from "../artifact.js";
import {
  headerText,
  joinSections,
  kernelComment,
  loadText,
  modelText,
  section,
  tableText,
} from "../module-text.js";
import { placeWeights } from "../packed.js";
import { block } from "../text.js";
import { typesText } from "../types-text.js";
import type { Binding, Memory } from "./bindings.js";
import { bindingsOf } from "./bindings.js";
import type { Limits } from "./limits.js";
import type { Shader } from "./print.js";
import { printShader } from "./print.js";

/** A shader of a program: a kernel, and one way of binding its buffers. */
export interface ProgramShader extends Shader {
  /** Readable and unique in the program. */
  readonly name: string;
  readonly bindings: readonly Binding[];
  /** Invocations of a workgroup. */
  readonly invocations: number;
}

/** All shaders of a program, with the shader and the memories of each launch. */
export interface ProgramShaders {
  readonly shaders: readonly ProgramShader[];
  readonly launches: readonly { readonly shader: number; readonly memories: readonly Memory[] }[];
}

/** Prints the shaders of a program: launches of one kernel that bind their buffers alike share one. */
export function printShaders(
  program: KernelProgram,
  options: Pick<EmitOptions, "lineOf"> = {},
): ProgramShaders {
  const bound = program.launches.map((launch) => ({ launch, ...bindingsOf(program, launch) }));
  const found = new Map<string, { readonly index: number; readonly launches: Launch[] }>();
  const launches = bound.map(({ launch, pattern, memories }) => {
    const key = JSON.stringify([launch.kernel, pattern]);
    const known = found.get(key) ?? { index: found.size, launches: [] };
    known.launches.push(launch);
    found.set(key, known);
    return { shader: known.index, memories };
  });
  const counts = new Map<string, number>();
  const shaders = [...found.values()].map(({ launches: same }): ProgramShader => {
    const [launch = bug("a shader that nothing launches")] = same;
    const kernel = program.kernels[launch.kernel] ?? bug(`no kernel ${launch.kernel}`);
    const { pattern } = bindingsOf(program, launch);
    const shader = printShader(kernel, pattern, kernelComment(kernel, same, options));
    const plain = kernel.name.replaceAll(/\W/g, "_");
    const count = (counts.get(plain) ?? 0) + 1;
    counts.set(plain, count);
    return {
      ...shader,
      name: count === 1 ? plain : `${plain}_bound_${count}`,
      bindings: pattern.bindings,
      invocations: kernel.team,
    };
  });
  return { shaders, launches };
}

/** What a device must have to run the program. */
export function neededLimits(program: KernelProgram, { shaders }: ProgramShaders): Limits {
  const ends = [...program.weightParts.slice(1), weightElements(program)];
  const buffers = [
    ...program.arenas.map(({ elements }) => elements),
    ...program.weightParts.map((start, part) => (ends[part] ?? start) - start),
    program.table.length,
  ];
  const most = (of: (shader: ProgramShader) => number): number => Math.max(1, ...shaders.map(of));
  const bytes = 16 * Math.ceil(Math.max(4, ...buffers) / 4);
  return {
    maxBufferSize: bytes,
    maxStorageBufferBindingSize: bytes,
    maxStorageBuffersPerShaderStage: most(({ bindings }) => bindings.length),
    maxComputeWorkgroupStorageSize: most(({ scratchBytes }) => scratchBytes),
    maxComputeInvocationsPerWorkgroup: most(({ invocations }) => invocations),
    maxComputeWorkgroupSizeX: most(({ invocations }) => invocations),
    maxComputeWorkgroupsPerDimension: most(({ workgroups }) => Math.max(...workgroups)),
  };
}

function weightElements(program: KernelProgram): number {
  return program.weights.reduce((sum, { elements }) => sum + elements, 0);
}

/** Emits the module of a program for the `wgsl` target. */
export function emitWgsl(program: KernelProgram, options: EmitOptions): Artifact {
  if (program.setup.length > 0) bug("weights are prepared by a kernel, which this target does not run");
  const packed = placeWeights(program, options);
  const printed = printShaders(program, options);
  const name = fileNameOf(program.name);
  const module = joinSections([
    headerText(program, options, "WebGPU"),
    loadText("loadWgsl", packed, "launches, shaders, table"),
    modelText(program, packed, (port) => placeText(program, port), [
      `arenas: [${program.arenas.map(({ elements }) => elements).join(", ")}],`,
      `weightParts: [${program.weightParts.join(", ")}],`,
      ...block(
        "limits:",
        Object.entries(neededLimits(program, printed)).map(([key, value]) => `${key}: ${value},`),
      )
        .join("\n")
        .concat(",")
        .split("\n"),
    ]),
    launchesText(program, printed),
    tableText(program.table),
    section("Shaders"),
    shadersText(printed),
    section("Runtime"),
    runtimeTexts.wgsl,
    runtimeTexts.shared,
    packed.embedded ?? "",
  ]);
  return {
    name,
    target: "wgsl",
    module,
    types: typesText(program, { sync: false, kind: "gpu" }),
    ...packed.part,
    shaders: printed.shaders.map(({ name: own, text }) => ({ name: own, text })),
    needs: neededLimits(program, printed),
    kernels: printed.shaders.length,
    launches: program.launches.length,
    arenaBytes: arenaElements(program) * 4,
    weightBytes: packed.elements * 4,
  };
}

/** The buffer of a port, and whether it fills that by itself. */
function placeText({ arenas, inputs, outputs }: KernelProgram, { arena, offset, shape }: Port): string {
  const { kind, elements: size } = arenas[arena] ?? bug(`no arena ${arena}`);
  const sharers = [...inputs, ...outputs].filter((port) => port.arena === arena).length;
  const isAlone = kind === "port" && sharers === 1 && offset === 0 && elements(shape) === size;
  return `buffer: ${arena}, offset: ${offset}, alone: ${isAlone}`;
}

/** Buffers are numbered: arenas, parts of the weights, the table. */
function bufferOf(program: KernelProgram, { space, index }: Memory): number {
  const before = {
    arena: 0,
    weights: program.arenas.length,
    table: program.arenas.length + program.weightParts.length,
  };
  return before[space] + index;
}

function launchesText(program: KernelProgram, { launches }: ProgramShaders): string {
  const rows = program.launches.map((launch, at) => {
    const { shader, memories } = launches[at] ?? bug("a launch without a shader");
    const buffers = memories.map((memory) => bufferOf(program, memory));
    const label = JSON.stringify(launch.nodes.join(" → "));
    return `  [${shader}, [${buffers.join(", ")}], [${launch.offsets.join(", ")}], ${label}, ${launch.macs}],\n`;
  });
  return `/** In order: the shader, the buffer of each binding, the base offset of each parameter, the nodes, multiply-accumulates. */\nconst launches = [\n${rows.join("")}];\n`;
}

function shadersText({ shaders }: ProgramShaders): string {
  const rows = shaders.map(({ name, text, workgroups, bindings }) => {
    const access = bindings.map((binding) => (binding.access === "read" ? "r" : "w")).join("");
    const escaped = text.replaceAll(/[\\`]|\$\{/g, String.raw`\$&`);
    return `  ["${name}", \`\n${escaped}\`, [${workgroups.join(", ")}], "${access}"],\n`;
  });
  return `/** The name, the text, workgroups along x and y, and for each buffer whether it is read only. */\nconst shaders = [\n${rows.join("")}];\n`;
}
