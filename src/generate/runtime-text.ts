// Makes `src/runtime/text.ts`: the runtime as JavaScript text, which back ends put into the modules they emit.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { transformSync } from "amaro";
import { format } from "oxfmt";

/** The parts of emitted modules by name, and the files that contain them. */
const parts = {
  auto: ["auto"],
  shared: ["hash", "policy", "source", "cache", "weights", "ports", "options"],
  compact: ["compact"],
  net: ["net"],
  pictures: ["pictures", "pixels"],
  classify: ["classify"],
  js: ["js"],
  wasm: ["wasm/crew", "wasm/attend", "wasm/workers", "wasm/binary", "wasm/machine"],
  worker: ["wasm/crew", "wasm/attend"],
  dots: ["wasm/dots"],
  wgsl: [
    "wgsl/machine",
    "wgsl/device",
    "wgsl/memory",
    "wgsl/ports",
    "wgsl/half",
    "wgsl/subgroups",
    "wgsl/error",
  ],
  wasmPictures: ["wasm/pictures"],
  gpuPictures: ["wgsl/pictures"],
  words: ["wgsl/words"],
  erf: ["erf"],
  roundHalfEven: ["round"],
} as const;

/** The text of `text.ts`: without types, comments, `export` and imports among the parts. */
export async function generateRuntimeText(): Promise<string> {
  const rows: string[] = [];
  for (const [part, files] of Object.entries(parts)) {
    const texts = await Promise.all(files.map((file) => plainText(file)));
    rows.push(`  ${part}: ${JSON.stringify(texts.join("\n"))},`);
  }
  return [
    "// The runtime as JavaScript text, made from the files beside this one by `npm run generate`. Do not edit.",
    "",
    "export const runtimeTexts = {",
    ...rows,
    "} as const;",
    "",
  ].join("\n");
}

async function plainText(file: string): Promise<string> {
  const path = join(import.meta.dirname, "../runtime", `${file}.ts`);
  const { code } = transformSync(readFileSync(path, "utf8"), { mode: "strip-only" });
  const formatted = await format(`${file}.js`, code, { printWidth: 110 });
  return (
    formatted.code
      .replaceAll(/^import [^;]*;\n/gm, "")
      .replaceAll(/^export (?=(async )?function |const )/gm, "")
      // Comments are for readers of the source. Each is on lines without code.
      .replaceAll(/^ *\/\/.*\n/gm, "")
      .replaceAll(/^ *\/\*\*(?:(?!\*\/)[^])*\*\/\n/gm, "")
      .replaceAll(/^\n(?= )/gm, "")
      .replaceAll(/\n{3,}/g, "\n\n")
      .trimStart()
  );
}
