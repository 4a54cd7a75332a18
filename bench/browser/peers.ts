// The peers in a browser. Their code, which runs in the page, is in `runtimes.ts`.

import type { PeerKind } from "../running.js";

/** All peers in a page; `:2` after a name means two threads. */
export const pagePeers = {
  "cleave-simd": { needs: "cleave-wasm", threads: true, gpu: false },
  "cleave-relaxed": { needs: "cleave-wasm", threads: true, gpu: false },
  "cleave-simd-int8": { needs: "cleave-wasm-int8", threads: true, gpu: false },
  "cleave-relaxed-int8": { needs: "cleave-wasm-int8", threads: true, gpu: false },
  "cleave-js": { needs: "cleave-js", threads: false, gpu: false },
  litert: { needs: "tflite", threads: true, gpu: false },
  "litert-int8": { needs: "tflite-int8", threads: true, gpu: false },
  "onnxruntime-web": { needs: "onnx", threads: true, gpu: false },
  "onnxruntime-web-int8": { needs: "onnx-int8", threads: true, gpu: false },
  "tfjs-wasm": { needs: "tfjs", threads: true, gpu: false },
} as const satisfies Readonly<Record<string, PeerKind>>;

export type PagePeer = keyof typeof pagePeers;

/** The peers that are measured by default: with one thread and, if a peer has threads, with two. */
export const pagePeerNames = Object.entries(pagePeers).flatMap(([name, { threads }]) =>
  threads ? [name, `${name}:2`] : [name],
);
