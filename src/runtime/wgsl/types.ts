// What an emitted module for WebGPU is made of. None of it is emitted.

import type { Port, WeightsInfo } from "../types.js";

/** An input or output: where it lies, and whether it has that buffer for itself. */
export interface GpuPort extends Port {
  /** Number of the buffer. */
  readonly buffer: number;
  /** Whether nothing else lies in the buffer, so that a buffer of the caller's can take its place. */
  readonly alone: boolean;
}

/** A shader: its name, its text, the letters of its bindings (r is read only, w is written), and whether it uses subgroups. */
export type GpuShader = readonly [name: string, text: string, access: string, subgroup?: boolean];

/**
 * The shader, the buffer of each binding, the base offset of each parameter and the sizes that the shader asks for, workgroups along x
 * and y, the nodes, multiply-accumulates; what differs where another shader does the same in subgroups.
 */
export type GpuLaunch = readonly [
  shader: number,
  buffers: readonly number[],
  offsets: readonly number[],
  workgroups: readonly [number, number],
  label: string,
  macs: number,
  instead?: readonly [shader: number, offsets: readonly number[], workgroups: readonly [number, number]],
];

export interface GpuModel {
  readonly name: string;
  readonly inputs: readonly GpuPort[];
  readonly outputs: readonly GpuPort[];
  readonly batch?: string;
  readonly weights: WeightsInfo;
  /** Elements of each arena: the first buffers. */
  readonly arenas: readonly number[];
  /** Where each part of the weights begins: the next buffers; behind them stands the table. */
  readonly weightParts: readonly number[];
  /** If f16 is wanted: the arenas that are then in halves, as all weights are. */
  readonly halves?: readonly number[];
  /** The number of invocations of a subgroup, if some shaders use subgroups. */
  readonly subgroup?: number;
  /** What the device must have, as in GPUSupportedLimits. */
  readonly limits: Readonly<Record<string, number>>;
}

/** What an emitted module is made of. */
export interface GpuModule {
  readonly model: GpuModel;
  readonly shaders: readonly GpuShader[];
  readonly launches: readonly GpuLaunch[];
  readonly table: readonly number[];
  /** `import.meta.url`: weights are found beside it. */
  readonly url: string;
  /** The weights in base64. */
  readonly embedded?: string;
}
