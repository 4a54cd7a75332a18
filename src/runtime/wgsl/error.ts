// Errors of the WebGPU runtime, each with a code that a program can read.

export type GpuErrorCode =
  | "no-webgpu"
  | "no-adapter"
  | "limits"
  | "device-lost"
  | "out-of-memory"
  | "validation";

/** An `Error` with a `code`; its name is GpuError. */
export function gpuError(code: GpuErrorCode, message: string, cause?: unknown): Error {
  const error = new Error(message, cause === undefined ? undefined : { cause });
  return Object.assign(error, { name: "GpuError", code });
}
