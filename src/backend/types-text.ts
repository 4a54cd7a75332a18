// The TypeScript declarations of an emitted module, typed by the net's inputs and outputs.

import type { KernelProgram, Port } from "#kernel/ir.js";
import { fileNameOf } from "./artifact.js";

/** The text of `<net>.d.ts`. `sync`: whether the target has `runSync`. */
export function typesText(program: KernelProgram, options: { readonly sync: boolean }): string {
  const { name, batch } = program;
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
   * A URL, relative to the module, or the bytes of ${packed}, which are kept and must not change.
   * Default: that file beside the module, or the weights embedded in it.
   */
  readonly weights?: string | URL | ArrayBuffer | Uint8Array;
}

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
  /** Throws TypeError if an input's name, type or length is wrong. */
  run(inputs: Inputs, options?: RunOptions): Promise<Outputs>;
${options.sync ? "  /** As run, at once. */\n  runSync(inputs: Inputs, options?: RunOptions): Outputs;\n" : ""}  /** Frees weights and memory; a later \`run\` throws. */
  dispose(): void;
}

/** Reads the weights and makes the net ready. */
export function load(options?: LoadOptions): Promise<Net>;
`;
}

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
