// The runtimes that are compared: Cleave's targets, onnxruntime-web and tfjs with their back ends, and onnxruntime-node, which is native
// code. Each loads what `prepare.ts` wrote into a folder, in a separate process.

import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { LoadOptions, Net } from "../src/runtime/types.js";
import type { OnnxRuntime } from "./onnxruntime.js";
import { onnxruntime } from "./onnxruntime.js";
import type { CleavePart, OnnxPart, Peer, PeerKind } from "./running.js";
import { tfjsPeer } from "./tensorflow.js";

interface PeerEntry extends PeerKind {
  readonly make: Peer;
}

/** All peers in Node; `:2` after a name means two threads. */
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
  "cleave-simd-int8": {
    needs: "cleave-wasm-int8",
    make: cleave("cleave-wasm-int8", { simd: "simd" }),
    threads: true,
    gpu: false,
  },
  "cleave-relaxed-int8": {
    needs: "cleave-wasm-int8",
    make: cleave("cleave-wasm-int8", { simd: "relaxed" }),
    threads: true,
    gpu: false,
  },
  "onnxruntime-web": { needs: "onnx", make: onnxruntimePeer("onnxruntime-web"), threads: true, gpu: false },
  "onnxruntime-web-int8": {
    needs: "onnx-int8",
    make: onnxruntimePeer("onnxruntime-web", "onnx-int8"),
    threads: true,
    gpu: false,
  },
  "tfjs-wasm": { needs: "tfjs", make: tfjsPeer("wasm"), threads: false, gpu: false },
  "tfjs-cpu": { needs: "tfjs", make: tfjsPeer("cpu"), threads: false, gpu: false },
  "onnxruntime-node": { needs: "onnx", make: onnxruntimePeer("onnxruntime-node"), threads: true, gpu: false },
  "onnxruntime-node-int8": {
    needs: "onnx-int8",
    make: onnxruntimePeer("onnxruntime-node", "onnx-int8"),
    threads: true,
    gpu: false,
  },
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

/** The names of the peers that run on WebGPU, or of those that do not. */
export function peerNames(kind: { readonly gpu: boolean }): string[] {
  return Object.entries(peers).flatMap(([name, { gpu }]) => (gpu === kind.gpu ? [name] : []));
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
      const isWasm = part.startsWith("cleave-wasm");
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

function onnxruntimePeer(name: OnnxRuntime, part: OnnxPart = "onnx"): Peer {
  return ({ threads, inMemory }, { inputs, onnx: models }) => {
    const onnx = models?.[part];
    if (!onnx) throw new Error("no ONNX model was prepared");
    const model = inMemory ? readFileSync(onnx.file) : undefined;
    // In its build for WebGPU a path is a URL, also in Node.
    const isUrl = name === "onnxruntime-web/webgpu";
    return async () =>
      onnxruntime(name, model ?? (isUrl ? readFileSync(onnx.file) : onnx.file), {
        inputs,
        channelsFirst: onnx.channelsFirst,
        threads,
      });
  };
}
