// The parts of an emitted module for WebGPU. This file is not emitted.

import type { Port, WeightsInfo } from "../types.js";

/** An input or output: where it is, and whether it has that buffer for itself. */
export interface GpuPort extends Port {
  /** The number of the buffer. */
  readonly buffer: number;
  /** Whether the buffer holds nothing else, so that a buffer of the caller can replace it. */
  readonly alone: boolean;
}

/**
 * A shader: its name, its text, the letters of its bindings (r is read only, w is written), and whether it uses
 * subgroups.
 */
export type GpuShader = readonly [name: string, text: string, access: string, subgroup?: boolean];

/**
 * The shader, the buffer of each binding, the base offset of each parameter and the sizes that the shader needs,
 * workgroups along x and y, the nodes, multiply-accumulates; and the fields that change if another shader computes the
 * same in subgroups.
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
  /** The elements of each arena; arenas are the first buffers. */
  readonly arenas: readonly number[];
  /** Where each part of the weights begins. These are the next buffers; the table follows them. */
  readonly weightParts: readonly number[];
  /** With f16: the arenas that are stored as f16 then, as all weights are. */
  readonly halves?: readonly number[];
  /** The number of invocations of a subgroup, if some shaders use subgroups. */
  readonly subgroup?: number;
  /** The limits that the device must have, as in GPUSupportedLimits. */
  readonly limits: Readonly<Record<string, number>>;
}

/** What an emitted module consists of. */
export interface GpuModule {
  readonly model: GpuModel;
  readonly shaders: readonly GpuShader[];
  readonly launches: readonly GpuLaunch[];
  readonly table: readonly number[];
  /** See `Source`. */
  readonly file?: () => URL;
  readonly embedded?: string;
}
