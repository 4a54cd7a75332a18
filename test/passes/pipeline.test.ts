// The pipeline: which passes run, the instruments around them, and how errors and bugs are reported.

import { applyPatches } from "immer";
import { expect, test } from "vitest";
import { error, InternalError } from "#diagnostic/diagnostic.js";
import { parse } from "#grammar/reading/parse.js";
import { elaborate } from "#elaborate/elaborate.js";
import { topological } from "#ir/node-order.js";
import type { Module } from "#ir/weights.js";
import { passes } from "#passes/index.js";
import { compileRules } from "#rewrite/rule/compile/compile-rule.js";
import { printing, timing, tracing, verifying } from "#rewrite/pipeline/instruments.js";
import type { Pass } from "#rewrite/pipeline/pass.js";
import type { PassRun } from "#rewrite/pipeline/pipeline.js";
import { runPipeline } from "#rewrite/pipeline/pipeline.js";
import { selectPasses } from "#rewrite/pipeline/selection.js";
import { testTarget } from "./target.js";

const names = passes.map((pass) => pass.name);
const context = { target: testTarget, options: {} };

function moduleOf(body: string): Module {
  return elaborate(parse(`net t {\n${body}\n}`, "t.net").value!).value!;
}

const module = moduleOf(`
  input x: f32[1, 8, 8, 3]
  a = pad(x, before=[0, 1, 1, 0], after=[0, 1, 1, 0])
  a = conv2d(a, filters=4, kernel=3x3, bias=false) |> batch_norm |> clip(low=0)
  output y = a + 0
`);

const chosen = (selection: Parameters<typeof selectPasses>[1]) =>
  selectPasses(passes, selection).value?.map((pass) => pass.name);

test("all passes, in order", () => {
  expect(chosen({})).toEqual(names);
});

test("only the named passes, in this order", () => {
  expect(chosen({ passes: ["fold-padding", "canonicalize"] })).toEqual(["fold-padding", "canonicalize"]);
});

test("without some passes", () => {
  expect(chosen({ without: ["fuse", "eliminate-dead-nodes"] })).toEqual(
    names.filter((name) => name !== "fuse" && name !== "eliminate-dead-nodes"),
  );
});

test("no pass after a given one", () => {
  expect(chosen({ stopAfter: "canonicalize" })?.at(-1)).toBe("canonicalize");
  expect(chosen({ stopAfter: "canonicalize" })).toEqual(names.slice(0, names.indexOf("canonicalize") + 1));
});

test("only the passes after a given one, and those whose decisions no dump shows", () => {
  expect(chosen({ from: "lower-transposed" })).toEqual(names.slice(names.indexOf("lower-transposed") + 1));
  expect(chosen({ from: "apply-rules" })?.[0]).toBe(names[names.lastIndexOf("apply-rules") + 1]);
  expect(chosen({ from: "compact-weights" })).toEqual(["compact-weights", "fuse"]);
  expect(chosen({ from: "canonicalize", stopAfter: "fold-batch-norm" })).toEqual([
    "fold-padding",
    "fold-batch-norm",
  ]);
  expect(selectPasses(passes, { from: "fuse", without: ["fuse"] }).diagnostics).toHaveLength(1);
});

test("every unknown name is an error that suggests similar names", () => {
  const { value, diagnostics } = selectPasses(passes, {
    passes: ["canonicalise"],
    without: ["fuze"],
    printAfter: ["all", "nowhere"],
    stopAfter: "splitt",
  });
  expect(value).toBeUndefined();
  expect(diagnostics.map((one) => [one.code, one.help?.[0]])).toEqual([
    ["unknown-pass", "did you mean `canonicalize`?"],
    ["unknown-pass", "did you mean `fuse`?"],
    ["unknown-pass", `there are ${[...new Set(names)].join(", ")}`],
    ["unknown-pass", "did you mean `split`?"],
  ]);
});

test("the pass to stop after must run", () => {
  expect(selectPasses(passes, { stopAfter: "fuse", without: ["fuse"] }).diagnostics).toHaveLength(1);
});

test("instruments see every pass", () => {
  const printed: string[] = [];
  const timed: [string, boolean][] = [];
  let clock = 0;
  const instruments = [
    verifying(),
    printing(["fold-padding", "canonicalize"], (pass) => void printed.push(pass)),
    timing((pass, milliseconds, changed) => {
      expect(milliseconds).toBe(1);
      timed.push([pass, changed]);
    }),
  ];
  const { value } = runPipeline(module, passes, context, { instruments, now: () => clock++ });
  expect(printed).toEqual(["canonicalize", "fold-padding"]);
  expect(timed.map(([pass]) => pass)).toEqual(names);
  expect(Object.fromEntries(timed)).toMatchObject({ canonicalize: true, "fold-padding": true, split: false });
  expect([...value!.graph.nodes.values()].map((node) => node.op).sort()).toEqual([
    "constant",
    "constant",
    "conv2d",
    "input",
    "relu",
  ]);
});

test("patches turn the graph before a pass into the one after it, and are small if the change is small", () => {
  let patched = module.graph;
  const sizes = new Map<string, number>();
  const instruments = [
    tracing((pass, patches) => {
      patched = applyPatches(patched, [...patches]);
      sizes.set(pass, patches.length);
    }),
  ];
  const { value } = runPipeline(module, passes, context, { instruments });
  expect([...patched.nodes]).toEqual(expect.arrayContaining([...value!.graph.nodes]));
  expect(patched.nodes.size).toBe(value!.graph.nodes.size);
  expect(sizes.get("split")).toBe(0);
  // The pass removes the pad and changes the convolution.
  expect(sizes.get("fold-padding")).toBe(2);
});

test("new nodes have the origins of the nodes that they replace", () => {
  const { value } = runPipeline(module, passes, context);
  const conv = [...value!.graph.nodes.values()].find((node) => node.op === "conv2d")!;
  expect(conv.origin).toMatchObject({ pass: "fold-batch-norm", rule: "fold_batch_norm" });
  // The spans of the pad, the convolution and the batch norm.
  expect(conv.origin.spans).toHaveLength(3);
});

test("a run of a pass has the rules that it applied, each with the graph after it and before the next", () => {
  const runs: PassRun[] = [];
  const twice = moduleOf(`
    input x: f32[1, 4]
    a = x + 0
    b = neg(neg(a))
    output y = b * 1
  `);
  runPipeline(twice, passes, context, { instruments: [{ after: (run) => void runs.push(run) }] });
  const { applied } = runs.find(({ pass }) => pass.name === "canonicalize")!;
  const opsOf = ({ graph }: Module): string[] =>
    topological(graph).flatMap(({ op }) => (op === "constant" ? [] : [op]));
  expect(applied.map((one) => [one.rule, ...opsOf(one.after())])).toEqual([
    ["add_zero", "input", "neg", "neg", "mul"],
    ["neg_neg", "input", "mul"],
    ["mul_one", "input"],
  ]);
  expect(applied.at(-1)!.after().graph).toBe(
    runs.find(({ pass }) => pass.name === "canonicalize")!.after.graph,
  );
  expect(runs.find(({ pass }) => pass.name === "fuse")!.applied).toEqual([]);
});

test("an error that a pass reports ends the pipeline", () => {
  const ran: string[] = [];
  const pass = (name: string, fails: boolean): Pass => ({
    name,
    doc: "",
    run: (given, { report }) => {
      ran.push(name);
      if (fails) report(error("no-net", "no"));
      return given;
    },
  });
  const { value, diagnostics } = runPipeline(
    module,
    [pass("a", false), pass("b", true), pass("c", false)],
    context,
  );
  expect(value).toBeUndefined();
  expect(diagnostics.map((one) => one.code)).toEqual(["no-net"]);
  expect(ran).toEqual(["a", "b"]);
});

test("an exception in a pass is a bug that names the pass", () => {
  const broken: Pass = {
    name: "broken",
    doc: "",
    run: () => {
      throw new TypeError("oh");
    },
  };
  expect(() => runPipeline(module, [broken], context)).toThrow(InternalError);
  expect(() => runPipeline(module, [broken], context)).toThrow("pass broken: oh");
});

test("verifying names the pass that breaks the graph", () => {
  const lying: Pass = {
    name: "lying",
    doc: "",
    run: ({ graph, weights }) => {
      const nodes = new Map([...graph.nodes].map(([id, node]) => [id, { ...node, name: "same" }] as const));
      return { graph: { ...graph, nodes }, weights };
    },
  };
  expect(() => runPipeline(module, [lying], context, { instruments: [verifying()] })).toThrow(
    /after pass lying: names: two nodes are named same/,
  );
});

test("rules that apply without end are an error of the pipeline", () => {
  const rules = compileRules(parse("rule r: relu(x) => relu(x + 0)", "r.net").value!.items).value!;
  const { value, diagnostics } = runPipeline(module, passes, { target: testTarget, options: { rules } });
  expect(value).toBeUndefined();
  expect(diagnostics.map((one) => one.code)).toEqual(["rule-loop"]);
});
