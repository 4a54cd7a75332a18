// Shaders on a real adapter, a software one will do, against the interpreter: every op, random nets and graphs, the examples.

import { afterAll, beforeAll, expect, test } from "vitest";
import { neededLimits, printShaders } from "#backend/wgsl/emit.js";
import { checkLimits, guaranteedLimits } from "#backend/wgsl/limits.js";
import { wgslTarget, wgslTargetFor } from "#backend/wgsl/target.js";
import { optimize } from "#compile/optimize.js";
import { opOf } from "#ops/index.js";
import type { OpClass } from "#ops/op.js";
import { seededRandom } from "#ops/random.js";
import { fuse } from "#passes/fuse.js";
import { computingOps, randomInputs } from "../../op-module.js";
import { scaled } from "../../scale.js";
import { moduleOf } from "../../schedule/module-of.js";
import type { GpuCase } from "./cases.js";
import { exampleCase, exampleFiles, graphCases, netCases, opCases, splitCases } from "./cases.js";
import { complain, computingDevice, describeOn } from "./device.js";
import { difference, hasSubgroups, wgslProgram } from "./programs.js";

// Drivers compile every shader, so there are fewer samples than where kernels run in this process.
const samples = scaled(2);
const seeds = scaled(4);
const slow = 300_000;
const devices = { alone: await computingDevice(), subgroups: await computingDevice({ subgroups: true }) };
const canGroup = devices.subgroups && hasSubgroups(devices.subgroups);
if (devices.subgroups && !canGroup)
  complain("NO ADAPTER WITH SUBGROUPS OF 8: their kernels are not run here.");
const context = { target: wgslTarget, options: {}, report: () => {} };

/** How programs run, and how many samples of each op do so. */
type Way = readonly [precision: "f32" | "f16", kind: "alone" | "subgroups", samples: number];

const ways: readonly Way[] = [
  ["f32", "alone", samples],
  ["f16", "alone", 1],
  ...(canGroup ? (["f32", "f16"] as const).map((precision): Way => [precision, "subgroups", samples]) : []),
];

/** In subgroups runs only what has kernels for them: all else is the same as without. */
const fits: Readonly<Record<Way[1], (one: GpuCase) => boolean>> = {
  alone: () => true,
  subgroups: ({ program }) => program.subgroups !== undefined,
};

const multiplies = (one: OpClass): boolean => one === "convolution" || one === "matmul";

const differenceBy = ([precision, kind]: Way, one: Parameters<typeof difference>[0]) =>
  difference(one, devices[kind]!, precision === "f16");

describeOn(devices.alone).each(ways)("on an adapter, %s, %s", (...way) => {
  const [, kind, samples] = way;
  const differenceOf = (one: Parameters<typeof difference>[0]) => differenceBy(way, one);

  // Of the ops, only those that multiply matrices have such kernels.
  const ops =
    kind === "alone" ? computingOps : computingOps.filter((op) => opOf(op).classes.some(multiplies));
  const casesOfOps = ops
    .map((op) => [op, opCases(op, samples, fits[kind])] as const)
    .filter(([, cases]) => cases.length > 0);

  test("what there are cases of", () => {
    const wanted = kind === "alone" ? computingOps : ["conv2d", "dense"];
    expect(casesOfOps.map(([op]) => op)).toEqual(wanted);
  });

  test.each(casesOfOps)(
    "%s",
    async (_, cases) => {
      for (const one of cases) expect(await differenceOf(one), one.name).toBeUndefined();
    },
    slow,
  );

  test.each([
    ["nets", netCases],
    ["graphs over all ops", graphCases],
    ["splits", splitCases],
  ])(
    "random %s, fused",
    async (_, casesOf) => {
      const cases = casesOf(seeds, fits[kind]);
      expect(cases.length).toBeGreaterThan(0);
      for (const one of cases) expect(await differenceOf(one), one.name).toBeUndefined();
    },
    slow,
  );

  test(
    "weights and tensors in several buffers",
    async () => {
      const module = moduleOf(`net n {
        input x: f32[1, 12, 12, 4]
        a = conv2d(x, filters=16, kernel=3x3, padding=same) |> relu
        b = conv2d(a, filters=16, kernel=3x3, padding=same)
        c = conv2d(b, filters=16, kernel=1x1) + a
        output y = global_avg_pool(c)
      }`);
      const target = wgslTargetFor({ ...guaranteedLimits, maxStorageBufferBindingSize: 10_000 });
      const program = wgslProgram(fuse.run(module, { ...context, target }), undefined, target);
      expect(program.weightParts.length).toBeGreaterThan(1);
      expect(program.arenas.filter(({ kind }) => kind === "vecs").length).toBeGreaterThan(1);
      const needed = neededLimits(program, printShaders(program));
      expect(needed.maxStorageBufferBindingSize).toBeLessThanOrEqual(10_000);
      const inputs = randomInputs(module, seededRandom(1));
      expect(await differenceOf({ program, module, inputs })).toBeUndefined();
    },
    slow,
  );

  test(
    "weights that are too large to bind, cut",
    async () => {
      const module = moduleOf(`net n {
        input x: f32[1, 4, 4, 3]
        a = conv2d(x, filters=40, kernel=3x3, padding=same) |> relu
        output y = global_avg_pool(a) |> dense(units=50)
      }`);
      const limits = { ...guaranteedLimits, maxStorageBufferBindingSize: 4096 };
      const target = wgslTargetFor(limits);
      const optimized = optimize(module, { target }).value!.module;
      const program = wgslProgram(optimized, undefined, target);
      expect(checkLimits("n", neededLimits(program, printShaders(program)), limits)).toEqual([]);
      const inputs = randomInputs(module, seededRandom(1));
      expect(await differenceOf({ program, module, inputs })).toBeUndefined();
    },
    slow,
  );
});

/** The examples that run in all ways: of each kind of network one. */
const allWays = [
  "convnext_tiny.net",
  "fm_mobile.net",
  "fm_resnet16.net",
  "mobilenet_v3_small.net",
  "unet.net",
];

describeOn(devices.alone).each(exampleFiles)("on an adapter, %s, optimized, at a small size", (file) => {
  let one: GpuCase | undefined;
  beforeAll(() => void (one = exampleCase(file)));
  // The largest is half a gigabyte.
  afterAll(() => void (one = undefined));

  // Drivers take most of the time, and other precisions change the same shaders of all examples alike.
  const own = allWays.includes(file) ? ways : ways.slice(0, 1);
  test.each(own)("%s, %s", async (...way) => expect(await differenceBy(way, one!)).toBeUndefined(), slow);
});
