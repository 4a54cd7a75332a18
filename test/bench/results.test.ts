// The tables of the bench.

import { expect, test } from "vitest";
import { browserPage } from "../../bench/browser/docs-page.js";
import type { Comparison } from "../../bench/results.js";
import { markOf, tablesOf } from "../../bench/results.js";
import { comparison, peer } from "./comparison.js";

const counts = {
  adapter: "a GPU",
  dispatches: 30,
  submits: 2,
  pipelines: 8,
  pipelinesMade: 9,
  boundBytes: 20.4e6,
  uploadedBytes: 5e5,
  readBytes: 1e5,
  copiedBytes: 0,
};

/** The cells of a peer by the titles of their columns. */
function cellsOf(result: Comparison, name: string): Record<string, string> {
  const [head = [], ...rows] = tablesOf(result).f32;
  const row = rows.find(([first]) => first === name) ?? [];
  return Object.fromEntries(head.map((title, at) => [title, row[at] ?? ""]));
}

test("on WebGPU the mark is the faster of the others, and a run's commands and bytes stand in the table", () => {
  const result = comparison(
    [
      peer("cleave-webgpu", 20, { counts: { ...counts, dispatches: 12 }, kernelBytes: 15e6 }),
      peer("onnxruntime-web-webgpu", 60, { counts }),
      peer("tfjs-webgpu", 40, { counts }),
    ],
    { adapter: "a GPU" },
  );
  expect(markOf(result)?.peer).toBe("tfjs-webgpu");
  expect(cellsOf(result, "cleave-webgpu")).toMatchObject({
    "× tfjs-webgpu": "2.00",
    dispatches: "12",
    "kernel MB": "15.0",
    "host KB": "600",
  });
  expect(cellsOf(result, "onnxruntime-web-webgpu")).toMatchObject({
    "× tfjs-webgpu": "0.67",
    pipelines: "8",
    "kernel MB": "≤ 20.4",
  });
});

test("elsewhere it is onnxruntime-web on one thread, and the table has no columns of WebGPU", () => {
  const result = comparison([peer("cleave-simd", 10), peer("onnxruntime-web", 25), peer("tfjs-wasm", 20)]);
  expect(markOf(result)?.peer).toBe("onnxruntime-web");
  expect(cellsOf(result, "cleave-simd")).toMatchObject({ "× onnxruntime-web": "2.50" });
  expect(tablesOf(result).f32[0]).not.toContain("dispatches");
});

test("a model of TensorFlow.js is measured by that, whatever else runs it", () => {
  const peers = [peer("cleave-simd", 10), peer("onnxruntime-web", 25), peer("tfjs-wasm", 20)];
  const result = comparison(peers, { format: "tfjs" });
  expect(markOf(result)?.peer).toBe("tfjs-wasm");
  expect(cellsOf(result, "cleave-simd")).toMatchObject({ "× tfjs-wasm": "2.00" });
  expect(markOf(comparison(peers, { format: "onnx" }))?.peer).toBe("onnxruntime-web");
});

test("integers have a table of their own, beside the same runtimes in f32", () => {
  const peers = [
    peer("cleave-relaxed", 20),
    peer("cleave-relaxed-int8", 10, { error: 0.0625 }),
    peer("cleave-relaxed-int8:2", 8, { threads: 2, error: 0.0625 }),
    peer("litert-int8", 15, { error: 0.5, agrees: false, difference: 0.25 }),
  ];
  const { f32, int8 } = tablesOf(comparison(peers, { browser: "Chromium 1" }));
  expect(f32.map(([name]) => name)).toEqual(["runtime", "cleave-relaxed"]);
  const titles = ["runtime", "median ms", "× litert-int8", "× f32", "error", "difference"];
  const [head = []] = int8;
  expect(int8.map((row) => titles.map((title) => row[head.indexOf(title)]))).toEqual([
    titles,
    ["cleave-relaxed-int8", "10.0", "1.50", "2.00", "6.3e-2", "0.0e+0"],
    ["cleave-relaxed-int8, 2 threads", "8.00", "1.88", "", "6.3e-2", "0.0e+0"],
    ["litert-int8", "15.0", "1.00", "", "5.0e-1", "DIFFERS 2.5e-1"],
  ]);
  expect(tablesOf(comparison([peer("cleave-simd", 1)])).int8).toEqual([]);
  // A network that is one of integers has errors in the usual table.
  const own = comparison([peer("cleave-simd", 1, { error: 0 }), peer("onnxruntime-web", 2, { error: 0.25 })]);
  expect(cellsOf(own, "onnxruntime-web")).toMatchObject({ error: "2.5e-1" });
  expect(f32[0]).not.toContain("error");
});

test("in a browser they are measured by each of the others, the strongest of which is the mark", () => {
  const download = {
    code: { bytes: 51_200, gzipBytes: 20_480 },
    weights: { bytes: 4e6, gzipBytes: 3.5e6 },
  };
  const peers = [
    peer("cleave-relaxed", 10, { leastMs: 9, download }),
    peer("onnxruntime-web", 25),
    peer("litert", 12),
    peer("litert:2", 8),
  ];
  const result = comparison(peers, { browser: "Chromium 1", cpu: "A  processor " });
  expect(markOf(result)?.peer).toBe("litert");
  expect(markOf(comparison(peers.slice(0, 2), { browser: "Chromium 1" }))?.peer).toBe("onnxruntime-web");
  expect(tablesOf(result).f32.slice(0, 2)).toEqual([
    [
      "runtime",
      "median ms",
      "least ms",
      "× litert",
      "× onnxruntime-web",
      "load ms",
      "first run ms",
      "code KiB",
      "gzipped",
      "weights MB",
      "gzipped",
      "difference",
    ],
    ["cleave-relaxed", "10.0", "9.00", "1.20", "2.50", "100", "50", "50.0", "20.0", "4.0", "3.5", "0.0e+0"],
  ]);
  const page = browserPage([
    result,
    { ...result, cpu: "Another", limits: [{ peer: "cleave-relaxed", over: "litert", least: 1.25 }] },
  ]);
  expect(page.split("\n").filter((line) => line.startsWith("##"))).toEqual([
    "## Goals",
    "## A processor",
    "### m, Chromium 1",
    "## Another",
    "### m, Chromium 1",
  ]);
  expect(page).toContain("| m | Another | cleave-relaxed | litert | ≥ 1.25 | 1.20 **missed** |");
});
