// The data of films: steps, states of nodes and where they come from, kernels, values, comparisons; and text of a model that would act.

import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { Film } from "#film/data.js";
import { comparisonOf, filmOf } from "#film/film.js";
import { createTimeline, totalsOf } from "#film/model/timeline.js";
import { programOf } from "#film/program.js";
import { optimize } from "#compile/optimize.js";
import { parseRules } from "#compile/rules.js";
import { parse } from "#grammar/reading/parse.js";
import { quote } from "#grammar/quote.js";
import { elaborate } from "#elaborate/elaborate.js";
import { opCount, totalCost } from "#inspect/cost.js";
import { targetNames } from "#ir/target.js";
import type { Module } from "#ir/weights.js";
import { readPage } from "./read-page.js";

const text = `net small {
  input x: f32[1, 8, 8, 3]
  a = conv2d(x, filters=4, kernel=3x3, stride=2, padding=same, bias=false)
    |> batch_norm
    |> relu
  b = a + 0
  output y = global_avg_pool(b)
}
`;

function moduleOf(source: string): Module {
  const { value, diagnostics } = elaborate(parse(source, "small.net").value!);
  expect(diagnostics).toEqual([]);
  return value!;
}

const small = moduleOf(text);
const sources = new Map([["small.net", text]]);
const sample = {
  name: "ramp",
  values: { x: Float32Array.from({ length: 192 }, (_, at) => at / 192) },
};

async function filmFor(module: Module, options: Parameters<typeof optimize>[1] = {}): Promise<Film> {
  const optimized = optimize(module, options).value!;
  const page = await filmOf(module, optimized, { made: "in a test", sources });
  return readPage(page.value!).film;
}

test("a step for each application of a rule, each kernel, and each other pass that changes something", async () => {
  const { steps, passes } = await filmFor(small);
  const shown = steps.map(({ label, pass }) => [label, pass === undefined ? "" : passes[pass]!.name]);
  expect(shown).toEqual([
    ["as written", ""],
    ["add_zero", "canonicalize"],
    ["fold_batch_norm", "fold-batch-norm"],
    ["convolution", "fuse"],
  ]);
  for (const [index, { first, end }] of passes.entries())
    for (let at = first; at < end; at += 1) expect(steps[at]!.pass).toBe(index);
});

test("the graph of each step is that of the pipeline", async () => {
  const { value } = optimize(small);
  const film = await filmFor(small);
  const timeline = createTimeline(film);
  const modules = [
    small,
    ...value!.trace.flatMap(({ applied }) => applied.map((one) => one.after())),
    value!.module,
  ];
  expect(timeline.last).toBe(modules.length - 1);
  for (const [step, module] of modules.entries()) {
    const { nodes, outputs } = timeline.frame(step);
    expect([...nodes.keys()].sort()).toEqual([...module.graph.nodes.keys()].sort());
    for (const [id, { name, op, inputs }] of nodes)
      expect({ name, op, inputs }).toEqual({
        name: module.graph.nodes.get(id)!.name,
        op: module.graph.nodes.get(id)!.op,
        inputs: module.graph.nodes.get(id)!.inputs,
      });
    expect(outputs.map(({ node }) => node)).toEqual(module.graph.outputs.map(({ node }) => node));
    const { parameters, macs } = totalCost(module);
    expect(totalsOf(timeline.frame(step))).toEqual({ ops: opCount(module.graph), parameters, macs });
  }
});

test("differences, and what became of a node", async () => {
  const timeline = createTimeline(await filmFor(small));
  const idOf = (name: string, step: number): number =>
    [...timeline.frame(step).nodes.values()].find((node) => node.name === name)!.id;
  const [conv, norm] = [idOf("a.conv2d", 0), idOf("a.batch_norm", 0)];
  const { removed, changed } = timeline.difference(1, 2);
  expect(removed).toContain(conv);
  expect(changed).toEqual([norm]);
  expect(timeline.frame(2).nodes.get(norm)!.op).toBe("conv2d");
  expect(timeline.counterparts(conv, 0, timeline.last)).toContain(norm);
  expect(timeline.counterparts(norm, timeline.last, 0)).toEqual(expect.arrayContaining([conv, norm]));
  expect(timeline.history(norm, timeline.last)).toEqual([2, 3]);
  // Lines count from 0: the convolution, and the batch norm below it.
  expect(timeline.frame(0).nodes.get(conv)!.spans).toEqual([[0, 2, 2]]);
  expect(timeline.frame(2).nodes.get(norm)!.spans).toEqual([
    [0, 2, 2],
    [0, 3, 3],
  ]);
});

test("attributes, types and weights are written as in the language", async () => {
  const { nodes } = await filmFor(small);
  const conv = nodes.find(({ op }) => op === "conv2d")!;
  expect(conv).toMatchObject({
    type: "f32[1, 4, 4, 4]",
    attributes: [
      ["stride", "2x2"],
      ["padding", "same"],
    ],
    operands: ["x", "w", "b"],
    macs: 4 * 4 * 4 * 27,
  });
  expect(Object.fromEntries(conv.derived)).toMatchObject({ kernel: "3x3", filters: "4" });
  const folded = nodes.find(({ op, rule }) => op === "constant" && rule === "fold_batch_norm")!;
  expect(folded.weight).toContain("he_normal(");
});

test.each(targetNames)("the kernels of %s, with the nodes that they compute", (target) => {
  const { module } = optimize(small, { target }).value!;
  const { launches, kernels, language } = programOf(module, { target, sources });
  const names = new Set([...module.graph.nodes.values()].map(({ name }) => name));
  const computed = launches.filter(({ setup }) => !setup).flatMap(({ nodes }) => nodes);
  expect(computed.length).toBeGreaterThan(0);
  for (const name of computed) expect(names).toContain(name);
  const first = kernels[launches.find(({ setup }) => !setup)!.kernel]!;
  expect(first.ir).toContain(`kernel ${first.name}(`);
  expect(first.code).toContain({ js: "function ", wasm: "(func $", wgsl: "@compute" }[target]);
  expect(language).toBe({ js: "JavaScript", wasm: "WebAssembly", wgsl: "WGSL" }[target]);
});

test("values of an input: statistics of all elements, and codes of each channel", async () => {
  const optimized = optimize(small).value!;
  const page = await filmOf(small, optimized, { made: "in a test", sample });
  const { film, codes } = readPage(page.value!);
  const timeline = createTimeline(film);
  const input = [...timeline.frame(0).nodes.values()].find(({ op }) => op === "input")!;
  const row = film.values!.rows.find(({ node }) => node === input.id)!;
  expect(row).toMatchObject({ min: 0, max: 0.994792, zeros: 0.005208, nonFinite: 0, shape: [1, 8, 8, 3] });
  expect(row.histogram.reduce((sum, count) => sum + count, 0)).toBe(192);
  const { at, height, width, low, high, of } = row.image;
  expect([height, width, low.length, of]).toEqual([8, 8, 3, [8, 8, 3]]);
  // Channel 1 of the pixel in row 2, column 3.
  const code = codes[at + 64 + 2 * 8 + 3]!;
  expect(low[1]! + (code / 255) * (high[1]! - low[1]!)).toBeCloseTo(((2 * 8 + 3) * 3 + 1) / 192, 2);
  // Every op of the last graph has a value too.
  const shown = new Set(film.values!.rows.map(({ node }) => node));
  for (const { id, op } of timeline.frame(timeline.last).nodes.values())
    if (op !== "constant") expect(shown).toContain(id);
});

test("an input with its channels first is an image for each channel, also after ops place by place", async () => {
  const source =
    "net n {\n  input x: f32[1, 3, 4, 6]\n  s = x * 2\n  t = transpose(s, perm=[0, 2, 3, 1])\n  output y = conv2d(t, filters=2, kernel=1x1)\n}\n";
  const module = moduleOf(source);
  const ramp = { x: Float32Array.from({ length: 72 }, (_, at) => at) };
  const page = await filmOf(module, optimize(module, { stopAfter: "eliminate-dead-nodes" }).value!, {
    made: "in a test",
    sample: { name: "ramp", values: ramp },
  });
  const { film } = readPage(page.value!);
  const nodes = [...createTimeline(film).frame(0).nodes.values()];
  for (const name of ["x", "s", "t"]) {
    const { id } = nodes.find((node) => node.name === name)!;
    const { of, low } = film.values!.rows.find(({ node }) => node === id)!.image;
    expect([name, ...of]).toEqual([name, 4, 6, 3]);
    const scale = name === "x" ? 1 : 2;
    expect(low).toEqual([0, 24 * scale, 48 * scale]);
  }
});

test("two graphs side by side: nodes of one name are one, others come and go", async () => {
  const other = moduleOf(text.replace("filters=4", "filters=8").replace("b = a + 0", "b = a * 2"));
  const page = await comparisonOf([small, other], ["one", "two"], { made: "in a test" });
  const timeline = createTimeline(readPage(page.value!).film);
  expect(timeline.film.steps.map(({ label }) => label)).toEqual(["one", "two"]);
  const names = (ids: readonly number[], step: number): string[] =>
    ids
      .map((id) => timeline.frame(step).nodes.get(id)!)
      .flatMap(({ op, name }) => (op === "constant" ? [] : [name]));
  const { added, changed, removed } = timeline.difference(0, 1);
  expect(names(changed, 1)).toEqual(["a.conv2d", "a.batch_norm", "a", "b", "y"]);
  expect(names(added, 1)).toEqual([]);
  expect(names(removed, 0)).toEqual([]);
  const same = await comparisonOf([small, moduleOf(text)], ["one", "two"], { made: "in a test" });
  expect(createTimeline(readPage(same.value!).film).difference(0, 1)).toEqual({
    added: [],
    changed: [],
    removed: [],
  });
});

test("rules of the user are steps with their names", async () => {
  const { rules } = parseRules("rule half: global_avg_pool(x) => global_avg_pool(relu(x))", "r.net").value!;
  const { steps } = await filmFor(moduleOf(text.replace("b = a + 0", "b = sigmoid(a)")), {
    rules,
    trustRules: true,
    stopAfter: "apply-rules",
  }).catch(() => ({ steps: [] }));
  // The rule applies without end, which is an error of `optimize`; a film needs a pipeline that ended.
  expect(steps).toEqual([]);
  const once = parseRules("rule swap: relu(sigmoid(x)) => sigmoid(x)", "r.net").value!.rules;
  const film = await filmFor(moduleOf("net n {\n  input x: f32[1, 4]\n  output y = relu(sigmoid(x))\n}\n"), {
    rules: once,
  });
  expect(film.steps.map(({ rule }) => rule)).toContain("swap");
});

describe("text of a model does nothing", () => {
  const payload = "</script><script>alert(1)</script><!--\u202e\u001b[31m";
  const name = quote(payload, "`");

  test("in names, sources and titles", async () => {
    const source = `net ${name} {\n  input x: f32[1, 4]  # ${payload.replaceAll("\n", "")}\n  output ${name} = relu(x)\n}\n`;
    const module = moduleOf(source);
    const page = await filmOf(module, optimize(module).value!, {
      made: payload,
      sources: new Map([["small.net", source]]),
      sample: { name: payload, values: { x: new Float32Array(4) } },
    });
    const html = page.value!;
    expect(html.match(/<script/g)).toHaveLength(2);
    expect(html.match(/<\/script/g)).toHaveLength(2);
    expect(html).not.toMatch(/(?!\n)[\p{Cc}\u2028-\u202e\u2066-\u2069]/u);
    const { film } = readPage(html);
    expect(JSON.stringify(film)).not.toMatch(/[\u202a-\u202e\u2066-\u2069]|\\u001b/);
    expect(film.name).toContain("</script><script>alert(1)");
  });

  test("since the page allows its own script alone, and asks for nothing", async () => {
    const html = (await filmOf(small, optimize(small).value!, { made: "in a test" })).value!;
    const script = /<script>([^]*)<\/script>/.exec(html)![1]!;
    const hash = createHash("sha256").update(script).digest("base64");
    const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(html)![1]!;
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain(`script-src 'sha256-${hash}'`);
    expect(html).not.toMatch(/(?:src|href)=/);
    expect(script).not.toContain("innerHTML");
  });
});
