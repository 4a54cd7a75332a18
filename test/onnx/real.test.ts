// Models that people use, from packages of npm, on every target against onnxruntime, and what is left of them after the passes.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as ort from "onnxruntime-web";
import { expect } from "vitest";
import { compile } from "#compile/compile.js";
import { load } from "#compile/load.js";
import { optimize } from "#compile/optimize.js";
import { render } from "#diagnostic/render.js";
import type { Imported } from "#import/finish.js";
import { importOnnx } from "#import/onnx/import-onnx.js";
import { inputNodes } from "#ir/graph.js";
import { elements } from "#ir/type.js";
import { seededRandom } from "#ops/random.js";
import { computingDevice } from "../backend/wgsl/device.js";
import { cases } from "../cases.js";

ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";

/** What the outputs may differ by, as a part of the largest value: these nets are up to 150 layers of f32 on both sides. */
const tolerance = 1e-3;
const seeds = [1, 2, 3];
const slow = 300_000;
const device = await computingDevice();

// A case names a file in node_modules, and its open sizes.
cases(
  import.meta.dirname,
  "real.txt",
  async (input) => {
    const [file = "", sizes = ""] = input.split("\n");
    const bytes = readFileSync(join(import.meta.dirname, "../../node_modules", file));
    const dims = new Map(sizes.split(" ").flatMap((one) => (one ? [dimOf(one)] : [])));
    const { value, diagnostics } = importOnnx(bytes, { file, dims });
    if (!value) return expect.fail(render(diagnostics, new Map(), { color: false }));
    await compareWithPeer(bytes, value);
    return opsAfterPasses(value);
  },
  slow,
);

function dimOf(text: string): [string, number] {
  const [name = "", size] = text.split("=");
  return [name, Number(size)];
}

type Values = Readonly<Record<string, Float32Array>>;

async function compareWithPeer(bytes: Uint8Array, module: Imported): Promise<void> {
  const inputs = seeds.map((seed) => randomValues(module, seed));
  const session = await ort.InferenceSession.create(bytes);
  const shapes = new Map(inputNodes(module.graph).map(({ name, type }) => [name, type.shape]));
  const wanted: Values[] = [];
  for (const values of inputs) {
    const results = await session.run(
      Object.fromEntries(
        Object.entries(values).map(([name, data]) => [
          name,
          new ort.Tensor("float32", data, shapes.get(name)!),
        ]),
      ),
    );
    wanted.push(
      Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, data as Float32Array])),
    );
  }
  await session.release();
  for (const target of ["js", "wasm", "wgsl"] as const) {
    if (target === "wgsl" && !device) continue;
    const { value: artifact } = compile(module, { target });
    const net = await load(artifact!, target === "wgsl" ? { device: device! } : {});
    for (const [at, values] of inputs.entries()) {
      const actual = await net.run(values);
      for (const { name } of module.graph.outputs)
        expect(largestDifference(actual[name]!, wanted[at]![name]!), `${target}: ${name}`).toBeLessThan(
          tolerance,
        );
    }
    net.dispose();
  }
}

/**
 * Values of all inputs, between -1 and 1 as scaled pictures are, in runs as strokes make them: where the text detector sees no line at
 * all, all its probabilities are below what onnxruntime's sigmoid resolves (2·10⁻⁷).
 */
function randomValues(module: Imported, seed: number): Values {
  const random = seededRandom(seed);
  return Object.fromEntries(
    inputNodes(module.graph).map(({ name, type }) => {
      const values = new Float32Array(elements(type.shape));
      for (let start = 0; start < values.length;) {
        const end = start + random.int(1, 12);
        values.fill(2 * random.next() - 1, start, end);
        start = end;
      }
      return [name, values];
    }),
  );
}

/** As a part of the largest value; ∞ where the lengths differ or a value is no number. */
function largestDifference(actual: Float32Array, wanted: Float32Array): number {
  if (actual.length !== wanted.length) return Number.POSITIVE_INFINITY;
  const most = wanted.reduce((sum, one) => Math.max(sum, Math.abs(one)), 1e-30);
  const worst = wanted.reduce((sum, one, at) => Math.max(sum, Math.abs(one - actual[at]!)), 0);
  return Number.isNaN(worst) ? Number.POSITIVE_INFINITY : worst / most;
}

/** How often each op is left before operators are fused: `3 conv2d, 1 transpose`. */
function opsAfterPasses(module: Imported): string {
  const counts = new Map<string, number>();
  for (const { op } of optimize(module, { without: ["fuse"] }).value!.module.graph.nodes.values())
    if (op !== "constant" && op !== "input") counts.set(op, (counts.get(op) ?? 0) + 1);
  return [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([op, count]) => `${count} ${op}`)
    .join(", ");
}
