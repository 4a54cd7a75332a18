// Writes a network as each peer loads it, so that the processes which are measured hold no compiler.

import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { serialize } from "node:v8";
import { gzipSync } from "node:zlib";
import { targets } from "../src/compile/targets.js";
import type { TargetName } from "../src/compile/targets.js";
import type { Module } from "../src/index.js";
import { elements, optimize } from "../src/index.js";
import { writeModule } from "../src/node.js";
import { toOnnx } from "./onnx.js";
import type { Part, PreparedGraph } from "./peers.js";
import { inputShape } from "./peers.js";

/** What is known of a part. */
export interface Prepared {
  /** Of the module that Cleave emitted. */
  readonly moduleGzipBytes?: number;
  readonly weightBytes?: number;
  readonly arenaBytes?: number;
  readonly compileMs?: number;
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
      return compileInto(join(folder, part), model, "js", true);
    case "cleave-wasm":
      return compileInto(join(folder, part), model, "wasm", true);
    case "cleave-wasm-direct":
      return compileInto(join(folder, part), model, "wasm", false);
    default:
      return part satisfies never;
  }
}

function compileInto(folder: string, model: Module, target: TargetName, winograd: boolean): Prepared {
  const begin = performance.now();
  const { value: optimized, diagnostics } = optimize(model, { target: targets[target].target });
  if (!optimized) throw new Error(diagnostics.map((one) => one.message).join("; "));
  const written = writeModule(optimized.module, folder, { target, winograd });
  if (!written.value) throw new Error(written.diagnostics.map((one) => one.message).join("; "));
  const compileMs = performance.now() - begin;
  const { module, weightBytes, arenaBytes } = written.value.artifact;
  return { moduleGzipBytes: gzipSync(module).length, weightBytes, arenaBytes, compileMs };
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
function seededInput(length: number): Float32Array {
  return Float32Array.from({ length }, (_, index) => (Math.sin(index) + 1) / 2);
}
