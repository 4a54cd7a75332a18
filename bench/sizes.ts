// The sizes of emitted modules without their weights: what a page loads as code, plain and gzipped. `npm run sizes -- --help` lists the
// options.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { compile } from "../src/index.js";
import { findModel, testedModels } from "./models.js";
import { openModel } from "./open.js";

const targets = ["wasm", "js", "wgsl"] as const;
const usage = `sizes [MODEL …] [options]
  MODEL            as \`compare\` takes it (default: the published models that the tests compare with their runtimes)
  --target NAME    ${targets.join(", ")} (default: wasm)`;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    target: { type: "string", default: "wasm" },
    help: { type: "boolean", default: false },
  },
});
if (options.help) {
  console.log(usage);
  process.exit(0);
}
const target = targets.find((name) => name === options.target) ?? stop(`no target ${options.target}`);
const models =
  positionals.length === 0
    ? testedModels()
    : positionals.map((name) => findModel(name) ?? stop(`no model ${name}`));

const sizes = models.map((model) => {
  const { value, diagnostics } = compile(openModel(model, []), { target });
  if (!value) stop(`${model.name}: ${diagnostics.map(({ message }) => message).join("; ")}`);
  const code = new TextEncoder().encode(value.module);
  return {
    model: model.name,
    kernels: value.functions,
    bytes: code.length,
    gzipBytes: gzipSync(code).length,
  };
});
sizes.sort((a, b) => a.gzipBytes - b.gzipBytes);

const kibibytes = (bytes: number | undefined): string => ((bytes ?? Number.NaN) / 1024).toFixed(1);
console.log("| model | kernels | module KiB | gzipped |\n| --- | ---: | ---: | ---: |");
for (const { model, kernels, bytes, gzipBytes } of sizes)
  console.log(`| ${model} | ${kernels} | ${kibibytes(bytes)} | ${kibibytes(gzipBytes)} |`);
const [least, median, largest] = [0, Math.floor(sizes.length / 2), sizes.length - 1].map((at) =>
  kibibytes(sizes[at]?.gzipBytes),
);
console.log(
  `\n${sizes.length} models for ${target}, gzipped: ${least} to ${largest} KiB, median ${median} KiB`,
);

const folder = join(import.meta.dirname, "results");
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, "sizes.json"), `${JSON.stringify({ target, sizes }, null, 2)}\n`);

function stop(why: string): never {
  console.error(why);
  process.exit(2);
}
