// Makes and loads the artifact of a command's model for its target.

import type { Artifact } from "#backend/artifact.js";
import { emitWithinLimits } from "#compile/emit.js";
import { load } from "#compile/load.js";
import { error } from "#diagnostic/diagnostic.js";
import { runToEnd } from "#diagnostic/interruptible.js";
import { bytesText } from "#ir/units.js";
import type { Module } from "#ir/weights.js";
import type { LoadOptions, Net } from "#runtime/types.js";
import { gpuDiagnostic, nodeGpu } from "#node/gpu.js";
import type { Model } from "#node/read-model.js";
import type { PassOptions } from "../options/passes.js";
import { packing } from "../output/progress.js";
import { report } from "../output/terminal.js";
import type { Session } from "../session/session.js";
import { readDevices } from "./devices.js";

/** The artifact of an optimized model in memory; undefined after errors. */
export function emitModel(
  model: Model,
  optimized: Module,
  options: PassOptions,
  session: Session,
): Artifact | undefined {
  const devices = readDevices(options, session);
  if (!devices) return undefined;
  session.progress.show("making kernels");
  const emitting = emitWithinLimits(optimized, {
    target: options.target,
    ...devices,
    f16: options.f16 ?? false,
    verify: options.verify ?? false,
    sources: model.sources,
    onPacked: packing(session.progress),
  });
  const { value, diagnostics } = runToEnd(emitting);
  session.code = Math.max(session.code, report(session.terminal, diagnostics, model.sources));
  return value;
}

/** Loads an artifact for its target. Prints a note if it cannot run in f16 as requested. Undefined after an error of the machine, such as a missing GPU. */
export async function loadArtifact(
  artifact: Artifact,
  { f16 }: PassOptions,
  session: Session,
  options: LoadOptions = {},
): Promise<Net | undefined> {
  const fail = (diagnostics: Parameters<typeof report>[1]): undefined => {
    session.code = Math.max(session.code, report(session.terminal, diagnostics, new Map()));
    return undefined;
  };
  const gpu = artifact.target === "wgsl" ? await nodeGpu() : undefined;
  if (gpu && !gpu.value) return fail(gpu.diagnostics);
  try {
    const net = await load(artifact, { ...options, ...(gpu?.value ? { gpu: gpu.value } : {}) });
    if (f16 && net.precision === "f32")
      session.terminal.err(
        "note: the net runs in f32, as the device has no shader-f16 or the net computes with integers\n",
      );
    return net;
  } catch (cause) {
    // Engines throw this if the system does not give the memory.
    if (cause instanceof RangeError)
      return fail([
        error(
          "no-memory",
          `${artifact.name} needs ${bytesText(artifact.memoryBytes)} of memory, and there is less: ${cause.message}`,
        ),
      ]);
    const known = gpuDiagnostic(cause);
    if (!known) throw cause;
    return fail(known.diagnostics);
  }
}
