// The option `--limits`: what the WebGPU devices can do that a model is compiled for.

import { parseLimits } from "#backend/wgsl/limits.js";
import type { Limits } from "#backend/wgsl/limits.js";
import { readText } from "../node.js";
import type { PassOptions } from "./model-options.js";
import type { Session } from "./session.js";
import { report } from "./terminal.js";

/** The limits to compile for; undefined after an error. */
export function readLimits({ limits }: PassOptions, session: Session): Partial<Limits> | undefined {
  if (limits === undefined || limits === "guaranteed") return {};
  const text = readText(limits);
  const parsed =
    text.value === undefined ? { diagnostics: text.diagnostics } : parseLimits(text.value, limits);
  session.code = Math.max(session.code, report(session.terminal, parsed.diagnostics, new Map()));
  return parsed.value;
}
