// The settings of the bundler: headers that allow threads, and a security policy for the built page.

import { join } from "node:path";
import type { Plugin } from "vite";
import { defaultClientConditions, defineConfig } from "vite";
import { frame, pages } from "./frame.js";

/** Without these two headers, a browser does not let a page share memory between threads. */
const isolation = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

/**
 * No `eval`, and nothing from other servers. WebAssembly needs its own keyword, and the workers of its threads come from a blob; the service
 * worker is a file.
 */
const policy = [
  "default-src 'self'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self' blob:",
  "img-src 'self' data: blob:",
].join("; ");

/** Only in the build, because the development server writes scripts and styles into the page. */
const contentSecurityPolicy: Plugin = {
  name: "content-security-policy",
  apply: "build",
  transformIndexHtml: () => [
    {
      tag: "meta",
      attrs: { "http-equiv": "Content-Security-Policy", content: policy },
      injectTo: "head-prepend",
    },
  ],
};

const input = pages.map(({ name }) => join(import.meta.dirname, `${name}.html`));

export default defineConfig({
  // The build runs from any folder of any server.
  base: "./",
  plugins: [frame, contentSecurityPolicy],
  // The worker of the playground loads parts of the compiler when they are needed.
  worker: { format: "es" },
  // The pages use `cleave/tasks` as it is in this repository.
  resolve: { conditions: ["cleave-source", ...defaultClientConditions] },
  // The emitted modules need a current engine. Their weights and the example images stay files.
  build: { target: "es2022", assetsInlineLimit: 0, rolldownOptions: { input } },
  server: { headers: isolation, fs: { allow: [".."] } },
  preview: { headers: isolation },
});
