// The sizes of the runtimes that a page loads before its model: the files of their packages that it needs, gzipped.

import { readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const files: Readonly<Record<string, readonly string[]>> = {
  "onnxruntime-web": [
    "onnxruntime-web/dist/ort.wasm.min.mjs",
    "onnxruntime-web/dist/ort-wasm-simd-threaded.mjs",
    "onnxruntime-web/dist/ort-wasm-simd-threaded.wasm",
  ],
  "tfjs-wasm": [
    "@tensorflow/tfjs-core/dist/tf-core.min.js",
    "@tensorflow/tfjs-backend-wasm/dist/tf-backend-wasm.min.js",
    "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm",
  ],
  "onnxruntime-web, webgpu": [
    "onnxruntime-web/dist/ort.webgpu.min.mjs",
    "onnxruntime-web/dist/ort-wasm-simd-threaded.asyncify.mjs",
    "onnxruntime-web/dist/ort-wasm-simd-threaded.asyncify.wasm",
  ],
  "tfjs-webgpu": [
    "@tensorflow/tfjs-core/dist/tf-core.min.js",
    "@tensorflow/tfjs-backend-webgpu/dist/tf-backend-webgpu.min.js",
  ],
  "tfjs-cpu": [
    "@tensorflow/tfjs-core/dist/tf-core.min.js",
    "@tensorflow/tfjs-backend-cpu/dist/tf-backend-cpu.min.js",
  ],
};

export interface RuntimeSize {
  readonly name: string;
  readonly bytes: number;
  readonly gzipBytes: number;
}

export function runtimeSizes(): RuntimeSize[] {
  const folder = realpathSync(join(import.meta.dirname, "node_modules"));
  return Object.entries(files).map(([name, list]) => {
    const contents = list.map((file) => readFileSync(join(folder, file)));
    return {
      name,
      bytes: contents.reduce((sum, { length }) => sum + length, 0),
      gzipBytes: contents.reduce((sum, content) => sum + gzipSync(content).length, 0),
    };
  });
}
