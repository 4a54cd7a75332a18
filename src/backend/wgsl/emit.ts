// The WebGPU back end: one ES module with the shaders, and the host code that binds and dispatches them.

import { greatest } from "#diagnostic/extremes.js";
import { bug } from "#diagnostic/diagnostic.js";
import { given } from "#diagnostic/given.js";
import { jsString, jsTemplate } from "#diagnostic/escape.js";
import { runToEnd } from "#diagnostic/interruptible.js";
import { elements } from "#ir/type.js";
import { foldKernel } from "#kernel/ir/fold.js";
import { programInSubgroups } from "#kernel/ir/subgroups.js";
import type { Kernel, KernelProgram, Launch, Port } from "#kernel/ir/ir.js";
import { shaderHeads } from "#runtime/wgsl/half.js";
import { enableSubgroups } from "#runtime/wgsl/subgroups.js";
import { runtimeTexts } from "#runtime/text.js";
import { addsBytes, dotHeads } from "#runtime/wgsl/words.js";
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
  tableText,
} from "../module-text.js";
import type { PlacedWeights } from "../packed.js";
import { placeWeights } from "../packed.js";
import { block } from "../text.js";
import { picturesRuntime, picturesText, takesPictures, wrappersOf } from "../pictures.js";
import { typesText } from "../types-text.js";
import type { Binding, Memory } from "./bindings.js";
import { bindingsOf, mayBeHalves } from "./bindings.js";
import type { Limits } from "./limits.js";
import type { Shader } from "./print.js";
import { printShader, workgroupsOf } from "./print.js";
import { formOf, shareKernels, spellNearest } from "./share.js";

/** A shader of a program: a form of kernel, and one way of binding its buffers. */
interface ProgramShader extends Shader {
  /** Readable, and unique in the program. */
  readonly name: string;
  readonly bindings: readonly Binding[];
  /** The invocations of a workgroup. */
  readonly invocations: number;
  /** Whether workgroups are subgroups; then the shader must begin with `enableSubgroups`. */
  readonly subgroup: boolean;
}

/** How a shader is launched. */
interface ShaderLaunch {
  readonly shader: number;
  readonly memories: readonly Memory[];
  /** Workgroups along x and y. */
  readonly workgroups: readonly [number, number];
  /** The values in the uniform: the base offset of each parameter, then the sizes in which the launches of the shader differ. */
  readonly uniforms: readonly number[];
}

/** The shader of each kernel, with what it computes in a comment; empty for a kernel that only devices with subgroups run. */
export function wgslKernelTexts(
  program: KernelProgram,
  options: Pick<EmitOptions, "lineOf" | "f16"> = {},
): string[] {
  const { shaders, launches } = printShaders(program, options);
  return program.kernels.map((_, index) => {
    const at = program.launches.findIndex(({ kernel }) => kernel === index);
    return shaders[launches[at]?.shader ?? -1]?.text ?? "";
  });
}

/** All shaders of a program, and its launches. */
export interface ProgramShaders {
  readonly shaders: readonly ProgramShader[];
  readonly launches: readonly ShaderLaunch[];
  /** For each launch, the one that replaces it on devices with suitable subgroups; see `SubgroupKernels`. */
  readonly subgroups: readonly (ShaderLaunch | undefined)[];
}

/**
 * Prints the shaders of a program. Launches share a shader if their kernels have the same form and bind their buffers alike. With `f16`,
 * each shader must begin with one of `shaderHeads`.
 */
export function printShaders(
  program: KernelProgram,
  options: Pick<EmitOptions, "lineOf" | "f16"> = {},
): ProgramShaders {
  const all = programInSubgroups(program);
  const instead = all.launches.map((launch, at) => (launch === program.launches[at] ? undefined : launch));
  const kernels = all.kernels.map((kernel) => foldKernel(spellNearest(kernel)));
  const forms = kernels.map((kernel) => formOf(kernel, program.lanes));
  const groups = new Map<string, Launch[]>();
  for (const launch of [...program.launches, ...instead]) {
    if (!launch) continue;
    const key = `${forms[launch.kernel] ?? ""} ${JSON.stringify(bindingsOf(all, launch, options.f16).pattern)}`;
    groups.set(key, [...(groups.get(key) ?? []), launch]);
  }
  const names = createUniqueNames();
  const shaders: ProgramShader[] = [];
  const made = new Map<Launch, ShaderLaunch>();
  for (const same of groups.values()) {
    const [launch = bug("a shader that nothing launches")] = same;
    const used = [...new Set(same.map(({ kernel }) => kernel))];
    const members = used.map((index) => kernels[index] ?? bug(`no kernel ${index}`));
    const shared = shareKernels(members, program.lanes);
    const { pattern } = bindingsOf(all, launch, options.f16);
    for (const one of same) {
      const at = used.indexOf(one.kernel);
      made.set(one, {
        shader: shaders.length,
        memories: bindingsOf(all, one).memories,
        workgroups: workgroupsOf(members[at] ?? shared.kernel),
        uniforms: [...one.offsets, ...(shared.values[at] ?? [])],
      });
    }
    shaders.push({
      ...printShader(shared, pattern, kernelComment(shared.kernel, same, options)),
      name: names(members),
      bindings: pattern.bindings,
      invocations: shared.kernel.team,
      subgroup: shared.kernel.subgroup ?? false,
    });
  }
  return {
    shaders,
    launches: program.launches.map((launch) => made.get(launch) ?? bug("a lost launch")),
    subgroups: instead.map((launch) => launch && made.get(launch)),
  };
}

/** Makes unique names for shaders: the part of the names of its kernels that they have in common, up to the shapes. */
function createUniqueNames(): (kernels: readonly Kernel[]) => string {
  const counts = new Map<string, number>();
  return (kernels) => {
    const [first = "", ...more] = kernels.map(({ name }) => name.replaceAll(/\W/g, "_").split("_"));
    const words = [...first].filter((word, at) => more.every((other) => other[at] === word));
    const own = words.join("_") || "shader";
    const plain = kernels.some(({ subgroup }) => subgroup) ? `${own}_subgroups` : own;
    const count = (counts.get(plain) ?? 0) + 1;
    counts.set(plain, count);
    return count === 1 ? plain : `${plain}_form_${count}`;
  };
}

/** The limits that a device must have to run the program. */
export function neededLimits(
  program: KernelProgram,
  { shaders, launches, subgroups }: ProgramShaders,
): Limits {
  const ends = [...program.weightParts.slice(1), weightElements(program)];
  const buffers = [
    ...program.arenas.map(({ elements }) => elements),
    ...program.weightParts.map((start, part) => (ends[part] ?? start) - start),
    program.table.length,
  ];
  const most = (of: (shader: ProgramShader) => number): number => greatest(shaders.map(of), 1);
  const bytes = 16 * Math.ceil(greatest(buffers, 4) / 4);
  return {
    maxBufferSize: bytes,
    maxStorageBufferBindingSize: bytes,
    maxStorageBuffersPerShaderStage: most(({ bindings }) => bindings.length),
    maxComputeWorkgroupStorageSize: most(({ scratchBytes }) => scratchBytes),
    maxComputeInvocationsPerWorkgroup: most(({ invocations }) => invocations),
    maxComputeWorkgroupSizeX: most(({ invocations }) => invocations),
    maxComputeWorkgroupsPerDimension: greatest(
      [...launches, ...subgroups].flatMap((launch) => launch?.workgroups ?? []),
      1,
    ),
  };
}

function weightElements(program: KernelProgram): number {
  return program.weights.reduce((sum, { elements }) => sum + elements, 0);
}

/** Emits the module of a program for the `wgsl` target. */
export function emitWgsl(
  program: KernelProgram,
  options: EmitOptions,
  packed?: PlacedWeights,
  printed?: ProgramShaders,
): Artifact {
  return joinParts(wgslParts(program, options, packed, printed));
}

/** The module of a program for the `wgsl` target, in parts. */
export function wgslParts(
  program: KernelProgram,
  options: EmitOptions,
  packed: PlacedWeights = runToEnd(placeWeights(program, options)),
  printed: ProgramShaders = printShaders(program, options),
): Emitted {
  if (program.setup.length > 0) bug("weights are prepared by a kernel, which this target does not run");
  const name = fileNameOf(program.name);
  const hasDots = printed.shaders.some(({ text }) => addsBytes(text));
  const text = {
    head: headerText(program, options, "WebGPU"),
    body: [
      loadText(
        "loadWgsl",
        packed,
        `launches, shaders${hasDots ? ": withDots(shaders, options)" : ""}, table`,
        wrappersOf(program, options.classifier, ["withGpuPictures", "pictures"]),
      ),
      modelText(program, packed, (port) => placeText(program, port), [
        `arenas: [${program.arenas.map(({ elements }) => elements).join(", ")}],`,
        `weightParts: [${program.weightParts.join(", ")}],`,
        ...(options.f16 ? [`halves: [${arenasOfHalves(program).join(", ")}],`] : []),
        ...(program.subgroups ? [`subgroup: ${program.subgroups.items},`] : []),
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
      picturesText(program, options.classifier),
      section("Shaders"),
      shadersText(printed),
    ],
    ...runtimeText(
      "wgsl",
      packed,
      [
        ...(hasDots ? [runtimeTexts.words] : []),
        ...(takesPictures(program) ? [runtimeTexts.gpuPictures] : []),
      ],
      picturesRuntime(program, options.classifier),
    ),
    ...given({ embedded: packed.embedded }),
  };
  return {
    name,
    target: "wgsl",
    text,
    types: typesText(program, { sync: false, kind: "gpu", ...given({ classifier: options.classifier }) }),
    ...packed.part,
    shaders: printed.shaders.map(({ name: own, text, subgroup }) => ({
      name: own,
      text:
        (subgroup ? enableSubgroups : "") +
        (options.f16 ? shaderHeads.f16 : "") +
        (addsBytes(text) ? dotHeads.packed : "") +
        text,
    })),
    needs: neededLimits(program, printed),
    kernels: program.launches.length,
    setup: program.setup.length,
    functions: printed.shaders.filter(({ subgroup }) => !subgroup).length,
    memoryBytes: packed.elements * 4,
    arenaBytes: arenaElements(program) * 4,
    weightBytes: packed.bytes,
    flushedWeights: packed.flushed,
  };
}

/** The arenas that may be stored as f16. */
function arenasOfHalves(program: KernelProgram): number[] {
  return program.arenas.flatMap((_, index) =>
    mayBeHalves(program, { space: "arena", index }) ? [index] : [],
  );
}

/** The buffer of a port, and whether the port fills the whole buffer. */
function placeText({ arenas, inputs, outputs }: KernelProgram, { arena, offset, shape }: Port): string {
  const { kind, elements: size } = arenas[arena] ?? bug(`no arena ${arena}`);
  const sharers = [...inputs, ...outputs].filter((port) => port.arena === arena).length;
  const isAlone = kind === "port" && sharers === 1 && offset === 0 && elements(shape) === size;
  return `buffer: ${arena}, offset: ${offset}, alone: ${isAlone}`;
}

/** The number of a buffer: first arenas, then parts of the weights, then the table. */
function bufferOf(program: KernelProgram, { space, index }: Memory): number {
  const before = {
    arena: 0,
    weights: program.arenas.length,
    table: program.arenas.length + program.weightParts.length,
  };
  return before[space] + index;
}

function launchesText(program: KernelProgram, { launches, subgroups }: ProgramShaders): string {
  const rows = program.launches.map((launch, at) => {
    const { shader, memories, workgroups, uniforms } = launches[at] ?? bug("a launch without a shader");
    const buffers = memories.map((memory) => bufferOf(program, memory));
    const label = jsString(launch.nodes.join(" → "));
    const other = subgroups[at];
    const instead = other
      ? `, [${other.shader}, [${other.uniforms.join(", ")}], [${other.workgroups.join(", ")}]]`
      : "";
    return `  [${shader}, [${buffers.join(", ")}], [${uniforms.join(", ")}], [${workgroups.join(", ")}], ${label}, ${launch.macs}${instead}],\n`;
  });
  const more = program.subgroups
    ? "; where subgroups fit, another shader, its offsets and sizes, its workgroups"
    : "";
  return `/** In order: the shader, the buffer of each binding, the base offset of each parameter and the sizes, workgroups along x and y, the nodes, multiply-accumulates${more}. */\nconst launches = [\n${rows.join("")}];\n`;
}

function shadersText({ shaders }: ProgramShaders): string {
  const rows = shaders.map(({ name, text, bindings, subgroup }) => {
    const access = bindings.map((binding) => (binding.access === "read" ? "r" : "w")).join("");
    return `  ["${name}", ${jsTemplate(`\n${text}`)}, "${access}"${subgroup ? ", true" : ""}],\n`;
  });
  return `/** The name, the text, for each buffer whether it is read only, and whether it uses subgroups. */\nconst shaders = [\n${rows.join("")}];\n`;
}
