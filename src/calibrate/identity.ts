// Identifies a piece of work by hashes of networks, samples and options.

import { version } from "#compile/version.js";
import type { Graph } from "#ir/graph.js";
import { topological } from "#ir/node-order.js";
import type { Module } from "#ir/weights.js";
import { addToHash, endHash, startHash } from "#runtime/hash.js";
import { hashOf, packKept } from "./kept-value.js";
import { pause } from "./pause.js";
import type { Samples } from "./samples.js";

/** 16 hexadecimal digits for plain data, as `packKept` takes it. */
export function identityOf(...values: readonly unknown[]): string {
  return hashOf(packKept("", values));
}

/** A hash of everything that the results of calibrating a network on samples depend on, except the engine: 16 hexadecimal digits. */
export async function workIdentity(
  module: Module,
  samples: Samples,
  ...options: readonly unknown[]
): Promise<string> {
  const state = startHash();
  addText(state, identityOf(version, graphParts(module.graph), options));
  for (const node of topological(module.graph))
    if (node.op === "constant") {
      addArray(state, module.weights.readF32(node.attributes.weight));
      await pause();
    }
  for (let index = 0; index < samples.count; index += 1) {
    for (const [name, values] of Object.entries(await samples.read(index))) {
      addText(state, name);
      addArray(state, values);
    }
    await pause();
  }
  return endHash(state);
}

/** All parts of a graph except the origins of its nodes. */
function graphParts(graph: Graph): unknown {
  const nodes = topological(graph).map((node) => {
    const { origin: _, ...others } = node;
    return others;
  });
  return { ...graph, nodes, kernels: [...graph.kernels] };
}

function addArray(state: Int32Array, { buffer, byteOffset, byteLength }: Float32Array): void {
  addText(state, String(byteLength));
  addToHash(state, new Uint8Array(buffer, byteOffset, byteLength));
}

/** Pads with spaces to a multiple of 4 bytes, which the hash requires. */
function addText(state: Int32Array, text: string): void {
  const bytes = new TextEncoder().encode(text);
  const padded = new Uint8Array(Math.ceil((bytes.length + 1) / 4) * 4).fill(0x20);
  padded.set(bytes);
  addToHash(state, padded);
}
