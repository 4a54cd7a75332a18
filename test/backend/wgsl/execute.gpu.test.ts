// Shaders on a real adapter, a software one will do, against the interpreter: every op, random nets and graphs, the examples.

import { expect, test } from "vitest";
import { neededLimits, printShaders } from "#backend/wgsl/emit.js";
import { checkLimits, guaranteedLimits } from "#backend/wgsl/limits.js";
import { wgslTarget, wgslTargetFor } from "#backend/wgsl/target.js";
import { optimize } from "#compile/optimize.js";
import { seededRandom } from "#ops/random.js";
import { fuse } from "#passes/fuse.js";
import { computingOps, randomInputs } from "../../op-module.js";
import { moduleOf } from "../../schedule/module-of.js";
import { exampleCase, exampleFiles, graphCases, netCases, opCases, splitCases } from "./cases.js";
import { complain, computingDevice, describeOn } from "./device.js";
import { difference, hasSubgroups, wgslProgram } from "./programs.js";

// Drivers compile every shader, so there are fewer samples than where kernels run in this process.
const samples = Number(process.env["SAMPLES"] ?? 2);
const seeds = Number(process.env["SEEDS"] ?? 4);
const slow = 300_000;
const devices = { alone: await computingDevice(), subgroups: await computingDevice({ subgroups: true }) };
const canGroup = devices.subgroups && hasSubgroups(devices.subgroups);
if (devices.subgroups && !canGroup)
  complain("NO ADAPTER WITH SUBGROUPS OF 8: their kernels are not run here.");
const context = { target: wgslTarget, options: {}, report: () => {} };

describeOn(devices.alone).each([
  ["f32", "alone", samples],
  ["f16", "alone", 1],
  ...(canGroup
    ? ([
        ["f32", "subgroups", 2 * samples],
        ["f16", "subgroups", 1],
      ] as const)
    : []),
] as const)("on an adapter, %s, %s", (precision, kind, samples) => {
  /** In subgroups, only what has kernels for them: all else is the same as without. */
  const differenceOf = async (one: Parameters<typeof difference>[0]) =>
    kind === "subgroups" && !one.program.subgroups
      ? undefined
      : difference(one, devices[kind]!, precision === "f16");

  test.each(computingOps)(
    "%s",
    async (op) => {
      for (const one of opCases(op, samples)) expect(await differenceOf(one), one.name).toBeUndefined();
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
      for (const one of casesOf(seeds)) expect(await differenceOf(one), one.name).toBeUndefined();
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

  test.each(exampleFiles)(
    "%s, optimized, at a small size",
    async (file) => {
      expect(await differenceOf(exampleCase(file))).toBeUndefined();
    },
    slow,
  );
});
