// Elementwise functions of one's own: blocks, or functions of a program. They need no entry in a table, and cost no kernel of their own.

import { describe, expect, test } from "vitest";
import { targetNames } from "#ir/target.js";
import * as api from "../../src/index.js";
import type { BuiltNet, Operand, Value } from "../../src/index.js";

/** Functions that no op computes, with what they mean. */
const functions: readonly (readonly [name: string, (x: Value) => Value, (x: number) => number])[] = [
  ["softsign", (x) => x.div(x.abs().add(1)), (x) => x / (1 + Math.abs(x))],
  ["snake", (x) => x.add(x.mul(2).sin().square().div(2)), (x) => x + Math.sin(2 * x) ** 2 / 2],
  [
    "gelu by tanh",
    (x) => x.mul(0.5).mul(x.add(x.mul(x).mul(x).mul(0.044715)).mul(0.797884).tanh().add(1)),
    (x) => 0.5 * x * (1 + Math.tanh(0.797884 * (x + 0.044715 * x ** 3))),
  ],
  ["squared below 0", (x) => x.less(0).where(x.square(), x), (x) => (x < 0 ? x * x : x)],
];

const weights: Operand = {
  shape: [1, 1, 4, 8],
  data: Float32Array.from({ length: 32 }, (_, at) => Math.sin(at)),
};

function behindConvolution(mine: (x: Value) => Value): BuiltNet {
  return api.net("n", (n) => {
    const x = n.input("x", [1, 8, 8, 4]).conv2d(weights);
    n.output("y", mine(x));
    n.output("x1", x);
  });
}

describe.each(functions)("%s", (_, mine, meant) => {
  const data = Float32Array.from({ length: 256 }, (_, at) => Math.cos(7 * at));
  const values = api.interpret(
    behindConvolution(mine).value!,
    new Map([["x", { shape: [1, 8, 8, 4], data: Float64Array.from(data) }]]),
  );

  test("means what it says", () => {
    const x = values.get("x1")!.data;
    for (const [at, y] of values.get("y")!.data.entries()) expect(y).toBeCloseTo(meant(x[at]!), 6);
  });

  test.each(targetNames)("is computed by the kernel of the convolution before it: %s", (target) => {
    const built = api.net("n", (n) => n.output("y", mine(n.input("x", [1, 8, 8, 4]).conv2d(weights))));
    expect(api.compile(built.value!, { target }).value!.kernels).toBe(1);
  });

  test.each(["js", "wasm"] as const)("gives the same on the target %s, and through ONNX", async (target) => {
    const { value: module } = behindConvolution(mine);
    const exported = api.exportOnnx(module!).value!;
    const imported = api.importOnnx(Buffer.concat([...exported.pieces()])).value!;
    for (const one of [module!, imported]) {
      const net = await api.load(api.compile(one, { target }).value!);
      const { y } = net.runSync({ x: data });
      for (const [at, value] of values.get("y")!.data.entries()) expect(y![at]).toBeCloseTo(value, 4);
      net.dispose();
    }
  });
});

test("two nets of one process have functions of the same name", () => {
  const results = [(x: Value) => x.mul(x), (x: Value) => x.add(x)].map((mine) => {
    const text = [...behindConvolution(mine).sources.values()].join("");
    return /x2 = (\w+)/.exec(text)![1];
  });
  expect(results).toEqual(["mul", "add"]);
});
