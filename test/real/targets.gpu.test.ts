// Published models on every target against onnxruntime, and what is left of them after the passes.

import { expect } from "vitest";
import { compile } from "#compile/compile.js";
import { load } from "#compile/load.js";
import { optimize } from "#compile/optimize.js";
import { inputNodes } from "#ir/graph.js";
import { elements } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { computingDevice } from "../backend/wgsl/device.js";
import { cases } from "../cases.js";
import type { Given } from "./peers.js";
import { peerResults } from "./peers.js";
import { countsOf, largestDifference, readPublished, strokes } from "./published.js";

/** What the outputs may differ by, as a part of the largest value: these nets are up to 150 layers of f32 on both sides. */
const tolerance = 1e-3;
const seeds = [1, 2, 3];
const slow = 300_000;
const device = await computingDevice();

// A case names a file in node_modules, and its open sizes.
cases(
  import.meta.dirname,
  "targets.txt",
  async (input) => {
    const { path, model } = readPublished(input);
    // Between -1 and 1, as scaled pictures are. Where the text detector sees no line at all, all its probabilities are below what
    // onnxruntime's sigmoid resolves (2·10⁻⁷).
    const runs = seeds.map((seed) =>
      inputNodes(model.graph).map(({ name, type: { shape } }): Given => ({
        name,
        shape,
        data: strokes(elements(shape), -1, 1, seed),
      })),
    );
    const names = model.graph.outputs.map(({ name }) => name);
    const wanted = await peerResults(path, runs, names);
    for (const target of ["js", "wasm", "wgsl"] as const) {
      if (target === "wgsl" && !device) continue;
      const { value: artifact } = compile(model, { target });
      const net = await load(artifact!, target === "wgsl" ? { device: device! } : {});
      for (const [at, given] of runs.entries()) {
        const actual = await net.run(Object.fromEntries(given.map(({ name, data }) => [name, data])));
        for (const [which, name] of names.entries())
          expect(largestDifference(actual[name]!, wanted[at]![which]!), `${target}: ${name}`).toBeLessThan(
            tolerance,
          );
      }
      net.dispose();
    }
    return opsAfterPasses(model);
  },
  slow,
);

/** How often each op is left before operators are fused. */
function opsAfterPasses(module: Module): string {
  const { nodes } = optimize(module, { without: ["fuse"] }).value!.module.graph;
  return countsOf(
    [...nodes.values()].map(({ op }) => op).filter((op) => op !== "constant" && op !== "input"),
  );
}
