// The page of the benchmarks.

import { expect, test } from "vitest";
import { browserPage } from "../../bench/browser/docs-page.js";
import { benchmarksPage } from "../../bench/docs-page.js";
import { kernelText, profileRows } from "../../bench/profile-table.js";
import type { KernelProfile, ProfileReport } from "../../src/index.js";
import { comparison, peer } from "./comparison.js";

const conv: KernelProfile["ops"][number] = {
  name: "y",
  op: "conv2d",
  operands: [[1, 8, 8, 3], [1, 1, 3, 4], [4]],
  shape: [1, 8, 8, 4],
};
const kernel = (order: number, milliseconds: number): KernelProfile => ({
  order,
  kernel: `k${order}`,
  ops: [conv],
  milliseconds,
  share: milliseconds / 78,
  macs: 1e6,
  macsDone: 1e6,
  integerMacs: 0,
  gigaflops: 2 / milliseconds,
  bytes: 1e6,
  gigabytes: 1 / milliseconds,
  roofline: { milliseconds: 0.5, bound: "compute", share: 0.5 / milliseconds },
});
const profile: ProfileReport = {
  name: "m",
  target: "wasm",
  threads: 1,
  runs: 3,
  machine: { macsPerSecond: 25e9, bandwidths: [{ bytes: 1e8, bytesPerSecond: 10e9 }] },
  kernels: Array.from({ length: 12 }, (_, at) => kernel(at, at + 1)),
  counts: { ops: 12, kernels: 12, setup: 0 },
  milliseconds: 80,
  kernelMilliseconds: 78,
  rooflineMilliseconds: 6,
};
const limits = [{ peer: "cleave-simd", over: "onnxruntime-web", least: 2 }];

test("the slowest kernels come first, and the rows add up", () => {
  const [, first, ...rest] = profileRows(profile);
  expect(first).toEqual([
    "k11",
    "1×8×8×3: conv2d 1×1×3×4 → 1×8×8×4",
    "compute",
    "12.000",
    "15%",
    "0.2",
    "0.1",
    "4.2%",
  ]);
  const [more, all] = rest.slice(-2);
  expect(more!.slice(0, 5)).toEqual(["2 more", "", "", "3.000", "3.8%"]);
  expect(all!.slice(0, 5)).toEqual(["all 12", "6.00 ms by the roofline", "", "78.000", "100%"]);
});

test("a kernel's text has shapes where they change, and weights of convolutions", () => {
  const shape = [1, 8, 8, 4];
  const ops = [
    conv,
    { name: "z", op: "relu", operands: [shape], shape },
    { name: "p", op: "max_pool", operands: [shape], shape: [1, 4, 4, 4] },
  ];
  expect(kernelText({ ops })).toBe("1×8×8×3: conv2d 1×1×3×4 → 1×8×8×4, relu, max_pool → 1×4×4×4");
});

test("kernels stand below a comparison that misses a limit, and below no other", () => {
  const page = (medianMs: number): string =>
    benchmarksPage(
      [comparison([peer("cleave-simd", medianMs), peer("onnxruntime-web", 20)], { limits, profile })],
      [],
    );
  expect(page(15)).toContain("| m | 24.0.0 | cleave-simd | onnxruntime-web | ≥ 2 | 1.33 **missed** |");
  expect(page(15)).toContain(
    "Its slowest kernels, on one thread, on a machine of 50.0 GFLOP/s and 10.0 GB/s:",
  );
  expect(page(15)).toContain("| k11 | 1×8×8×3: conv2d 1×1×3×4 → 1×8×8×4 | compute | 12.000 |");
  expect(page(10)).toContain("| ≥ 2 | 2.00 |");
  expect(page(10)).not.toContain("slowest kernels");
});

test("of a page that misses a goal of integers, their kernels are listed, beside the rate of integer products", () => {
  const machine = { ...profile.machine!, integers: { pairs: 45e9, fours: 50e9 } };
  const missed = comparison([peer("cleave-relaxed-int8", 2), peer("litert-int8", 2)], {
    browser: "Chromium 1",
    limits: [{ peer: "cleave-relaxed-int8", over: "litert-int8", least: 1.3 }],
    profile: { ...profile, machine },
  });
  const page = browserPage([missed]);
  expect(page).toContain(
    "Its slowest kernels in integers, on one thread in Node, on a machine of 50.0 GFLOP/s, 100.0 GOP/s of integers and 10.0 GB/s:",
  );
  expect(page).toContain("| share | GOP/s | GB/s |");
});

test("published models have a part of their own", () => {
  const peers = [peer("cleave-simd", 10), peer("tfjs-wasm", 20)];
  const page = benchmarksPage([comparison(peers, { format: "tfjs" }), comparison(peers)], []);
  expect(page.split("\n").filter((line) => line.startsWith("##"))).toEqual([
    "## m, Node 24.0.0",
    "## Published models",
    "### m, Node 24.0.0",
  ]);
});
