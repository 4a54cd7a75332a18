// The options `--target` and `--limits`: what runs the kernels, and what it can do.

import type { Command } from "commander";
import { Option } from "commander";
import type { Artifact } from "#backend/artifact.js";
import { parseLimits } from "#backend/wgsl/limits.js";
import type { Limits } from "#backend/wgsl/limits.js";
import { load } from "#compile/load.js";
import type { TargetName } from "#compile/targets.js";
import { targetNames } from "#compile/targets.js";
import type { LoadOptions, Net } from "#runtime/types.js";
import { gpuDiagnostic, nodeGpu } from "../node-gpu.js";
import { readText } from "../node.js";
import type { Session } from "./program.js";
import { report } from "./terminal.js";

export interface TargetOptions {
  readonly target: TargetName;
  readonly limits?: string;
}

/** Adds both options. */
export function withTargetOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--target <target>", "what runs the kernels").choices([...targetNames]).default("js"),
    )
    .option(
      "--limits <file>",
      'wgsl: JSON of the devices\' limits, named as in GPUSupportedLimits; default "guaranteed", what every device has',
    );
}

/** The limits to compile for; undefined after an error. */
export function readLimits({ limits }: TargetOptions, session: Session): Partial<Limits> | undefined {
  if (limits === undefined || limits === "guaranteed") return {};
  const text = readText(limits);
  const parsed =
    text.value === undefined ? { diagnostics: text.diagnostics } : parseLimits(text.value, limits);
  session.code = Math.max(session.code, report(session.terminal, parsed.diagnostics, new Map()));
  return parsed.value;
}

/** Loads an artifact for its target; undefined after an error that is the machine's, such as a missing GPU. */
export async function loadArtifact(
  artifact: Artifact,
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
    return await load(artifact, { ...options, ...(gpu?.value ? { gpu: gpu.value } : {}) });
  } catch (cause) {
    const known = gpuDiagnostic(cause);
    if (!known) throw cause;
    return fail(known.diagnostics);
  }
}
