// Compares modelled times with measured ones: single layers in every way of computing them, or the kernels of a model, on one thread in
// this Node. `npm run layer-times -- --help` lists the options.

import { given } from "../src/diagnostic/given.js";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { emitWasm } from "../src/backend/wasm/emit.js";
import { wasmTarget } from "../src/backend/wasm/target.js";
import { elements, inputNodes, load, version } from "../src/index.js";
import { nodeOf, operands } from "../src/ir/graph.js";
import { lower } from "../src/kernel/lower.js";
import { seededRandom } from "../src/ops/random.js";
import { kernelCost } from "../src/schedule/kernel-cost.js";
import type { Group, Schedule } from "../src/schedule/schedule.js";
import { schedule } from "../src/schedule/schedule-graph.js";
import { withWinograd } from "../passes/fuse.js";
import { layers, waysOf } from "./layers.js";
import type { Way } from "./layers.js";
import { findModel } from "./models.js";
import { openModel, optimized } from "./open.js";
import { kernelText } from "./profile-table.js";

const usage = `layer-times [MODEL] [options]
  MODEL           the kernels of a model, as \`compare\` takes it, in place of the table of single layers
  --dim NAME=N    sets a dimension of the model
  --split HOW     splits its convolutions first, as \`cleave --split\` does
  --only TEXT     single layers and ways that have this text, such as 7×7×512 or "2×2 tiles"
  --ms N          how long each is run and timed, after as long to warm up (default: 100; for a model 1000)
  --rounds N      how often (default: 3). The least of the medians counts, since other work on the machine only slows
  --known         takes the measured times of the last run, to see what a changed model of costs says of them
  --out FILE      where they are kept (default: results/layer-times.json)`;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    dim: { type: "string", multiple: true, default: [] },
    split: { type: "string" },
    only: { type: "string", default: "" },
    ms: { type: "string" },
    rounds: { type: "string", default: "3" },
    known: { type: "boolean", default: false },
    out: { type: "string", default: join(import.meta.dirname, "results", "layer-times.json") },
    help: { type: "boolean", default: false },
  },
});
if (options.help) {
  console.log(usage);
  process.exit(0);
}

/** Seconds. */
interface Row {
  readonly layer: string;
  readonly way: string;
  modelled: number;
  measured: number;
}

const [model] = positionals;
const milliseconds = Number(options.ms ?? (model === undefined ? 100 : 1000));
const known = new Map<string, number>(
  existsSync(options.out)
    ? Object.entries(
        (JSON.parse(readFileSync(options.out, "utf8")) as { times: Record<string, number> }).times,
      )
    : [],
);
const rows = new Map<string, Row>();
for (let round = 0; round < (options.known ? 1 : Number(options.rounds)); round += 1) {
  if (model === undefined) for (const layer of layers) for (const way of waysOf(layer)) await timeWay(way);
  else await timeModel(model);
}
for (const [key, { measured }] of rows) known.set(key, measured);
if (!options.known) {
  mkdirSync(join(options.out, ".."), { recursive: true });
  const machine = { cpu: cpus()[0]?.model, node: process.version };
  writeFileSync(
    options.out,
    `${JSON.stringify({ ...machine, times: Object.fromEntries(known) }, null, 2)}\n`,
  );
}
print();
process.exit(0);

async function timeWay({ layer, way, module, tiles }: Way): Promise<void> {
  if (!`${layer}, ${way}`.includes(options.only)) return;
  const { graph, weights } = optimized(module());
  const convolutions = [...graph.nodes.values()].filter(({ op }) => op === "conv2d");
  const sizes = new Map(tiles === undefined ? [] : convolutions.map(({ id }) => [id, tiles]));
  await time(schedule({ graph: withWinograd(graph, sizes), weights }, wasmTarget), () => ({ layer, way }));
}

async function timeModel(name: string): Promise<void> {
  const found = findModel(name);
  if (!found) throw new Error(`no model ${name}`);
  const { split } = options;
  const module = openModel({ ...found, ...given({ split }) }, options.dim);
  const made = schedule(optimized(module), wasmTarget);
  await time(made, (group) => {
    const ops = group.nodes.map((id) => {
      const node = nodeOf(made.graph, id);
      const shapes = operands(made.graph, node).map(({ type }) => type.shape);
      return { name: node.name, op: node.op, operands: shapes, shape: node.type.shape };
    });
    const size = group.nodes.map((id) => made.winograd.get(id)).find((one) => one !== undefined);
    const way = size === undefined ? "" : `${size}×${size} tiles`;
    return { layer: `${made.groups.indexOf(group)} ${kernelText({ ops })}`, way };
  });
}

/** Adds the times of a schedule's kernels to their rows. */
async function time(made: Schedule, nameOf: (group: Group) => Pick<Row, "layer" | "way">): Promise<void> {
  const measured = options.known ? undefined : await measure(made);
  const own = new Map<string, Row>();
  for (const [at, group] of made.groups.entries()) {
    const name = nameOf(group);
    const key = `${name.layer}, ${name.way}`;
    const row = own.get(key) ?? { ...name, modelled: 0, measured: 0 };
    own.set(key, row);
    row.modelled += kernelCost(made, group).seconds;
    row.measured = measured ? row.measured + (measured[at] ?? 0) : (known.get(key) ?? Number.NaN);
  }
  for (const [key, row] of own) {
    const before = rows.get(key);
    if (!before || row.measured < before.measured) rows.set(key, row);
  }
}

/** Median seconds of each launch. */
async function measure(made: Schedule): Promise<number[]> {
  const net = await load(emitWasm(lower(made), { version }));
  const random = seededRandom(1);
  const inputs = Object.fromEntries(
    inputNodes(made.graph).map(({ name, type }) => [
      name,
      Float32Array.from({ length: elements(type.shape) }, () => random.normal()),
    ]),
  );
  const into = await net.run(inputs);
  const runs = async (): Promise<Float64Array[]> => {
    const all: Float64Array[] = [];
    const until = performance.now() + milliseconds;
    while (all.length < 5 || performance.now() < until) {
      const times = new Float64Array(net.launches.length);
      await net.run(inputs, { times, into });
      all.push(times);
    }
    return all;
  };
  await runs();
  const all = await runs();
  net.dispose();
  return made.groups.map((_, at) => {
    const sorted = all.map((times) => times[at] ?? Number.NaN).toSorted((a, b) => a - b);
    return (sorted[Math.floor(sorted.length / 2)] ?? Number.NaN) / 1000;
  });
}

function print(): void {
  const all = [...rows.values()];
  const cells = (row: Pick<Row, "modelled" | "measured">): string[] => [
    micros(row.modelled),
    micros(row.measured),
    `${(row.measured / row.modelled).toFixed(2)}${isNear(row) ? "" : " *"}`,
  ];
  console.log("| layer | way | modelled µs | measured µs | measured / modelled |");
  console.log("| --- | --- | ---: | ---: | ---: |");
  for (const row of all) console.log(`| ${[row.layer, row.way, ...cells(row)].join(" | ")} |`);
  if (model !== undefined) {
    const sum = (key: "modelled" | "measured"): number => all.reduce((total, row) => total + row[key], 0);
    console.log(`| all | | ${cells({ modelled: sum("modelled"), measured: sum("measured") }).join(" | ")} |`);
  }
  console.log(
    `\n${all.filter(isNear).length} of ${all.length} take 0.8 to 1.25 of the modelled time; * others`,
  );
  if (model === undefined) for (const layer of new Set(all.map((row) => row.layer))) printChoice(layer, all);
}

/** Prints a layer for which the cost model does not choose the fastest algorithm. */
function printChoice(layer: string, all: readonly Row[]): void {
  const own = all.filter((row) => row.layer === layer && (row.way === "direct" || row.way.endsWith("tiles")));
  const [chosen] = own.toSorted((a, b) => a.modelled - b.modelled);
  const [best] = own.toSorted((a, b) => a.measured - b.measured);
  if (!chosen || !best || chosen === best) return;
  const loss = (100 * (chosen.measured / best.measured - 1)).toFixed(0);
  console.log(`${layer}: the model takes ${chosen.way}, which takes ${loss}% longer than ${best.way}`);
}

function isNear({ modelled, measured }: Pick<Row, "modelled" | "measured">): boolean {
  return measured >= 0.8 * modelled && measured <= 1.25 * modelled;
}

function micros(seconds: number): string {
  return (1e6 * seconds).toFixed(1);
}
