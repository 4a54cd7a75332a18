// Every shader passes the validation of WebGPU: types, uniformity, limits. No adapter is needed.

import { describe, expect, test } from "vitest";
import { printShaders } from "#backend/wgsl/emit.js";
import { wgslTarget } from "#backend/wgsl/target.js";
import type { KernelProgram } from "#kernel/ir/ir.js";
import { wgslTile } from "#kernel/part/tile.js";
import { inferType, opOf } from "#ops/index.js";
import { isProblem } from "#ops/op.js";
import { seededRandom } from "#ops/random.js";
import { fuse } from "#passes/fuse.js";
import { shaderHeads } from "#runtime/wgsl/half.js";
import { enableSubgroups } from "#runtime/wgsl/subgroups.js";
import { computingOps, opModule } from "../../op-module.js";
import { randomModule } from "../../random-graph.js";
import { scaled } from "../../scale.js";
import { moduleOf } from "../../schedule/module-of.js";
import { randomNet } from "../../schedule/random-net.js";
import { nullDevice } from "./device.js";
import { smallTile, wgslProgram } from "./programs.js";

const samples = scaled(6);
const seeds = scaled(20);
const device = await nullDevice();
const context = { target: wgslTarget, options: {}, report: () => {} };

describe.each([
  ["small tiles", smallTile],
  ["tiles of the target", wgslTile],
])("%s", (_name, tile) => {
  test.each(computingOps)("%s", async (op) => {
    for (let seed = 0; seed < samples; seed += 1) {
      const random = seededRandom(seed * 7919 + 1);
      const { inputs, attributes } = opOf(op).sample(random);
      const type = inferType(op, inputs, attributes as never);
      if (isProblem(type)) throw new Error(`sample of ${op} is invalid: ${type.problem}`);
      await validate(wgslProgram(opModule(op, inputs, attributes, type, random), tile));
    }
  });

  test("random nets, fused", async () => {
    for (let seed = 0; seed < seeds; seed += 1) {
      const module = moduleOf(randomNet(seededRandom(seed)));
      await validate(wgslProgram(fuse.run(module, context), tile));
    }
  });

  test("random graphs over all ops, fused", async () => {
    for (let seed = 0; seed < seeds; seed += 1) {
      const module = randomModule(seededRandom(seed), { jumps: true });
      await validate(wgslProgram(fuse.run(module, context), tile));
    }
  });
});

test("subgroups in more workgroups than fit along one dimension, some of them left over", async () => {
  const module = moduleOf(`net n {
    input x: f32[1, 16, 65537, 4]
    output y = conv2d(x, filters=4, kernel=1x1)
  }`);
  const program = wgslProgram(module, wgslTile);
  // A prime number of blocks.
  expect(program.subgroups!.kernels[0]!.grid.count).toBe(65_537);
  expect(printShaders(program).subgroups[0]!.workgroups).toEqual([32_769, 2]);
  await validate(program);
});

/**
 * Makes a pipeline of each shader, and of those for f16 with both of their heads. A message of the compiler, even a warning, fails the test
 * and is shown with the text.
 */
async function validate(program: KernelProgram): Promise<void> {
  const halves = printShaders(program, { f16: true }).shaders;
  const heads = Object.values(shaderHeads);
  const all = [
    ...printShaders(program).shaders,
    ...halves.flatMap((shader) => heads.map((head) => ({ ...shader, text: head + shader.text }))),
  ];
  for (const { text: own, bindings, subgroup } of all) {
    const text = subgroup ? enableSubgroups + own : own;
    const layout = device.createBindGroupLayout({
      entries: [
        { binding: 0, visibility: 4, buffer: { type: "uniform", hasDynamicOffset: true } },
        ...bindings.map(({ access }, at) => ({
          binding: at + 1,
          visibility: 4,
          buffer: { type: access === "read" ? ("read-only-storage" as const) : ("storage" as const) },
        })),
      ],
    });
    device.pushErrorScope("validation");
    const module = device.createShaderModule({ code: text });
    const said = [...(await module.getCompilationInfo()).messages].map(
      ({ lineNum, message }) => `${message}: ${text.split("\n")[lineNum - 1]}`,
    );
    const error = await device.popErrorScope();
    expect([...said, ...(error ? [error.message] : [])], text).toEqual([]);
    await device.createComputePipelineAsync({
      layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module },
    });
  }
}
