// The public API: from text to a running net, and its diagnostics for a wrong text.

import { describe, expect, test } from "vitest";
import {
  compile,
  elaborate,
  emit,
  interpret,
  load,
  optimize,
  parse,
  parseRules,
  render,
  tensor,
  verifyArtifact,
} from "../../src/index.js";
import type { SplitMode } from "../../src/index.js";
import { version } from "#compile/version.js";
import packageJson from "../../package.json" with { type: "json" };

const seed = `net seed {
  input image: f32[1, 6, 6, 3]
  y = conv2d(image, filters=5, kernel=4x4, padding=valid, bias=false)
  output y
}
`;

const batched = `net batched {
  input a: f32[N, 4, 4, 2]
  input b: f32[N, 4, 4, 2]
  s = a + b |> relu
  output s
  output t = s |> conv2d(filters=3, kernel=3x3, padding=same) |> batch_norm |> relu6
}
`;

test("text compiles, loads and runs as the interpreter does", async () => {
  const { value: artifact, diagnostics } = compile(seed);
  expect(diagnostics).toEqual([]);
  const net = await load(artifact!);
  const image = Float32Array.from({ length: 108 }, (_, k) => Math.sin(k));
  const { y } = await net.run({ image });
  const { value: module } = elaborate(parse(seed, "seed.net").value!);
  const expected = interpret(module!, new Map([["image", tensor([1, 6, 6, 3], (k) => image[k]!)]])).get("y")!;
  expect(y).toHaveLength(45);
  expected.data.forEach((value, k) => expect(y![k]).toBeCloseTo(value, 5));
});

test("a tree, a module and an optimized module compile to the same kernels as the text", () => {
  const ast = parse(seed, "model.net").value!;
  const module = elaborate(ast).value!;
  const optimized = optimize(module).value!.module;
  const code = (artifact: { module: string } | undefined) => artifact?.module.replaceAll(/^ *\/\/.*\n/gm, "");
  const fromText = code(compile(seed).value);
  expect(fromText).toContain("simd:");
  expect(code(compile(ast).value)).toBe(fromText);
  expect(code(compile(module).value)).toBe(fromText);
  expect(code(emit(optimized))).toBe(fromText);
});

test("an open batch runs sample by sample, and agrees with the interpreter", async () => {
  const artifact = compile(batched).value!;
  const module = elaborate(parse(batched, "b.net").value!).value!;
  const comparisons = await verifyArtifact(artifact, module);
  expect(comparisons.map(({ output, agrees }) => [output, agrees])).toEqual([
    ["s", true],
    ["t", true],
  ]);
});

test("verifying finds a module that computes something else", async () => {
  const artifact = compile(seed, { target: "js" }).value!;
  const wrong = { ...artifact, module: artifact.module.replace(/\+= (\w+) \* (\w+);/, "-= $1 * $2;") };
  expect(wrong.module).not.toBe(artifact.module);
  const module = elaborate(parse(seed, "seed.net").value!).value!;
  const [comparison] = await verifyArtifact(wrong, module);
  expect(comparison).toMatchObject({ output: "y", agrees: false });
  expect(comparison!.largestDifference).toBeGreaterThan(comparison!.allowed);
});

describe("mistakes are diagnostics", () => {
  const wrong = seed.replace("filters=5", "filter=5");

  test("of the text, with their location", () => {
    const { value, diagnostics } = compile(wrong, { file: "seed.net" });
    expect(value).toBeUndefined();
    const text = render(diagnostics, new Map([["seed.net", wrong]]), { color: false });
    expect(text).toContain("seed.net:3:");
    expect(text).toContain("filters");
  });

  test("of a module made by hand, with the option `verify`", () => {
    const module = elaborate(parse(seed, "seed.net").value!).value!;
    const nodes = new Map(
      [...module.graph.nodes].map(([id, node]) => [
        id,
        node.op === "conv2d" ? { ...node, type: { ...node.type, shape: [1, 3, 3, 6] } } : node,
      ]),
    );
    const { value, diagnostics } = compile(
      { ...module, graph: { ...module.graph, nodes } },
      { verify: true },
    );
    expect(value).toBeUndefined();
    expect(diagnostics).toMatchObject([{ severity: "error", code: "wrong-module" }]);
    expect(diagnostics[0]!.message).toContain("y is declared as f32[1, 3, 3, 6], but is f32[1, 3, 3, 5]");
  });

  test("of options", () => {
    const { value, diagnostics } = compile(seed, { without: ["fuze"] });
    expect(value).toBeUndefined();
    expect(diagnostics[0]).toMatchObject({ severity: "error", code: "unknown-pass" });
  });

  test.each([
    [{ mode: "multiplier", m: 0 }, "split: m must be a whole number from 1 up"],
    [{ mode: "structural", m: 1.5 }, "split: m must be a whole number from 1 up"],
    [{ mode: "error", budget: -1 }, "split: error must be between 0 and 1"],
    [{ mode: "macs", share: Number.NaN }, "split: macs must be a share above 0 and at most 1"],
    [{ mode: "time", share: 0 }, "split: time must be a share above 0 and at most 1"],
    [
      { mode: "rank", order: "both", rank: 2 },
      "split: the orders are depthwise-pointwise, pointwise-depthwise and pointwise-depthwise-pointwise",
    ],
    [{ mode: "structural", m: 1, rank: 2 }, "split: give m or rank, not both"],
    [
      { mode: "half" },
      "split: the modes are structural, multiplier, rank, exact, error, macs, time and factors",
    ],
  ])("of a split: %j", (split, message) => {
    const { value, diagnostics } = compile(seed, { split: split as SplitMode });
    expect(value).toBeUndefined();
    expect(diagnostics).toEqual([{ severity: "error", code: "wrong-option", message }]);
  });

  test("of rules", () => {
    const { value, diagnostics } = parseRules("rule r: relu(x) => y", "r.net");
    expect(value).toBeUndefined();
    expect(diagnostics.length).toBeGreaterThan(0);
  });
});

// Values that no type checker has seen.
test.each<[string, (wrong: never) => unknown, unknown, string]>([
  ["parse", (wrong) => parse(wrong, "a.net"), 5, "parse takes a text and its name, both strings, not 5"],
  [
    "parseRules",
    (wrong) => parseRules("", wrong),
    undefined,
    "parse takes a text and its name, both strings, not undefined",
  ],
  [
    "elaborate",
    (wrong) => elaborate(wrong),
    undefined,
    "elaborate takes a syntax tree, as `parse` gives it, not undefined",
  ],
  [
    "dims",
    (wrong) => compile(seed, { dims: wrong }),
    { N: 2 },
    "compile takes dims as a Map of numbers by name, not such an object",
  ],
  [
    "optimize",
    (wrong) => optimize(wrong),
    {},
    "optimize takes a module, `{ graph, weights }`, not such an object",
  ],
  ["compile", (wrong) => compile(wrong), null, "compile takes a text, a syntax tree or a module, not null"],
  [
    "target",
    (wrong) => compile(seed, { target: wrong }),
    "cobol",
    "there is no target cobol; there is js, wasm, wgsl",
  ],
  ["emit", (wrong) => emit(wrong), [], "emit takes a module, `{ graph, weights }`, not an instance of Array"],
])("a wrong argument is a TypeError in words: %s", (_name, call, wrong, message) => {
  expect(() => call(wrong as never)).toThrow(new TypeError(message));
});

test("load takes an artifact", async () => {
  await expect(load("tiny.mjs" as never)).rejects.toThrow(
    new TypeError('load takes an artifact, as `compile` gives it, not "tiny.mjs"'),
  );
});

test("passes can be left out and watched", () => {
  const module = elaborate(parse(batched, "b.net").value!).value!;
  const seen: string[] = [];
  const { value } = optimize(module, { without: ["fuse"], onPass: (pass) => void seen.push(pass) });
  expect(seen).not.toContain("fuse");
  expect(value!.trace.map((run) => run.pass.name)).toEqual(seen);
  expect(value!.module.graph.kernels.size).toBe(0);
  const folded = value!.trace.find((run) => run.pass.name === "fold-batch-norm")!;
  expect(folded.patches().length).toBeGreaterThan(0);
  // The original module is unchanged.
  expect(elaborate(parse(batched, "b.net").value!).value!.graph.nodes.size).toBe(module.graph.nodes.size);
});

test("a bias with some zeros is added", async () => {
  const text = `net shift {
  input x: f32[1, 2]
  param w: f32[2, 2] = [[1, 0], [0, 1]]
  param b: f32[2] = [0, 3]
  output y = dense(x, w, b)
}
`;
  const net = await load(compile(text).value!);
  expect([...net.runSync({ x: Float32Array.of(5, 7) })["y"]!]).toEqual([5, 10]);
});

test("weights can be embedded", async () => {
  const artifact = compile(seed, { embedWeights: true }).value!;
  expect(artifact.weights).toBeUndefined();
  const net = await load(artifact);
  expect(net.runSync({ image: new Float32Array(108) })["y"]).toEqual(new Float32Array(45));
});

test("weights that no module can hold are an error before they are computed", () => {
  const huge = `net huge {
  input x: f32[1, 20000]
  output y = dense(x, units=4000)
}
`;
  const { value, diagnostics } = compile(huge, { embedWeights: true });
  expect(value).toBeUndefined();
  expect(diagnostics[0]).toMatchObject({ severity: "error", code: "too-large-to-embed" });
});

test("comments show the lines of the source, without the folder of the file", () => {
  const { module } = compile(seed, { file: "/home/someone/nets/seed.net" }).value!;
  expect(module).toContain("// seed.net:3: y = conv2d(image, filters=5");
  expect(module).not.toContain("someone");
});

test("the same text gives the same bytes", () => {
  const [one, two] = [compile(batched).value!, compile(batched).value!];
  expect(one.module).toBe(two.module);
  expect(one.weights).toEqual(two.weights);
});

test("the version is that of the package", () => {
  expect(version).toBe(packageJson.version);
});
