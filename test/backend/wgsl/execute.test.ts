// Shaders on a real adapter, a software one will do, against the interpreter: every op, random nets and graphs, the examples.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { neededLimits, printShaders } from "#backend/wgsl/emit.js";
import { checkLimits, guaranteedLimits } from "#backend/wgsl/limits.js";
import { wgslTarget, wgslTargetFor } from "#backend/wgsl/target.js";
import { optimize } from "#compile/optimize.js";
import { inferType, opOf } from "#ops/index.js";
import { isProblem } from "#ops/op.js";
import { seededRandom } from "#ops/random.js";
import { fuse } from "#passes/fuse.js";
import { wgslTile } from "#kernel/tile.js";
import { readModel } from "../../../src/node.js";
import { computingOps, opModule, randomInputs } from "../../op-module.js";
import { randomModule } from "../../random-graph.js";
import { moduleOf } from "../../schedule/module-of.js";
import { randomNet } from "../../schedule/random-net.js";
import { computingDevice, describeOn } from "./device.js";
import { difference, wgslProgram } from "./programs.js";

// Drivers compile every shader, so there are fewer samples than where kernels run in this process.
const samples = Number(process.env["SAMPLES"] ?? 2);
const seeds = Number(process.env["SEEDS"] ?? 4);
const slow = 300_000;
const device = await computingDevice();
const context = { target: wgslTarget, options: {}, report: () => {} };

describeOn(device)("on an adapter", () => {
  test.each(computingOps)(
    "%s",
    async (op) => {
      for (let seed = 0; seed < samples; seed += 1) {
        const random = seededRandom(seed * 7919 + 1);
        const { inputs, attributes } = opOf(op).sample(random);
        const type = inferType(op, inputs, attributes as never);
        if (isProblem(type)) throw new Error(`sample of ${op} is invalid: ${type.problem}`);
        const module = opModule(op, inputs, attributes, type, random);
        const values = randomInputs(module, random);
        const wrong = await difference(wgslProgram(module), module, values, device!);
        expect(wrong, `${op} seed ${seed} ${JSON.stringify({ inputs, attributes })}`).toBeUndefined();
      }
    },
    slow,
  );

  test(
    "random nets, fused",
    async () => {
      for (let seed = 0; seed < seeds; seed += 1) {
        const text = randomNet(seededRandom(seed));
        const module = moduleOf(text);
        const program = wgslProgram(fuse.run(module, context));
        const wrong = await difference(program, module, randomInputs(module, seededRandom(1)), device!);
        expect(wrong, `seed ${seed}\n${text}`).toBeUndefined();
      }
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
      expect(
        await difference(program, module, randomInputs(module, seededRandom(1)), device!),
      ).toBeUndefined();
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
      expect(
        await difference(program, module, randomInputs(module, seededRandom(1)), device!),
      ).toBeUndefined();
    },
    slow,
  );

  test(
    "random graphs over all ops, fused",
    async () => {
      for (let seed = 0; seed < seeds; seed += 1) {
        const module = randomModule(seededRandom(seed), { size: 8 });
        const program = wgslProgram(fuse.run(module, context));
        const wrong = await difference(program, module, randomInputs(module, seededRandom(1)), device!);
        expect(wrong, `seed ${seed}`).toBeUndefined();
      }
    },
    slow,
  );

  const folder = join(import.meta.dirname, "../../../examples");
  const nets = readdirSync(folder).filter((file) => file.endsWith(".net"));
  test.each(nets)(
    "%s, optimized, at a small size",
    async (file) => {
      const dims = new Map([
        ["H", 32],
        ["W", 32],
      ]);
      const module = readModel(join(folder, file), { dims }).value ?? readModel(join(folder, file)).value!;
      const optimized = optimize(module, { target: wgslTarget }).value!.module;
      const program = wgslProgram(optimized, wgslTile);
      const wrong = await difference(program, module, randomInputs(module, seededRandom(1)), device!);
      expect(wrong).toBeUndefined();
    },
    slow,
  );
});
