// The runtimes that a network runs on side by side: Cleave's targets, onnxruntime-web and tfjs with their back ends, and
// onnxruntime-node, which is native code. Each loads what `prepare.ts` wrote into a folder, in a process of its own.

import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { LoadOptions, Net } from "../src/runtime/types.js";
import { onnxruntimePeer } from "./onnxruntime.js";
import type { Peer } from "./running.js";
import { tfjsPeer } from "./tensorflow.js";

/** Parts of the folder that a peer loads. */
export type Part = CleavePart | "onnx" | "tfjs";
export type CleavePart =
  | "cleave-js"
  | "cleave-wasm"
  | "cleave-wasm-direct"
  | "cleave-wgsl"
  | "cleave-wgsl-software"
  | "cleave-wgsl-f16";

interface PeerEntry {
  readonly needs: Part;
  readonly make: Peer;
  /** Whether it can use several threads here. */
  readonly threads: boolean;
  /** Whether it runs on WebGPU, which then is set up before. */
  readonly gpu: boolean;
}

/** All peers; a name with `:2` behind it stands for two threads. */
export const peers = {
  "cleave-js": { needs: "cleave-js", make: cleave("cleave-js", {}), threads: false, gpu: false },
  "cleave-simd": {
    needs: "cleave-wasm",
    make: cleave("cleave-wasm", { simd: "simd" }),
    threads: true,
    gpu: false,
  },
  "cleave-relaxed": {
    needs: "cleave-wasm",
    make: cleave("cleave-wasm", { simd: "relaxed" }),
    threads: true,
    gpu: false,
  },
  "cleave-direct": {
    needs: "cleave-wasm-direct",
    make: cleave("cleave-wasm-direct", { simd: "simd" }),
    threads: true,
    gpu: false,
  },
  "onnxruntime-web": { needs: "onnx", make: onnxruntimePeer("onnxruntime-web"), threads: true, gpu: false },
  "tfjs-wasm": { needs: "tfjs", make: tfjsPeer("wasm"), threads: false, gpu: false },
  "tfjs-cpu": { needs: "tfjs", make: tfjsPeer("cpu"), threads: false, gpu: false },
  "onnxruntime-node": { needs: "onnx", make: onnxruntimePeer("onnxruntime-node"), threads: true, gpu: false },
  "cleave-webgpu": { needs: "cleave-wgsl", make: cleave("cleave-wgsl", {}), threads: false, gpu: true },
  "cleave-webgpu-software": {
    needs: "cleave-wgsl-software",
    make: cleave("cleave-wgsl-software", {}),
    threads: false,
    gpu: true,
  },
  "cleave-webgpu-f16": {
    needs: "cleave-wgsl-f16",
    make: cleave("cleave-wgsl-f16", {}),
    threads: false,
    gpu: true,
  },
  "onnxruntime-web-webgpu": {
    needs: "onnx",
    make: onnxruntimePeer("onnxruntime-web/webgpu"),
    threads: false,
    gpu: true,
  },
  "tfjs-webgpu": { needs: "tfjs", make: tfjsPeer("webgpu"), threads: false, gpu: true },
} as const satisfies Readonly<Record<string, PeerEntry>>;

export type PeerName = keyof typeof peers;

/** The names of those that run on WebGPU, or of those that do not. */
export function peerNames(kind: { readonly gpu: boolean }): string[] {
  return Object.entries(peers).flatMap(([name, { gpu }]) => (gpu === kind.gpu ? [name] : []));
}

export interface ParsedPeer {
  readonly name: PeerName;
  readonly threads: number;
}

/** `cleave-simd:2` → its name and threads; undefined if there is no such peer. */
export function parsePeer(text: string): ParsedPeer | undefined {
  const [name = "", count = "1"] = text.split(":");
  const threads = Number(count);
  if (!Object.hasOwn(peers, name) || !Number.isInteger(threads) || threads < 1) return undefined;
  const known = name as PeerName;
  return threads > 1 && !peers[known].threads ? undefined : { name: known, threads };
}

function cleave(part: CleavePart, options: LoadOptions): Peer {
  return ({ folder, threads, inMemory }) => {
    const files = readdirSync(join(folder, part));
    const find = (ending: string): string | undefined => {
      const file = files.find((one) => one.endsWith(ending));
      return file === undefined ? undefined : join(folder, part, file);
    };
    const packed = find(".packed.safetensors");
    const weights = packed !== undefined && inMemory ? { weights: readFileSync(packed) } : {};
    const url = pathToFileURL(find(".mjs") ?? "").href;
    return async () => {
      const module = (await import(url)) as { load: (options: LoadOptions) => Promise<Net> };
      const isWasm = part === "cleave-wasm" || part === "cleave-wasm-direct";
      const net = await module.load({ ...options, ...weights, ...(isWasm ? { threads } : {}) });
      if (part === "cleave-wgsl-f16" && net.precision !== "f16")
        throw new Error("the adapter has no shader-f16");
      return {
        threads: isWasm ? net.threads : 1,
        run: (inputs) => net.run(inputs),
        dispose: async () => net.dispose(),
      };
    };
  };
}
