// What tells one piece of work from another: hashes of networks, samples and options.

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

/** What the results of calibrating a network on samples depend on, but for the engine that computes: 16 hexadecimal digits. */
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

/** All of a graph but where its nodes come from. */
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

/** With spaces to a multiple of 4 bytes, as the hash needs it. */
function addText(state: Int32Array, text: string): void {
  const bytes = new TextEncoder().encode(text);
  const padded = new Uint8Array(Math.ceil((bytes.length + 1) / 4) * 4).fill(0x20);
  padded.set(bytes);
  addToHash(state, padded);
}
