// Counted rows, whose number is known only when the net runs, reduced to what onnxruntime can be compared with.

import { expect, test } from "vitest";
import { importOnnx } from "#import/onnx/import-onnx.js";
import { seededRandom } from "#ops/random.js";
import { scaled } from "../scale.js";
import { agree } from "./peer-sweep.js";
import { modelOf } from "./text-model.js";

const head = `opset 13
input x float[20]
weight u float[] = 0.2
weight zero int64[] = 0
weight one int64[] = 1
weight a int64[1] = 0
c = Greater(x, u)
i = Compress(x, c) axis=0
s = Shape(i)`;

test("rows in order, ranges, and reductions of all kinds", async () => {
  const text = `${head}
k = Squeeze(s, a)
t, j = TopK(i, s) axis=0
r = Range(zero, k, one)
f = Cast(r) to=1
w = Mul(f, t)
y = ReduceSum(w, a)
m = ReduceMax(i) axes=[0]
n = ReduceMin(t) axes=[0]
p = ReduceProd(i) axes=[0]
l = ReduceL2(i) axes=[0]
g = ReduceSum(f, a)
output y
output m
output n
output p
output l
output g`;
  for (let seed = 1; seed <= scaled(8); seed += 1) {
    const random = seededRandom(seed);
    const data = Array.from({ length: 20 }, () => Math.round(random.normal() * 4) / 4);
    data[seed % 20] = 1;
    await agree(text, { x: { shape: [20], data } });
  }
});

test("a range to a number without a bound is refused", () => {
  const text = `${head}
b = ReduceMax(x) axes=[0] keepdims=0
k = Cast(b) to=7
r = Range(zero, k, one)
output r`;
  const { value, diagnostics } = importOnnx(modelOf(text), { file: "net.onnx" });
  expect(value).toBeUndefined();
  expect(diagnostics[0]?.message).toContain("an operand of Range is computed from the inputs");
});

// Each op reads the one before twice, so 2⁶⁰ paths lead through the chain.
test.each([
  ["of rows that are counted", "k0 = Squeeze(s, a)", "k"],
  ["of inputs", "b = ReduceMax(x) axes=[0] keepdims=0\nk0 = Cast(b) to=7", "an operand of Range"],
])("a chain of choices, %s, is looked at node by node", (_name, start, wanted) => {
  const steps = Array.from({ length: 60 }, (_, at) => `k${at + 1} = Add(k${at}, k${at})`);
  const clamps = Array.from({ length: 60 }, (_, at) => `m${at + 1} = Min(m${at}, m${at})`);
  const text = [
    head,
    start,
    "m0 = Identity(k0)",
    ...clamps,
    ...steps,
    "e = Sub(k60, k60)",
    "f = Add(m60, e)",
  ];
  const { value, diagnostics } = importOnnx(
    modelOf([...text, "r = Range(zero, f, one)", "output r"].join("\n")),
    { file: "net.onnx" },
  );
  if (wanted === "k") expect(value?.graph.outputs.map(({ name }) => name)).toContain("r_count");
  else expect(diagnostics[0]?.message).toContain(wanted);
});
