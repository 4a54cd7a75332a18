// Measures the rounding error of Winograd's algorithm: 3×3 convolutions directly and in tiles of 2×2 and 4×4, in each binary, compared with
// the interpreter in float64, relative to the stated tolerance. `npm run winograd-error`.

import { withWinograd } from "../passes/fuse.js";
import { emitWasm } from "../src/backend/wasm/emit.js";
import { wasmTarget } from "../src/backend/wasm/target.js";
import type { Module } from "../src/index.js";
import { compile, elaborate, interpret, load, longestReduction, parse, tolerance } from "../src/index.js";
import { lower } from "../src/kernel/lower.js";
import { seededRandom } from "../src/ops/random.js";
import type { WinogradSize } from "../src/schedule/schedule.js";
import { schedule } from "../src/schedule/schedule-graph.js";
import { version } from "../src/index.js";

/** Height and width, input and output channels. */
const layers = [
  [32, 64, 64],
  [16, 128, 128],
  [12, 256, 256],
  [8, 512, 512],
] as const;
const ways = [undefined, 2, 4] as const;
const binaries = ["simd", "relaxed"] as const;

const relaxedRuns = await runsRelaxed();
const columns = binaries
  .filter((simd) => simd === "simd" || relaxedRuns)
  .flatMap((simd) => ways.map((way) => ({ simd, way })));
const head = columns.map(({ simd, way }) => `${way === undefined ? "direct" : `${way}×${way}`}, ${simd}`);
console.log(`| layer | ${head.join(" | ")} |\n| --- | ${head.map(() => "---:").join(" | ")} |`);
for (const [side, depth, filters] of layers) {
  const module = moduleOf(
    `net n {\n  input x: f32[1, ${side}, ${side}, ${depth}]\n  output y = conv2d(x, filters=${filters}, kernel=3x3, padding=same)\n}\n`,
  );
  const random = seededRandom(1);
  const x = Float32Array.from({ length: side * side * depth }, () => random.normal());
  const exact = interpret(
    module,
    new Map([["x", { shape: [1, side, side, depth], data: Float64Array.from(x) }]]),
  );
  const wanted = exact.get("y")?.data ?? new Float64Array();
  const allowed = tolerance(longestReduction(module), wanted);
  const cells: string[] = [];
  for (const { simd, way } of columns) {
    const off = largestDifference(await run(module, x, way, simd), wanted);
    cells.push(`${((100 * off) / allowed).toFixed(1)}%`);
  }
  console.log(`| ${side}×${side}×${depth} → ${filters} | ${cells.join(" | ")} |`);
}
process.exit(0);

function moduleOf(text: string): Module {
  const { value: ast } = parse(text, "layer.net");
  const module = ast && elaborate(ast).value;
  if (!module) throw new Error(`not a net:\n${text}`);
  return module;
}

async function run(
  module: Module,
  x: Float32Array,
  way: WinogradSize | undefined,
  simd: "simd" | "relaxed",
): Promise<Float32Array> {
  const convolutions = [...module.graph.nodes.values()].filter(({ op }) => op === "conv2d");
  const winograd = new Map(convolutions.flatMap(({ id }) => (way === undefined ? [] : [[id, way]])));
  const graph = withWinograd(module.graph, winograd);
  const artifact = emitWasm(lower(schedule({ ...module, graph }, wasmTarget)), { version });
  const net = await load(artifact, { simd });
  const { y = new Float32Array() } = await net.run({ x });
  net.dispose();
  return y;
}

async function runsRelaxed(): Promise<boolean> {
  const { value } = compile("net n {\n  input x: f32[1, 4]\n  output y = relu(x)\n}\n");
  if (!value) return false;
  return load(value, { simd: "relaxed" }).then(
    () => true,
    () => false,
  );
}

function largestDifference(a: Float32Array, b: Float64Array): number {
  return a.reduce((most, value, index) => Math.max(most, Math.abs(value - (b[index] ?? Number.NaN))), 0);
}
