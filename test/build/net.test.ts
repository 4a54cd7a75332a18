// The graph builder: what it builds is what the text says, and its errors are those of the language, with the place of the call.

import { describe, expect, test } from "vitest";
import * as api from "../../src/index.js";
import type { BuiltNet, Elaborated, NetBuilder } from "../../src/index.js";

function fromText(text: string, options: api.ElaborateOptions = {}): Elaborated {
  const { value, diagnostics } = api.elaborate(api.parse(text, "t.net").value!, options);
  expect(diagnostics).toEqual([]);
  return value!;
}

function valid(built: BuiltNet): Elaborated {
  expect(built.diagnostics.map(({ message }) => message)).toEqual([]);
  expect(api.verifyModule(built.value!)).toEqual([]);
  return built.value!;
}

function textOf({ sources }: BuiltNet): string {
  return [...sources.values()].join("");
}

test("a net is the one that the same text describes", () => {
  const built = api.net("tiny", (n) => {
    const image = n.input("image", ["N", 8, 8, 3]);
    const x = image
      .conv2d({ filters: 4, kernel: 3, padding: "same", bias: false, name: "stem" })
      .batch_norm()
      .relu6();
    expect(x.shape).toEqual([1, 8, 8, 4]);
    n.output("logits", x.global_avg_pool().dense({ units: 10 }));
  });
  const module = valid(built);
  const text = `net tiny {
  input image: f32[N, 8, 8, 3]
  stem = conv2d(image, filters=4, kernel=3, padding=same, bias=false)
  x1 = batch_norm(stem)
  x2 = relu6(x1)
  x3 = global_avg_pool(x2)
  x4 = dense(x3, units=10)
  output logits = x4
}
`;
  expect(textOf(built)).toBe(text);
  expect(module.seeded).toBe(true);
  expect(api.printGraph(module)).toBe(api.printGraph(fromText(text)));
  const again = api.elaborate(api.parse(api.printGraph(module), "dump.net").value!, {
    store: module.weights,
  });
  expect(api.printGraph(again.value!)).toBe(api.printGraph(module));
  const relu = [...module.graph.nodes.values()].find(({ op }) => op === "relu6")!;
  const [span] = relu.origin.spans;
  expect(text.slice(span!.start, span!.end)).toBe("relu6(x1)");
});

test("ops are functions of all operands too, and operands may be numbers and lists", async () => {
  const build = (n: NetBuilder): void => {
    const x = n.input("x", [2, 2]);
    const y = n.add(n.mul(2, x), [10, 20]);
    n.output("y", n.concat(x, y, x.neg(), { axis: 1 }));
    n.output(
      "z",
      n.concat(y).matmul([
        [1, 0],
        [0, -1],
      ]),
    );
  };
  const module = valid(api.net("t", build));
  const net = await api.load(api.compile(module).value!);
  const { y, z } = net.runSync({ x: Float32Array.of(1, 2, 3, 4) });
  expect([...y!]).toEqual([1, 2, 12, 24, -1, -2, 3, 4, 16, 28, -3, -4]);
  expect([...z!]).toEqual([12, -24, 16, -28]);
  net.dispose();
});

describe("weights", () => {
  const data = Float32Array.from({ length: 36 }, (_, index) => index / 8);

  test("are tensors of the program, in calls and as parameters", () => {
    const built = api.net("t", (n) => {
      const x = n.input("x", [1, 4, 4, 3]);
      const w = n.param("w", [2, 2, 3, 3], data);
      const a = x.conv2d(w, [1, 2, 3]);
      const b = x.conv2d({ shape: [2, 2, 3, 3], data }, { stride: 2 });
      n.output("y", a.global_avg_pool().add(b.global_avg_pool()));
      n.output("half", n.param("half", [2], 0.5));
    });
    const module = valid(built);
    expect(textOf(built)).toContain('  param w: f32[2, 2, 3, 3] = stored("w")\n');
    expect(textOf(built)).toContain("  x1 = conv2d(x, w, [1, 2, 3])\n");
    expect(textOf(built)).toContain('  param x2.w: f32[2, 2, 3, 3] = stored("x2.w")\n');
    expect(module.seeded).toBe(false);
    const input = new Map([["x", api.tensor([1, 4, 4, 3], () => 1)]]);
    const values = api.interpret(module, input);
    const sums = [0, 1, 2].map((filter) =>
      data.reduce((sum, value, index) => sum + (index % 3 === filter ? value : 0), 0),
    );
    expect([...values.get("y")!.data]).toEqual(sums.map((sum, filter) => 2 * sum + filter + 1));
    expect([...values.get("half")!.data]).toEqual([0.5, 0.5]);
  });

  test("come from a file by path or key, and from generators", () => {
    const tensors = [
      { name: "x1.dense.kernel", shape: [2, 2], values: () => Float32Array.of(1, 2, 3, 4) },
      { name: "x1.dense.bias", shape: [2], values: () => Float32Array.of(0, 0) },
      { name: "other", shape: [2], values: () => Float32Array.of(5, 6) },
    ];
    const bytes = Buffer.concat([...api.writeSafetensors(tensors)]);
    const weights = { open: () => api.openWeightBytes(bytes, "a.safetensors") };
    const built = api.net(
      "t",
      (n) => {
        const y = n.input("x", [1, 2]).dense({ units: 2 });
        const other = n.param("p", [2], { weight: "other" });
        n.output("y", y.add(other).add(n.param("q", [2], { generator: "ones" })));
      },
      { weights, weightsPath: "a.safetensors" },
    );
    const values = api.interpret(valid(built), new Map([["x", api.tensor([1, 2], () => 1)]]));
    expect([...values.get("y")!.data]).toEqual([10, 13]);
  });

  test("of integers keep their type", () => {
    const big = Int8Array.from({ length: 64 }, (_, index) => index - 32);
    const build = (w: Int8Array | readonly number[]) => (n: NetBuilder) => {
      const x = n.input("x", { dtype: "u8", shape: [1, 8] });
      n.output("y", x.matmul(n.param("w", { dtype: "i8", shape: [8, 8] }, w)).dequantize(0.5));
    };
    const module = valid(api.net("t", build(big)));
    const y = api.interpret(module, new Map([["x", api.tensor([1, 8], () => 1)]])).get("y")!;
    expect(y.data[0]).toBe(0.5 * [0, 8, 16, 24, 32, 40, 48, 56].reduce((sum, one) => sum + one - 32, 0));
    expect(() => api.net("t", build([...big].map((one) => 9 * one)))).toThrow(
      "param takes integers of type i8, not -288",
    );
  });
});

test("pictures and labels", () => {
  const built = api.net("t", (n) => {
    const x = n.input("image", [1, 8, 8, 3], {
      preprocess: { scale: 1 / 255, mean: [0.5, 0.5, 0.5], order: "bgr" },
    });
    n.output("y", x.global_avg_pool(), { labels: ["a", 'b"', "c"] });
  });
  const { graph } = valid(built);
  expect(graph.pictures?.get("image")).toMatchObject({ order: "bgr", mean: [0.5, 0.5, 0.5] });
  expect(graph.labels?.get("y")).toEqual(["a", 'b"', "c"]);
});

test("names: the second use of one gets a number, literals are quoted, and an output may take the name of another value", () => {
  const built = api.net("t", (n) => {
    const x = n.input("x", [1, 2]);
    const a = x.relu({ name: "same" });
    const b = x.relu({ name: "same" });
    n.output("same", b);
    n.output("y", a.sub(b));
    const c = x.exp({ name: "y" });
    n.output("z", c);
  });
  const text = textOf(built);
  const module = valid(built);
  expect(text).toContain(
    "  `same` = relu(x)\n  same.2 = relu(x)\n  same.3 = `same`\n  output `same` = same.2\n",
  );
  expect(text).toContain("  x1 = sub(same.3, same.2)\n  output y = x1\n  y.2 = exp(x)\n");
  expect(api.printGraph(fromText(text))).toBe(api.printGraph(module));
});

describe("errors", () => {
  test("are those of the language, each with the place of the call, and more than one is found", () => {
    const built = api.net("t", (n) => {
      const x = n.input("x", ["N", 8, 8, 3]);
      const y = x.conv2d({ filters: 4, kernel: 3, strides: 2 } as never);
      const z = n.add(x, [1, 2]);
      n.output("y", y.relu());
      n.output("z", z.max_pool({ kernel: 2 }));
      n.output("w", n.pad(x, { before: [0, 0, 0, 0], after: [0, 1, 1, 0], mode: "mirror" as never }));
    });
    expect(built.value).toBeUndefined();
    expect(built.diagnostics.map(({ code }) => code)).toEqual([
      "unknown-attribute",
      "shape-mismatch",
      "unknown-name",
    ]);
    const [first] = built.diagnostics;
    expect(textOf(built).slice(first!.span!.start, first!.span!.end)).toBe("strides=2");
    expect(first!.help).toEqual([
      "did you mean `stride`?",
      expect.stringMatching(/^called at .*net\.test\.ts:\d+:\d+$/),
    ]);
    expect(api.render(built.diagnostics, built.sources)).toContain(
      "x1 = conv2d(x, filters=4, kernel=3, strides=2)",
    );
  });

  test("of the whole net are found too", () => {
    expect(api.net("t", (n) => void n.input("x", [1])).diagnostics).toMatchObject([{ code: "no-output" }]);
    const twice = api.net("t", (n) => {
      const x = n.input("x", [1, 2]);
      n.output("y", x.relu());
      n.output("y", x.neg());
    });
    expect(twice.diagnostics).toMatchObject([{ code: "repeated-output" }]);
    const open = api.net("t", (n) => n.output("y", n.input("x", [1, "H"]).relu()));
    expect(open.diagnostics).toMatchObject([{ code: "unbound-dimension" }]);
    expect(
      valid(api.net("t", (n) => n.output("y", n.input("x", [1, "H"]).relu()), { dims: new Map([["H", 3]]) })),
    );
  });

  test("an exception of the program is its own, unless it follows from an error", () => {
    const fail = (): never => {
      throw new RangeError("mine");
    };
    expect(() => api.net("t", fail)).toThrow("mine");
    const consequence = api.net("t", (n) => {
      const y = n.input("x", [1, 2]).reshape({ shape: [3] });
      if (y.shape[0] === undefined) fail();
    });
    expect(consequence.diagnostics).toMatchObject([{ code: "shape-mismatch" }]);
  });

  test.each<[string, (n: NetBuilder) => unknown, string]>([
    [
      "an operand that is none",
      (n) => n.relu(undefined as never),
      "relu takes values of the net, numbers and tensors",
    ],
    ["ragged lists", (n) => n.relu([[1], [2, 3]]), "relu takes values of the net, numbers and tensors"],
    [
      "an attribute of no kind",
      (n) => n.input("x", [1]).clip({ low: 1n as never }),
      "clip takes low as a number",
    ],
    ["a shape that is none", (n) => n.input("x", "8" as never), "input takes a shape"],
    [
      "an element type",
      (n) => n.input("x", { dtype: "f64" as never, shape: [1] }),
      "input takes dtype as one of",
    ],
    ["weights that are none", (n) => n.param("w", [1], {} as never), "param takes numbers, a tensor"],
    ["a name that is none", (n) => n.relu(1, { name: 7 as never }), "relu takes a text as `name`"],
  ])("%s is a TypeError", (_, build, message) => {
    expect(() => api.net("t", (n) => void build(n))).toThrow(message);
    expect(() => api.net("t", (n) => void build(n))).toThrow(TypeError);
  });

  test("values of another net, and of a finished one, are TypeErrors", () => {
    let kept: api.Value | undefined;
    api.net("a", (n) => void (kept = n.input("x", [1])));
    expect(() => kept!.relu()).toThrow("net a is finished");
    expect(() => api.net("b", (n) => void n.relu(kept!))).toThrow(
      "relu takes values of net b, not of another net",
    );
    expect(() => api.net("b", (async () => {}) as never)).toThrow("not an async one");
  });
});

test("types say which attributes an op needs, and of which kind", () => {
  const built = api.net("t", (n) => {
    const x = n.input("x", [1, 4, 4, 1]);
    // @ts-expect-error: filters is missing
    x.conv2d({ kernel: 3 });
    // @ts-expect-error: there is no such padding
    x.max_pool({ kernel: 2, padding: "some" });
    // @ts-expect-error: there is no such op
    expect(x.conv3d).toBeUndefined();
    // @ts-expect-error: the second operand is missing
    x.add();
  });
  expect(built.diagnostics).toHaveLength(3);
});
