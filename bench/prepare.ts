// Writes a network as each peer loads it, so that the processes which are measured hold no compiler.

import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { serialize } from "node:v8";
import { gzipSync } from "node:zlib";
import { scheduleModule } from "../src/compile/schedule-module.js";
import { targetOf } from "../src/compile/targets.js";
import type { TargetName } from "../src/compile/targets.js";
import type { CompileOptions, Module } from "../src/index.js";
import { elements, inputNodes, optimize } from "../src/index.js";
import { nodeOf } from "../src/ir/graph.js";
import type { Target } from "../src/ir/target.js";
import { writeModule } from "../src/node.js";
import { kernelCost } from "../src/schedule/kernel-cost.js";
import { toOnnx } from "./onnx.js";
import type { CleavePart, Part, PreparedGraph } from "./peers.js";
import { inputShape } from "./peers.js";

/** What is known of a part. */
export interface Prepared {
  /** Of the module that Cleave emitted. */
  readonly moduleGzipBytes?: number;
  readonly weightBytes?: number;
  readonly arenaBytes?: number;
  readonly compileMs?: number;
  /** What the kernels of one run read and write: each tensor and weight once a kernel, and what fused ones read again. */
  readonly kernelBytes?: number;
  /** How many kernels store f16. */
  readonly halfKernels?: number;
}

/** Writes some parts into a folder, with the input that all get; `folded` has its batch norms folded, which is what the peers get. */
export function prepare(
  folder: string,
  model: Module,
  folded: Module,
  parts: ReadonlySet<Part>,
): Map<Part, Prepared> {
  const shape = inputShape(model.graph);
  writeFileSync(join(folder, "input.json"), JSON.stringify({ shape }));
  writeFileSync(join(folder, "input.bin"), new Uint8Array(seededInput(elements(shape)).buffer));
  const facts = new Map<Part, Prepared>();
  for (const part of parts) facts.set(part, preparePart(folder, part, model, folded));
  return facts;
}

function preparePart(folder: string, part: Part, model: Module, folded: Module): Prepared {
  switch (part) {
    case "onnx":
      writeFileSync(join(folder, "model.onnx"), toOnnx(folded));
      return {};
    case "graph":
      writeGraph(folder, folded);
      return {};
    case "cleave-js":
      return compileInto(folder, part, model, { target: "js" });
    case "cleave-wasm":
      return compileInto(folder, part, model, { target: "wasm" });
    case "cleave-wasm-direct":
      return compileInto(folder, part, model, { target: "wasm", winograd: false });
    case "cleave-wgsl":
      return compileInto(folder, part, model, { target: "wgsl" });
    case "cleave-wgsl-software":
      return compileInto(folder, part, model, { target: "wgsl", adapter: "software" });
    case "cleave-wgsl-f16":
      return compileInto(folder, part, model, { target: "wgsl", f16: true });
    default:
      return part satisfies never;
  }
}

function compileInto(
  folder: string,
  part: CleavePart,
  model: Module,
  options: Pick<CompileOptions, "winograd" | "f16" | "adapter"> & { readonly target: TargetName },
): Prepared {
  const begin = performance.now();
  const { target } = targetOf(options.target, options);
  const { value: optimized, diagnostics } = optimize(model, { target });
  if (!optimized) throw new Error(diagnostics.map((one) => one.message).join("; "));
  const written = writeModule(optimized.module, join(folder, part), options);
  if (!written.value) throw new Error(written.diagnostics.map((one) => one.message).join("; "));
  const compileMs = performance.now() - begin;
  const { module, weightBytes, arenaBytes, launches } = written.value.artifact;
  const facts = { moduleGzipBytes: gzipSync(module).length, weightBytes, arenaBytes, compileMs };
  if (options.target !== "wgsl") return facts;
  const kernelBytes = kernelBytesOf(optimized.module, target, options.f16 ?? false);
  return { ...facts, kernelBytes, ...(options.f16 ? { halfKernels: launches } : {}) };
}

/** As the schedule has it; with halves, all but the net's own inputs and outputs takes half of that. */
function kernelBytesOf(module: Module, target: Target, halves: boolean): number {
  const schedule = scheduleModule(module, target);
  const costs = schedule.groups.map((group) => kernelCost(schedule, group));
  const all = costs.reduce((sum, { bytesRead, bytesWritten }) => sum + bytesRead + bytesWritten, 0);
  if (!halves) return all;
  const { graph } = module;
  const outputs = graph.outputs.map(({ node }) => nodeOf(graph, node));
  const ports = [...inputNodes(graph), ...outputs].map(({ type }) => 4 * elements(type.shape));
  return (all + ports.reduce((sum, bytes) => sum + bytes, 0)) / 2;
}

function writeGraph(folder: string, { graph, weights }: Module): void {
  mkdirSync(folder, { recursive: true });
  const places = new Map<string, readonly [number, number]>();
  const file = openSync(join(folder, "constants.bin"), "w");
  let start = 0;
  for (const node of graph.nodes.values()) {
    if (node.op !== "constant" || places.has(node.attributes.weight)) continue;
    const values = weights.readF32(node.attributes.weight);
    writeSync(file, new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    places.set(node.attributes.weight, [start, values.length]);
    start += values.length;
  }
  closeSync(file);
  const prepared: PreparedGraph = { graph, places };
  writeFileSync(join(folder, "graph.bin"), serialize(prepared));
}

/** The same picture for all and each time: pixels in 0 … 1, a sine so that neighbours differ. */
export function seededInput(length: number): Float32Array {
  return Float32Array.from({ length }, (_, index) => (Math.sin(index) + 1) / 2);
}
