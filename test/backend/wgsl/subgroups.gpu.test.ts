// Kernels for subgroups: who gets them, and products of odd sizes in them.

import { expect, test } from "vitest";
import { wgslTarget } from "#backend/wgsl/target.js";
import { compile } from "#compile/compile.js";
import { load as loadArtifact } from "#compile/load.js";
import { wgslTile } from "#kernel/part/tile.js";
import { seededRandom } from "#ops/random.js";
import { fuse } from "#passes/fuse.js";
import type { GpuNet } from "#runtime/wgsl/machine.js";
import { nodeGpu } from "../../../src/node/gpu.js";
import { randomInputs } from "../../op-module.js";
import { moduleOf } from "../../schedule/module-of.js";
import { computingDevice, describeOn, withProperty } from "./device.js";
import { difference, hasSubgroups, smallTile, wgslProgram } from "./programs.js";

const device = await computingDevice({ subgroups: true });
const plain = await computingDevice();
const canGroup = device !== undefined && hasSubgroups(device);
const context = { target: wgslTarget, options: {}, report: () => {} };

const text = `net n {
  input x: f32[N, 5, 7, 4]
  a = conv2d(x, filters=36, kernel=3x3, padding=same) |> relu
  b = conv2d(a, filters=20, kernel=1x1) |> relu
  output y = global_avg_pool(b) |> dense(units=8)
}`;
let copies = 0;
const load = async (options: object): Promise<GpuNet> => {
  const artifact = compile(text, { target: "wgsl" }).value!;
  const module = `${artifact.module}// ${(copies += 1)}\n`;
  return (await loadArtifact({ ...artifact, module }, options)) as unknown as GpuNet;
};

test("one row, groups and columns that fill no vec have no kernels for subgroups", () => {
  const kernelsOf = (net: string) =>
    wgslProgram(moduleOf(`net n {\n  input x: f32[1, 5, 5, 8]\n  output y = ${net}\n}`)).subgroups?.kernels;
  expect(kernelsOf("global_avg_pool(x) |> dense(units=64)")).toBeUndefined();
  expect(kernelsOf("conv2d(x, filters=8, kernel=3x3, groups=2)")).toBeUndefined();
  expect(kernelsOf("conv2d(x, filters=6, kernel=1x1)")).toBeUndefined();
  expect(kernelsOf("conv2d(x, filters=8, kernel=1x1)")).toMatchObject([{ team: 8, subgroup: true }]);
});

describeOn(canGroup ? device : undefined)("on an adapter", () => {
  test.each(
    (
      [
        [1, 2, 1, 4],
        [3, 3, 5, 20],
        [2, 3, 3, 32],
        [4, 5, 11, 36],
        [5, 1, 17, 68],
      ] as const
    ).flatMap((size) =>
      (["1x1", "3x3, padding=same", "3x2, stride=2", "2x3, dilation=2, padding=same"] as const).map(
        (window) => [...size, window] as const,
      ),
    ),
  )(
    "%i channels, %i×%i, %i filters, %s",
    async (depth, height, width, filters, window) => {
      const module = moduleOf(`net n {
        input x: f32[2, ${height + 2}, ${width + 4}, ${depth}]
        a = tanh(x) |> conv2d(filters=${filters}, kernel=${window}) |> relu
        b = conv2d(a, filters=${filters + 4}, kernel=1x1)
        output y = b * b
      }`);
      const inputs = randomInputs(module, seededRandom(1));
      for (const tile of [smallTile, wgslTile]) {
        const program = wgslProgram(fuse.run(module, context), tile);
        expect(program.subgroups?.kernels.length).toBeGreaterThan(0);
        expect(await difference({ program, module, inputs }, device!)).toBeUndefined();
      }
    },
    60_000,
  );

  test("two convolutions in one sum", async () => {
    const module = moduleOf(`net n {
      input x: f32[1, 6, 6, 8]
      a = conv2d(x, filters=24, kernel=3x3, stride=2, padding=same)
      b = conv2d(x, filters=24, kernel=1x1, stride=2)
      output y = a + b |> relu
    }`);
    const inputs = randomInputs(module, seededRandom(1));
    const program = wgslProgram(fuse.run(module, context));
    expect(program.launches.length).toBe(1);
    expect(program.subgroups?.kernels.length).toBe(1);
    expect(await difference({ program, module, inputs }, device!)).toBeUndefined();
  });

  test("the feature is asked for where it fits, and only the shaders that are launched are compiled", async () => {
    const gpu = (await nodeGpu()).value!;
    const own = await load({ gpu });
    expect(own.subgroups).toBe(true);
    expect(own.device.features.has("subgroups")).toBe(true);
    own.dispose();
    const compiled: string[] = [];
    const net = await load({ device: withPipelines(device!, compiled) });
    expect(compiled.toSorted()).toEqual([...new Set(net.launches.map(({ kernel }) => kernel))].toSorted());
    expect(compiled.filter((name) => name.includes("subgroups")).length).toBe(2);
    net.dispose();
  });

  test("a device without the feature, of a GPU, or with subgroups of other sizes runs the other kernels", async () => {
    const fit = infoOf(8, 8);
    expect((await load({ device: withProperty(device!, "adapterInfo", fit) })).subgroups).toBe(true);
    const gpu = { ...fit, isFallbackAdapter: false };
    const others = [infoOf(4, 8), infoOf(8, 16), gpu, undefined].map((info) =>
      withProperty(device!, "adapterInfo", info),
    );
    for (const other of [plain!, ...others]) {
      const net = await load({ device: other });
      expect(net.subgroups).toBe(false);
      expect(net.launches.filter(({ kernel }) => kernel.includes("subgroups"))).toEqual([]);
      net.dispose();
    }
  });
});

const infoOf = (subgroupMinSize: number, subgroupMaxSize: number) => ({
  isFallbackAdapter: true,
  subgroupMinSize,
  subgroupMaxSize,
});

/** A device that notes the labels of the pipelines that it makes. */
function withPipelines(device: GPUDevice, labels: string[]): GPUDevice {
  return withProperty(device, "createComputePipelineAsync", (wish: GPUComputePipelineDescriptor) => {
    labels.push(wish.label ?? "");
    return device.createComputePipelineAsync(wish);
  });
}
