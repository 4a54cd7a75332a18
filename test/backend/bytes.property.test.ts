// Nets of bytes have the bits of the interpreter on every target: in JavaScript, in WebAssembly with each of its two forms, on threads, and
// under the checker of kernels.

import { expect, test } from "vitest";
import { compile } from "#compile/compile.js";
import { load } from "#compile/load.js";
import { lowerModule } from "#compile/lower-module.js";
import { optimize } from "#compile/optimize.js";
import { jsTarget } from "#backend/js/target.js";
import { wasmTarget } from "#backend/wasm/target.js";
import { interpret } from "#interpret/interpret.js";
import { inputNodes } from "#ir/graph.js";
import { elements, isInteger } from "#ir/type.js";
import { checkProgram } from "#kernel/check/check.js";
import { drawIntegers, drawValues } from "#ops/distributions.js";
import { seededRandom } from "#ops/random.js";
import { isByteSum } from "#template/byte-sums.js";
import { seedsFor } from "../scale.js";
import { moduleOf } from "../schedule/module-of.js";
import { randomBytes } from "./random-bytes.js";

const seeds = seedsFor(80);

test.each(seeds)("seed %i", async (seed) => {
  const random = seededRandom(seed + 1);
  const text = randomBytes(random);
  const module = moduleOf(text);
  const [input] = inputNodes(module.graph);
  const { dtype, shape } = input!.type;
  const count = elements(shape);
  const data = isInteger(dtype) ? drawIntegers(random, dtype, count) : drawValues(random, "normal", count);
  // Seven bits, as the producer of such a net promises them.
  if (dtype === "u8") for (const [at, value] of data.entries()) data[at] = value & 127;
  const expected = new Map(
    [...interpret(module, new Map([["x", { shape, data: Float64Array.from(data) }]]))].map(
      ([name, tensor]) => [name, Float32Array.from(tensor.data)] as const,
    ),
  );
  const same = (actual: Readonly<Record<string, Float32Array>>, what: string): void => {
    for (const [name, wanted] of expected) expect(actual[name], `${name} ${what}\n${text}`).toEqual(wanted);
  };
  for (const target of ["js", "wasm"] as const) {
    const artifact = compile(module, { target }).value!;
    for (const threads of target === "wasm" ? [1, 2, 3] : [1]) {
      const net = await load(artifact, { poison: true, threads, leastWork: 0 });
      same(await net.run({ x: data }), `of ${target} with ${threads} threads`);
      net.dispose();
    }
  }
  // The checker runs both forms of each kernel, and leaves the results of the second.
  for (const target of [jsTarget, wasmTarget]) {
    const optimized = optimize(module, { target }).value!.module;
    const { program } = lowerModule(optimized, target);
    const { findings, outputs } = checkProgram(program, new Map([["x", data]]));
    expect(findings, text).toEqual([]);
    same(Object.fromEntries(outputs), `of the checker for ${target.name}`);
  }
});

test("the nets have sums of bytes, in kernels of both forms, fused and alone", () => {
  const templates = new Map<string, number>();
  let fours = 0;
  for (const seed of seeds) {
    const { module } = optimize(moduleOf(randomBytes(seededRandom(seed + 1)))).value!;
    const { schedule, program } = lowerModule(module, wasmTarget);
    fours += program.kernels.filter((kernel) => kernel.fours).length;
    for (const { plan, stages } of schedule.groups)
      if (stages.some(({ node }) => isByteSum(schedule.graph, schedule.graph.nodes.get(node)!, wasmTarget)))
        templates.set(plan.template, (templates.get(plan.template) ?? 0) + 1);
  }
  const found = ["pointwise", "conv2d", "depthwise_conv2d", "dense", "separable", "winograd"];
  expect([...templates.keys()]).toEqual(expect.arrayContaining(found));
  expect(fours).toBeGreaterThan(0);
});
