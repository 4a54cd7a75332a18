// Opens a model of the bench as a module.

import { parseSplit } from "../src/cli/options/split.js";
import { targets } from "../src/compile/targets.js";
import type { Module, OptimizeOptions } from "../src/index.js";
import { optimize } from "../src/index.js";
import { readModel } from "../src/node/index.js";
import type { BenchModel } from "./models.js";

/** Reads a model with its own dimensions and further ones, `NAME=N`, and splits it if requested. Throws if the model is wrong. */
export function openModel({ file, dims = {}, split }: BenchModel, more: readonly string[]): Module {
  const pairs = more.map((dim) => dim.split("=")).map(([key = "", value]) => [key, Number(value)] as const);
  const { value, diagnostics } = readModel(file(), { dims: new Map([...Object.entries(dims), ...pairs]) });
  if (!value) throw new Error(diagnostics.map((one) => one.message).join("\n"));
  if (split === undefined) return value;
  const mode = parseSplit(split);
  if (mode.mode === "loss") throw new Error(`${split} takes samples`);
  return optimized(value, { split: mode, without: ["fuse"] });
}

/** A module after the passes for WebAssembly. */
export function optimized(module: Module, more: OptimizeOptions = {}): Module {
  const { value, diagnostics } = optimize(module, { target: targets.wasm.target, ...more });
  if (!value) throw new Error(diagnostics.map((one) => one.message).join("; "));
  return value.module;
}
