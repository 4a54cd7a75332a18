// Inputs of TensorFlow.js models keep the type int32, and what is computed of them is the same as of floats.

import { expect, test } from "vitest";
import { importTfjs } from "#import/tfjs/import-tfjs.js";
import { interpret } from "#interpret/interpret.js";
import { inputNodes } from "#ir/graph.js";
import { tensor } from "#ir/tensor.js";
import { verify } from "#ops/verify.js";
import { graphModel, openShards } from "./text-model.js";

const uses = {
  "a cast": 'y = Cast(x) {"DstT": "DT_FLOAT"}\noutput y',
  "a picture":
    'f = Cast(x) {"DstT": "DT_FLOAT"}\nc = positive []\nm = Mul(f, c)\nw = weight [3, 3, 3, 4]\ny = Conv2D(m, w) {"strides": [1, 1, 1, 1], "padding": "SAME"}\noutput y',
  "a move": 's = int [2] -1, 48\nr = Reshape(x, s)\ny = Cast(r) {"DstT": "DT_FLOAT"}\noutput y',
};

test.each(Object.entries(uses))("%s", (_, rest) => {
  const [integers, floats] = ["INT32", "FLOAT"].map((type) => {
    const files = graphModel(`x = Placeholder ${type} [-1, 4, 4, 3]\n${rest}`);
    const { value, diagnostics } = importTfjs(JSON.stringify(files.json), { openData: openShards(files) });
    expect(diagnostics).toEqual([]);
    expect(verify(value!)).toEqual([]);
    return value!;
  });
  expect(inputNodes(integers!.graph)[0]!.type.dtype).toBe("i32");
  expect(inputNodes(floats!.graph)[0]!.type.dtype).toBe("f32");
  const inputs = new Map([["x", tensor([1, 4, 4, 3], (at) => 5 * at)]]);
  expect([...interpret(integers!, inputs)]).toEqual([...interpret(floats!, inputs)]);
});
