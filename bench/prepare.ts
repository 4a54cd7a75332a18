// Writes a network in the form that each peer loads, so that measured processes contain no compiler.

import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { serialize } from "node:v8";
import { gzipSync } from "node:zlib";
import { bug } from "../src/diagnostic/diagnostic.js";
import { scheduleModule } from "../src/compile/schedule-module.js";
import { targetOf } from "../src/compile/targets.js";
import type { TargetName } from "../src/ir/target.js";
import type { CompileOptions, Module } from "../src/index.js";
import { elements, inputNodes, optimize } from "../src/index.js";
import type { Graph } from "../src/ir/graph.js";
import { nodeOf } from "../src/ir/graph.js";
import type { Target } from "../src/ir/target.js";
import { writeModule } from "../src/node/index.js";
import { kernelCost } from "../src/schedule/kernel-cost.js";
import type { Int8 } from "./int8.js";
import { toOnnx } from "./onnx.js";
import { formatOf } from "./models.js";
import type { CleavePart, Part, Port, PreparedGraph, Setup, WeightPlace } from "./running.js";
import { samples } from "./samples.js";
import { toTflite } from "./tflite/to-tflite.js";

/** Facts about a part. */
export interface Prepared {
  /** Of the module that Cleave emitted. */
  readonly moduleGzipBytes?: number;
  readonly weightBytes?: number;
  readonly arenaBytes?: number;
  readonly compileMs?: number;
  /** The bytes that the kernels of one run read and write: each tensor and weight once per kernel, and what fused kernels read again. */
  readonly kernelBytes?: number;
  /** How many kernels store f16. */
  readonly halfKernels?: number;
}

export interface Network {
  readonly model: Module;
  /** The same with its batch norms folded, as peers get it. */
  readonly folded: Module;
  /** The network in integers, and the ranges of the folded one's values; absent if no part of integers is wanted. */
  readonly int8?: Int8;
  /** The file of another format that the network came from; peers of that format get it unchanged. */
  readonly original?: string;
}

export interface Preparation {
  readonly setup: Setup;
  readonly facts: ReadonlyMap<Part, Prepared>;
}

/** Writes some parts into a folder, with the inputs for all peers. `onMissing` is called for a format that lacks an op of the network. */
export function prepare(
  folder: string,
  network: Network,
  parts: ReadonlySet<Part>,
  onMissing: (part: Part, why: string) => void,
): Preparation {
  const { graph } = network.model;
  const file = network.original;
  const format = file === undefined ? undefined : formatOf(file);
  const setup: Setup = {
    inputs: inputPorts(graph),
    outputs: graph.outputs.map(({ name }) => name),
    samples: samples(inputPorts(graph)),
    onnx: {
      onnx:
        file !== undefined && format === "onnx"
          ? { file, channelsFirst: false }
          : { file: join(folder, "model.onnx"), channelsFirst: true },
      "onnx-int8": { file: join(folder, "model.int8.onnx"), channelsFirst: true },
    },
    ...(file !== undefined && format === "tfjs" ? { tfjs: { file, isGraph: isGraphModel(file) } } : {}),
  };
  writeFileSync(join(folder, "setup.bin"), serialize(setup));
  const facts = new Map<Part, Prepared>();
  for (const part of parts) {
    try {
      // The format's own runtimes get the file itself.
      facts.set(part, part === format ? {} : preparePart(folder, part, network));
    } catch (cause) {
      if (isOwnPart(part)) throw cause;
      onMissing(part, (cause as Error).message);
    }
  }
  return { setup, facts };
}

function isOwnPart(part: Part): part is CleavePart {
  return part.startsWith("cleave");
}

/** Whether a model.json holds a graph model, not a layers model. */
function isGraphModel(file: string): boolean {
  const { format } = JSON.parse(readFileSync(file, "utf8")) as { readonly format?: string };
  return format === "graph-model";
}

function preparePart(folder: string, part: Part, { model, folded, int8 }: Network): Prepared {
  const integers = (): Int8 => int8 ?? bug(`${part} without a network of integers`);
  switch (part) {
    case "onnx":
      writeFileSync(join(folder, "model.onnx"), toOnnx(folded));
      return {};
    case "onnx-int8":
      writeFileSync(join(folder, "model.int8.onnx"), toOnnx(integers().model));
      return {};
    case "tfjs":
      writeGraph(folder, folded);
      return {};
    case "tflite":
      writeFileSync(join(folder, "model.tflite"), toTflite(folded));
      return {};
    case "tflite-int8":
      writeFileSync(join(folder, "model.int8.tflite"), toTflite(folded, integers().ranges));
      return {};
    case "cleave-js":
      return compileInto(folder, part, model, { target: "js" });
    case "cleave-wasm":
      return compileInto(folder, part, model, { target: "wasm" });
    case "cleave-wasm-int8":
      return compileInto(folder, part, integers().model, { target: "wasm" });
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
  const { winograd = true } = options;
  const { value: optimized, diagnostics } = optimize(model, { target, winograd });
  if (!optimized) throw new Error(diagnostics.map((one) => one.message).join("; "));
  const written = writeModule(optimized.module, join(folder, part), options);
  if (!written.value) throw new Error(written.diagnostics.map((one) => one.message).join("; "));
  const compileMs = performance.now() - begin;
  const { module, weightBytes, arenaBytes, kernels } = written.value.artifact;
  const facts = { moduleGzipBytes: gzipSync(module).length, weightBytes, arenaBytes, compileMs };
  if (options.target !== "wgsl") return facts;
  const kernelBytes = kernelBytesOf(optimized.module, target, options.f16 ?? false);
  return { ...facts, kernelBytes, ...(options.f16 ? { halfKernels: kernels } : {}) };
}

/** The bytes by the schedule. With f16, everything except the net's own inputs and outputs takes half of them. */
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
  const places = new Map<string, WeightPlace>();
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
  const { nodes, kernels: _, ...rest } = graph;
  const prepared: PreparedGraph = {
    graph: rest,
    // Without origins, which may be longer than everything else.
    nodes: [...nodes.values()].map((node) => ({ ...node, origin: { spans: [] } })),
    places: [...places],
  };
  writeFileSync(join(folder, "graph.json"), JSON.stringify(prepared));
}

/** A graph's inputs. */
export function inputPorts(graph: Graph): Port[] {
  return inputNodes(graph).map(({ name, type }) => ({ name, shape: type.shape }));
}
