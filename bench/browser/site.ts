// Serves what pages of the bench load: a script that drives a runtime, packages as they are published, and a network. Each page has its own
// addresses, so the server knows what the page loaded.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { isolation, serve } from "../../test/web/chromium.js";
import type { Bytes, Download } from "../place.js";
import type { OnnxPart, Setup } from "../running.js";
import type { PageSetup } from "./page.js";

/** Names that scripts import, and the package files for them: the smallest ones made for pages. */
const imports: Readonly<Record<string, string>> = {
  "@litertjs/core": "@litertjs/core/dist/index.js",
  "@litertjs/wasm-utils": "@litertjs/wasm-utils/dist/index.js",
  "onnxruntime-web": "onnxruntime-web/dist/ort.wasm.min.mjs",
  "@tensorflow/tfjs-core": "@tensorflow/tfjs-core/dist/tf-core.fesm.min.js",
  "@tensorflow/tfjs-backend-wasm": "@tensorflow/tfjs-backend-wasm/dist/tf-backend-wasm.fesm.min.js",
  "@tensorflow/tfjs-converter": "@tensorflow/tfjs-converter/dist/tf-converter.fesm.min.js",
  "@tensorflow/tfjs-layers": "@tensorflow/tfjs-layers/dist/tf-layers.fesm.min.js",
};

/** Modules of Node that a package imports only in Node. */
const empty = ["fs", "os", "path", "perf_hooks"];

export interface Site {
  /** Addresses for a page that no other page has. */
  open(): { readonly url: string; readonly setup: PageSetup; readonly downloads: () => Download };
  close(): void;
}

/** `modules` are the files of Cleave's modules by part, in the folder that `prepare` wrote. */
export async function openSite(
  folder: string,
  { inputs, outputs, onnx, tfjs }: Setup,
  modules: Readonly<Record<string, string>>,
): Promise<Site> {
  const script = await bundle();
  const seen: Set<string>[] = [];
  /** Files outside the folder: a published model, and the files next to it. */
  const originals = [onnx?.onnx.file, tfjs?.file].flatMap((file) =>
    file === undefined ? [] : [dirname(file)],
  );

  const read = (path: string): string | Uint8Array | undefined => {
    const [, page = "", kind = "", ...rest] = path.split("/");
    const name = rest.join("/");
    switch (kind) {
      case "":
        return html(`/${page}/`);
      case "script":
        return script.get(name);
      default: {
        const file = fileOf(kind, decodeURIComponent(name));
        const content = file === undefined ? undefined : contentOf(file);
        if (file !== undefined && content) seen[Number(page)]?.add(file);
        return content;
      }
    }
  };
  const fileOf = (kind: string, name: string): string | undefined => {
    if (name.split("/").includes("..")) return undefined;
    if (kind === "packages") return packageFile(name);
    if (kind === "model") return join(folder, name);
    const original = originals[Number(kind.replace("original", ""))];
    return original === undefined ? undefined : join(original, name);
  };
  const addressOf = (base: string, file: string): string => {
    const at = originals.indexOf(dirname(file));
    return file.startsWith(folder)
      ? `${base}model/${file.slice(folder.length + 1)}`
      : `${base}original${at}/${encodeURIComponent(basename(file))}`;
  };
  const onnxAt = (base: string, part: OnnxPart) => ({
    address: addressOf(base, onnx?.[part].file ?? ""),
    channelsFirst: onnx?.[part].channelsFirst ?? true,
  });

  const server = await serve(read, isolation);
  return {
    open: () => {
      const files = new Set<string>();
      const url = `${server.url}/${seen.push(files) - 1}/`;
      const model = `${url}model/`;
      const setup: PageSetup = {
        inputs,
        outputs,
        modules: Object.fromEntries(
          Object.entries(modules).map(([part, file]) => [part, addressOf(url, file)]),
        ),
        onnx: { onnx: onnxAt(url, "onnx"), "onnx-int8": onnxAt(url, "onnx-int8") },
        tflite: { tflite: `${model}model.tflite`, "tflite-int8": `${model}model.int8.tflite` },
        ...(tfjs ? { tfjs: { address: addressOf(url, tfjs.file), isGraph: tfjs.isGraph } } : {}),
        graph: { nodes: `${model}graph.json`, constants: `${model}constants.bin` },
        packages: `${url}packages/`,
      };
      return { url, setup, downloads: () => downloadOf([...files]) };
    },
    close: () => server.close(),
  };
}

/** The script of a page and its parts, by name; packages are not bundled. */
async function bundle(): Promise<Map<string, string>> {
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, sourceFolder, "page.ts")],
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "browser",
    conditions: ["cleave-source"],
    external: Object.keys(imports),
    outdir: "script",
    write: false,
    logLevel: "silent",
  });
  return new Map(outputFiles.map(({ path, text }) => [basename(path), text]));
}

/** The path differs for the bundled programs and for this source file. */
const sourceFolder = basename(import.meta.dirname) === "browser" ? "." : "browser";

function html(base: string): string {
  return htmlWith(base, `${base}script/page.js`);
}

/** A page with a script that imports the packages by their names. */
export function htmlWith(base: string, script: string): string {
  const map = {
    imports: {
      ...Object.fromEntries(Object.entries(imports).map(([name, file]) => [name, `${base}packages/${file}`])),
      ...Object.fromEntries(empty.map((name) => [name, "data:text/javascript,export default undefined"])),
    },
  };
  return `<!doctype html><meta charset="utf-8"><title>Bench</title><link rel="icon" href="data:,">
<script type="importmap">${JSON.stringify(map)}</script>
<body><script type="module" src="${script}"></script>`;
}

/** A file of a package, wherever that is installed: in this folder or in the repository. */
export function packageFile(path: string): string | undefined {
  const parts = path.split("/");
  const name = parts.slice(0, path.startsWith("@") ? 2 : 1).join("/");
  if (!Object.hasOwn(imports, name)) return undefined;
  // Not all packages let their package.json be resolved.
  const folders = createRequire(import.meta.url).resolve.paths(name) ?? [];
  return folders.map((folder) => join(folder, path)).find((file) => contentOf(file));
}

function contentOf(file: string): Uint8Array | undefined {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}

const sizes = new Map<string, Bytes>();

function downloadOf(files: readonly string[]): Download {
  const isCode = (file: string): boolean => /\.(m?js|wasm)$/.test(file);
  return {
    code: sum(files.filter(isCode)),
    weights: sum(files.filter((file) => !isCode(file))),
  };
}

function sum(files: readonly string[]): Bytes {
  const all = files.map((file) => {
    const known = sizes.get(file);
    if (known) return known;
    const content = readFileSync(file);
    const size = { bytes: content.length, gzipBytes: gzipSync(content).length };
    sizes.set(file, size);
    return size;
  });
  return {
    bytes: all.reduce((total, { bytes }) => total + bytes, 0),
    gzipBytes: all.reduce((total, { gzipBytes }) => total + gzipBytes, 0),
  };
}
