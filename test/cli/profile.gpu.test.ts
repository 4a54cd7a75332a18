// `cleave profile`: the structure of its answer. The times are not tested, since they depend on the machine.

import { expect, test } from "vitest";
import { dotProgram, productProgram, streamProgram } from "#measure/roofline-programs.js";
import { emit } from "#compile/emit.js";
import { profile } from "#measure/profile.js";
import { optimize } from "#compile/optimize.js";
import { targetOf, targets } from "#compile/targets.js";
import { checkProgram } from "#kernel/check/check.js";
import type { ProfileReport } from "#report/profile.js";
import { profileText } from "#report/profile.js";
import { readModel } from "../../src/node/index.js";
import { computingDevice, describeOn } from "../backend/wgsl/device.js";
import { moduleOf } from "../schedule/module-of.js";
import { cleave } from "./terminal.js";

const device = await computingDevice();

const quick = {
  warmup: 0,
  runs: 3,
  roofline: { macs: 1e4, elements: 1000, milliseconds: 0 },
};

function model(name: string, target: "js" | "wasm") {
  const read = readModel(`examples/${name}.net`).value!;
  return { ...optimize(read, { target: targets[target].target }).value!.module, sources: read.sources };
}

test.each(["wasm", "js"] as const)(
  "%s: every kernel of the module, with its work and its place",
  async (target) => {
    const { sources, ...module } = model("fm_resnet16", target);
    const report = await profile(module, { ...quick, target, sources });
    expect(report).toMatchObject({ name: "fm_resnet16", target, threads: 1, runs: 3 });
    expect(report.kernels.map(({ order }) => order)).toEqual([...report.kernels.keys()]);
    expect(report.kernels.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 6);
    const ops = report.kernels.flatMap((kernel) => kernel.ops);
    const nodes = [...module.graph.nodes.values()].filter(({ op }) => op !== "input" && op !== "constant");
    // Views need no kernel.
    expect(nodes.map(({ name }) => name)).toEqual(expect.arrayContaining(ops.map(({ name }) => name)));
    for (const kernel of report.kernels) {
      const { bytes, roofline, macs, macsDone } = kernel;
      expect(bytes).toBeGreaterThan(0);
      const compute = macsDone / report.machine!.macsPerSecond;
      const rates = report.machine!.bandwidths.map(({ bytesPerSecond }) => bytesPerSecond);
      const memory = { least: bytes / Math.max(...rates), most: bytes / Math.min(...rates) };
      expect(roofline!.milliseconds).toBeGreaterThanOrEqual(999 * Math.max(compute, memory.least));
      if (roofline!.bound !== "compute")
        expect(roofline!.milliseconds).toBeLessThanOrEqual(1001 * memory.most);
      if (roofline!.bound === "cache")
        expect(report.machine!.bandwidths.slice(0, -1).map((one) => one.bytes)).toContain(
          roofline!.cacheBytes,
        );
      else expect(roofline!.cacheBytes).toBeUndefined();
      if (kernel.kernel.startsWith("winograd")) expect(macsDone).toBeLessThan(macs);
      expect(kernel.ops[0]?.line).toMatch(/^fm_resnet16\.net:\d+: /);
    }
    expect(report.kernels.some(({ kernel }) => kernel.startsWith("winograd"))).toBe(true);
    expect(report.rooflineMilliseconds).toBeGreaterThan(0);
    const sizes = report.machine!.bandwidths.map(({ bytes }) => bytes);
    expect(sizes.length).toBeGreaterThan(2);
    expect(sizes).toEqual(sizes.toSorted((a, b) => a - b));
  },
);

const quantized = `net t {
  input x: f32[1, 8, 8, 16]
  param w: i8[1, 1, 16, 32] = quantize(he_normal(seed=1, fan_in=16, shape=[1, 1, 16, 32]), 0.01, type="i8")
  param b: i32[32] = quantize(zeros(shape=[32]), 1, type="i32")
  q = quantize(x, 0.02, zero=64, low=0, high=127, type="u8")
  y = quantize(dequantize(conv2d(q, w, b, zero=64), 0.001), 1, type="u8")
  output z = dequantize(y, 1) |> conv2d(filters=8, kernel=1x1)
}`;

test.each(["wasm", "js"] as const)(
  "%s: products of bytes have a rate of their own where they are integers",
  async (target) => {
    const { value } = optimize(moduleOf(quantized), { target: targets[target].target });
    const report = await profile(value!.module, { ...quick, target });
    const { integers, macsPerSecond } = report.machine!;
    const text = profileText(report);
    if (target === "js") {
      expect(integers).toBeUndefined();
      expect(report.kernels.map(({ integerMacs }) => integerMacs)).toEqual(report.kernels.map(() => 0));
      expect(text).toMatch(/ GFLOP\/s +bytes /);
      return;
    }
    const [sum] = report.kernels.filter(({ integerMacs }) => integerMacs > 0);
    expect(sum).toMatchObject({
      macs: 8 * 8 * 16 * 32,
      macsDone: 8 * 8 * 16 * 32,
      integerMacs: 8 * 8 * 16 * 32,
    });
    expect(report.kernels.filter(({ integerMacs }) => integerMacs > 0).length).toBe(1);
    expect(integers!.pairs).toBeGreaterThan(0);
    const rate = Math.max(integers!.pairs, integers!.fours ?? 0);
    expect(sum!.roofline!.milliseconds).toBeGreaterThanOrEqual((999 * sum!.macs) / rate);
    expect(macsPerSecond).toBeGreaterThan(0);
    expect(text).toMatch(/ GFLOP\/s, [\d.]+ GOP\/s of integers \(dot_i16x8_s [\d.]+/);
    expect(text).toMatch(/ GOP\/s +bytes /);
  },
);

test("sorted by time, the slowest kernel comes first", async () => {
  const { sources, ...module } = model("fm_mobile", "wasm");
  const report = await profile(module, { ...quick, sources });
  const [slow = -1] = report.kernels
    .toSorted((a, b) => b.milliseconds - a.milliseconds)
    .map(({ order }) => order);
  const rows = (sort: "order" | "time") => profileText(report, sort).split("\n").slice(5);
  expect(rows("time")[0]).toMatch(new RegExp(`^ *${slow} `));
  expect(rows("order")[0]).toMatch(/^ *0 .*fm_mobile\.net:13,15 /);
  expect(rows("order").toSorted()).toEqual(rows("time").toSorted());
});

test("the command prints a table, or JSON without infinities", async () => {
  const { code, out, err } = await cleave(
    "profile",
    "examples/fm_mobile.net",
    "--runs",
    "2",
    "--winograd",
    "off",
  );
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(out).toMatch(
    /^fm_mobile on wasm, 1 thread: [\d.]+ ms a run, the median of 2\n35 ops → 10 kernels\nthis machine: /,
  );
  const json = await cleave("profile", "examples/seed.net", "--runs", "1", "--target", "js", "--json");
  expect(json.code).toBe(0);
  expect(JSON.parse(json.out)).toMatchObject({ name: "seed", target: "js", runs: 1 });
  expect(json.out).not.toMatch(/"(Infinity|NaN)"/);
});

test("threads are for WebAssembly", async () => {
  const { code, err } = await cleave("profile", "examples/seed.net", "--target", "js", "--threads", "2");
  expect(code).toBe(2);
  expect(err).toContain("--threads is for the target wasm");
});

describeOn(device)("on an adapter", () => {
  test("every dispatch is timed by the device", async () => {
    const { code, out } = await cleave(
      "profile",
      "examples/fm_mobile.net",
      "--target",
      "wgsl",
      "--runs",
      "2",
    );
    expect(code).toBe(0);
    expect(out).toMatch(/^fm_mobile on wgsl, .*: [\d.]+ ms a run, the median of 2\n35 ops → 7 kernels\n\n/);
    expect(out).toMatch(/GB\/s\n/);
    expect(out).not.toContain("roofline");
    const command = ["profile", "examples/fm_mobile.net", "--target", "wgsl", "--adapter", "software"];
    const json = await cleave(...command, "--json");
    const report = JSON.parse(json.out) as ProfileReport;
    const { module } = optimize(readModel("examples/fm_mobile.net").value!, {
      target: targetOf("wgsl", { adapter: "software" }).target,
    }).value!;
    expect(report.kernels.length).toBe(emit(module, { target: "wgsl", adapter: "software" }).kernels);
    // Each dispatch has its own time, which is not that of the run.
    for (const { milliseconds } of report.kernels) expect(milliseconds).toBeGreaterThan(0);
    expect(report.kernelMilliseconds).toBeLessThan(report.kernels.length * report.milliseconds);
    expect(report.machine).toBeUndefined();
  });
});

test("a device without timestamps gives a note", async () => {
  const { sources: _, ...module } = model("seed", "wasm");
  const adapter = { info: { description: "old" }, features: new Set(), limits: {} };
  const gpu = { requestAdapter: async () => adapter };
  const profiled = profile(module, { target: "wgsl", gpu });
  await expect(profiled).rejects.toMatchObject({ name: "GpuError", code: "limits" });
  await expect(profiled).rejects.toThrow("the adapter (old) has no timestamp-query");
});

test.each(["wasm", "js"] as const)(
  "%s: the kernels that measure the machine keep the rules of the IR",
  (target) => {
    for (const threads of [1, 2]) {
      const programs = [productProgram(target, 1e5, threads), streamProgram(target, 1000, threads)];
      if (target === "wasm")
        programs.push(dotProgram(target, 1e6, threads, "pairs"), dotProgram(target, 1e6, threads, "fours"));
      for (const program of programs) {
        const inputs = program.inputs.map(
          ({ name, shape }) => [name, new Float32Array(shape[0]!).fill(1)] as const,
        );
        expect(checkProgram(program, new Map(inputs)).findings).toEqual([]);
      }
    }
  },
);
