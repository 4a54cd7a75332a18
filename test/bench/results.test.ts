// The tables of the bench.

import { expect, test } from "vitest";
import type { Comparison, PeerResult } from "../../bench/results.js";
import { markOf, rowsOf } from "../../bench/results.js";

const peer = (name: string, medianMs: number, more: Partial<PeerResult> = {}): PeerResult => ({
  peer: name,
  threads: 1,
  loadMs: 100,
  firstRunMs: 50,
  medianMs,
  leastMs: medianMs,
  runs: 3,
  peakBytes: 2e6,
  ratio: 1,
  difference: 0,
  agrees: true,
  ...more,
});

const comparison = (peers: readonly PeerResult[], adapter?: string): Comparison => ({
  model: "m",
  input: [1, 2, 2, 3],
  dims: [],
  node: "v24.0.0",
  cpu: "",
  ...(adapter === undefined ? {} : { adapter }),
  date: "",
  rounds: 3,
  weightBytes: 1e6,
  peers,
  leftOut: [],
});

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
  const [head = [], ...rows] = rowsOf(result);
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
    "a GPU",
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
  expect(rowsOf(result)[0]).not.toContain("dispatches");
});
