// The form of an emitted module: an ES module, a CommonJS module, or a classic script.

import { jsString } from "#diagnostic/escape.js";

export const formats = ["esm", "cjs", "iife"] as const;

export type ModuleFormat = (typeof formats)[number];

/** How the name of a file of a format ends, and that of its declarations. */
export const endings = {
  esm: { module: "mjs", types: "d.ts" },
  cjs: { module: "cjs", types: "d.cts" },
  iife: { module: "js", types: "d.ts" },
} as const satisfies Record<ModuleFormat, { readonly module: string; readonly types: string }>;

/** Where a script is. A worker has no document, and a script that is written into a page has no address. */
const scriptAddress =
  'const here = (typeof document === "object" && document.currentScript && document.currentScript.src) || location.href;';

const moduleAddress = 'const here = require("node:url").pathToFileURL(__filename).href;';

/**
 * The text of an ES module in another format. CommonJS exports `load`; a classic script adds an object with `load` to the global `cleave`, by
 * the name of the net.
 */
export function inFormat(module: string, name: string, format: ModuleFormat): string {
  if (format === "esm") return module;
  // No string of a model has an unescaped quote, so these texts are those of the functions that find files.
  const text = module
    .replace(/^export function load\(/m, "function load(")
    .replaceAll(/(new URL\("\.\/[^"\\]*", )import\.meta\.url\)/g, "$1here)");
  if (format === "cjs") return `"use strict";\n\n${moduleAddress}\n\n${text}\nexports.load = load;\n`;
  const key = JSON.stringify(name);
  return `(globalThis.cleave ??= {})[${key}] = (() => {\n"use strict";\n\n${scriptAddress}\n\n${text}\nreturn { load };\n})();\n`;
}

/** The declarations of an ES module for another format. A classic script has no exports, so they say what it adds to the global object. */
export function typesInFormat(types: string, name: string, format: ModuleFormat): string {
  if (format !== "iife") return types;
  const own = types.replace(/^export function load\(/m, "declare function load(");
  return `${own}
// Without it, all of the above would be exports.
export {};

declare global {
  /** The nets of classic scripts, by their names. */
  interface CleaveNets {
    readonly ${jsString(name)}: { readonly load: typeof load };
  }
  var cleave: CleaveNets;
}
`;
}
