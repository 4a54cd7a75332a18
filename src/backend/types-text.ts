// The TypeScript declarations of an emitted module, typed by the net's inputs and outputs.

import type { KernelProgram, Port } from "#kernel/ir.js";
import { fileNameOf } from "./artifact.js";

/** The text of `<net>.d.ts`. `sync`: whether the target has `runSync`; `wasm`: the options of that target. */
export function typesText(
  program: KernelProgram,
  options: { readonly sync: boolean; readonly wasm?: boolean },
): string {
  const { name, batch } = program;
  const { wasm = false } = options;
  const packed = `${fileNameOf(name)}.packed.safetensors`;
  const many = batch === undefined ? "" : ` ${batch} is the number of samples, and any will do.`;
  return `// Types of the net ${name.replaceAll(/\s+/g, " ")}.

/** Inputs by name: dense tensors in row-major order, channels last.${many} */
export interface Inputs {
${ports(program, program.inputs)}
}

/** Outputs by name. */
export interface Outputs {
${ports(program, program.outputs)}
}

export interface LoadOptions {
  /**
   * A URL, relative to the module, or the bytes of ${packed}${wasm ? ", which are copied" : ", which are kept and must not change"}.
   * Default: that file beside the module, or the weights embedded in it.
   */
  readonly weights?: string | URL | ArrayBuffer | Uint8Array;
${wasm ? loadTypes : ""}}

export interface RunOptions {
  /** Arrays that results are written into; what is missing is allocated. */
  readonly into?: Partial<Outputs>;
  /** Adds the milliseconds of launch i to element i. */
  readonly times?: Float64Array;
}

/** One launch of a kernel; multiply-accumulates are those of one sample. */
export interface Launch {
  readonly kernel: string;
  readonly label: string;
  readonly macs: number;
}

export interface Net {
  readonly name: string;
  /** Shapes by name. */
  readonly inputs: Readonly<Record<keyof Inputs, readonly (number | string)[]>>;
  readonly outputs: Readonly<Record<keyof Outputs, readonly (number | string)[]>>;
  readonly launches: readonly Launch[];
${wasm ? threadTypes : ""}  /** Throws TypeError if an input's name, type or length is wrong.${wasm ? " With several threads, the calling one stays free." : ""} */
  run(inputs: Inputs, options?: RunOptions): Promise<Outputs>;
${options.sync ? "  /** As run, at once. */\n  runSync(inputs: Inputs, options?: RunOptions): Outputs;\n" : ""}  /** Frees weights and memory; a later \`run\` throws. */
  dispose(): void;
}

/** Reads the weights and makes the net ready. */
export function load(options?: LoadOptions): Promise<Net>;
`;
}

const loadTypes = `  /** How many threads compute, 1 to 256. Default: 1. A page needs the headers COOP and COEP for more than one. */
  readonly threads?: number;
  /** Default: relaxed SIMD where the engine has it; results differ in the last bits. */
  readonly simd?: "simd" | "relaxed";
`;

const threadTypes = `  /** How many threads compute: 1 too where memory cannot be shared, or where no kernel is worth sharing. */
  readonly threads: number;
`;

function ports(program: KernelProgram, all: readonly Port[]): string {
  return all
    .map((port) => {
      const shape = port.shape.map((extent, axis) => (axis === 0 ? (program.batch ?? extent) : extent));
      return `  /** f32[${shape.join(", ")}] */\n  readonly ${property(port.name)}: Float32Array;`;
    })
    .join("\n");
}

/** A property name as source text, quoted only where it must be. */
export function property(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) && name !== "__proto__" ? name : JSON.stringify(name);
}
