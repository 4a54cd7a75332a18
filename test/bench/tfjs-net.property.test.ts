// A graph as calls of TensorFlow.js, held against the interpreter op by op.

import { setBackend } from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { beforeAll, expect, test } from "vitest";
import { tfjsNet } from "../../bench/tfjs.js";
import { interpret } from "#interpret/interpret.js";
import { firstDifference, longestReduction } from "#interpret/tolerance.js";
import type { OpName } from "#ir/graph.js";
import { opSample, scaleOf } from "../op-module.js";
import { seedsFor } from "../scale.js";

beforeAll(() => setBackend("cpu"));

const known: readonly OpName[] = [
  "conv2d",
  "depthwise_conv2d",
  "dense",
  "batch_norm",
  "max_pool",
  "avg_pool",
  "global_avg_pool",
  "global_max_pool",
  "softmax",
  "reshape",
  "transpose",
  "concat",
  "pad",
  "relu",
  "relu6",
  "sigmoid",
  "tanh",
  "clip",
  "add",
  "sub",
  "mul",
  "div",
  "prelu",
];

test.each(known)("%s agrees, or the call says what TensorFlow.js lacks", async (op) => {
  let ran = 0;
  for (const seed of seedsFor(8)) {
    const { name, module, inputs } = opSample(op, seed);
    const { graph, weights } = module;
    let outputs: Readonly<Record<string, Float32Array>>;
    try {
      const values = [...inputs].map(([input, { data }]) => [input, Float32Array.from(data)] as const);
      const net = tfjsNet({ graph, readF32: (id) => weights.readF32(id) });
      outputs = await net.run(Object.fromEntries(values));
      net.dispose();
    } catch (cause) {
      expect((cause as Error).message, name).toMatch(
        /^y has (a dilation|a stride and a dilation|zeros that count|groups|the mode \w+|another axis than the last)$/,
      );
      continue;
    }
    const wanted = interpret(module, inputs).get("y")!.data;
    const scale = scaleOf({ module, inputs });
    expect(firstDifference(outputs["y"]!, wanted, longestReduction(module), scale), name).toBe(-1);
    ran += 1;
  }
  expect(ran).toBeGreaterThan(0);
});
