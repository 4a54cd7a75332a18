// Reads the options `--limits` and `--adapter`: the WebGPU devices for which a model is compiled.

import { parseLimits } from "#backend/wgsl/limits.js";
import type { Devices } from "#compile/targets.js";
import { readText } from "#node/read-file.js";
import type { PassOptions } from "../options/passes.js";
import { report } from "../output/terminal.js";
import type { Session } from "../session/session.js";

/** The devices to compile for; undefined after an error. */
export function readDevices(
  { limits, adapter }: Pick<PassOptions, "limits" | "adapter">,
  session: Session,
): Required<Devices> | undefined {
  if (limits === undefined || limits === "guaranteed") return { limits: {}, adapter };
  const text = readText(limits);
  const parsed =
    text.value === undefined ? { diagnostics: text.diagnostics } : parseLimits(text.value, limits);
  session.code = Math.max(session.code, report(session.terminal, parsed.diagnostics, new Map()));
  return parsed.value && { limits: parsed.value, adapter };
}
