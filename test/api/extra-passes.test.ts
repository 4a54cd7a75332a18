// Passes of callers: their places, the editor of graphs that they use, and who is blamed if one fails.

import { expect, test } from "vitest";
import * as api from "../../src/index.js";
import type { ExtraPass, Module, Node, Pass } from "../../src/index.js";

const text = `net tiny {
  input x: f32[N, 4, 4, 3]
  a = conv2d(x, filters=4, kernel=3x3, padding=same) |> batch_norm |> relu6
  output y = a |> global_avg_pool |> dense(units=2)
}
`;
const module = api.elaborate(api.parse(text, "tiny.net").value!).value!;
const input = new Map([["x", api.tensor([1, 4, 4, 3], (index) => Math.sin(index) * 9)]]);

/** A pass that replaces relu6 by clip. */
const clipInstead: Pass = {
  name: "clip-instead",
  doc: "Replaces relu6 by clip.",
  run: (before) =>
    api.editGraph(before, "clip-instead", (edit) => {
      for (const node of before.graph.nodes.values())
        if (node.op === "relu6")
          edit.replace(node.id, edit.add(node, "clip", node.inputs, { low: 0, high: 6 }));
    }),
};

function idle(name: string): Pass {
  return { name, doc: "Changes nothing.", run: (before) => before };
}

function order(extraPasses: readonly ExtraPass[], options: api.OptimizeOptions = {}): string[] {
  const ran: string[] = [];
  const { diagnostics } = api.optimize(module, {
    ...options,
    extraPasses,
    onStart: (pass) => ran.push(pass),
  });
  expect(diagnostics).toEqual([]);
  return ran;
}

function nodeNamed({ graph }: Module, name: string): Node {
  const found = [...graph.nodes.values()].find((node) => node.name === name);
  if (!found) throw new Error(`no node ${name}`);
  return found;
}

test("an extra pass runs at its place", () => {
  const standard = api.passes.map(({ name }) => name);
  const place = (at: string): string[] => order([{ pass: idle("mine"), at }]);
  expect(place("before fuse")).toEqual(standard.toSpliced(standard.indexOf("fuse"), 0, "mine"));
  expect(place("after fuse").at(-1)).toBe("mine");
  // `apply-rules` runs twice.
  expect(place("before apply-rules").indexOf("mine")).toBe(standard.indexOf("apply-rules"));
  expect(place("after apply-rules").indexOf("mine")).toBe(standard.lastIndexOf("apply-rules") + 1);
});

test("a place may name an extra pass, and the options that choose passes too", () => {
  const two = [
    { pass: idle("a"), at: "after fuse" },
    { pass: idle("b"), at: "before a" },
  ];
  expect(order(two).slice(-3)).toEqual(["fuse", "b", "a"]);
  expect(order(two, { without: ["a"] }).at(-1)).toBe("b");
  expect(order(two, { passes: ["b", "fuse"] })).toEqual(["b", "fuse"]);
  expect(order(two, { stopAfter: "b" }).at(-1)).toBe("b");
});

test.each([
  [[{ pass: idle("a"), at: "behind fuse" }], "wrong-place", "`behind fuse` is not a place for pass `a`"],
  [[{ pass: idle("a"), at: "after fuze" }], "unknown-pass", "there is no pass `fuze` to place pass `a` at"],
  [[{ pass: idle("fuse"), at: "after fuse" }], "repeated-name", "there are two passes `fuse`"],
])("a wrong place is an error: %j", (extraPasses, code, message) => {
  const { value, diagnostics } = api.optimize(module, { extraPasses });
  expect(value).toBeUndefined();
  expect(diagnostics).toMatchObject([{ severity: "error", code, message }]);
});

test.each(["before canonicalize", "after fold-batch-norm", "after fuse"])(
  "an edited graph computes the same: %s",
  async (at) => {
    const printed: string[] = [];
    const { value, diagnostics } = api.optimize(module, {
      extraPasses: [{ pass: clipInstead, at }],
      verify: true,
      printAfter: ["clip-instead"],
      onPrint: (pass) => printed.push(pass),
    });
    expect(diagnostics).toEqual([]);
    expect(printed).toEqual(["clip-instead"]);
    const run = value!.trace.find(({ pass }) => pass.name === "clip-instead")!;
    expect(run.after).not.toBe(run.before);
    const [clip] = [...run.after.graph.nodes.values()].filter(({ op }) => op === "clip");
    expect(clip).toMatchObject({ name: "a", origin: { pass: "clip-instead" } });
    expect(clip!.origin.spans.length).toBeGreaterThan(0);
    const before = api.interpret(module, input).get("y")!;
    const after = api.interpret(value!.module, input).get("y")!;
    for (const [index, one] of after.data.entries()) expect(one).toBeCloseTo(before.data[index]!, 5);
    const net = await api.load(api.emit(value!.module));
    const { y } = net.runSync({ x: Float32Array.from(input.get("x")!.data) });
    expect(y![0]).toBeCloseTo(before.data[0]!, 3);
    net.dispose();
  },
);

test("what a pass of the caller throws is an error of that pass, with its place", () => {
  const pass: Pass = {
    name: "mine",
    doc: "Fails.",
    run: () => {
      throw new RangeError("out of luck");
    },
  };
  const { value, diagnostics } = api.compile(text, { extraPasses: [{ pass, at: "before fuse" }] });
  expect(value).toBeUndefined();
  expect(diagnostics).toMatchObject([
    { code: "failed-pass", message: "your pass `mine` throws RangeError: out of luck" },
  ]);
  expect(diagnostics[0]!.help![0]).toMatch(/^thrown at .*extra-passes\.test\.ts:\d+:\d+$/);
});

test("a module that a pass of the caller breaks is an error of that pass, also without `verify`", () => {
  const run = ({ graph, weights }: Module): Module => {
    const nodes = new Map([...graph.nodes].map(([id, node]) => [id, { ...node, name: "same" }] as const));
    return { graph: { ...graph, nodes }, weights };
  };
  const { diagnostics } = api.optimize(module, {
    extraPasses: [{ pass: { name: "mine", doc: "", run }, at: "before fuse" }],
  });
  expect(diagnostics).toMatchObject([
    {
      code: "failed-pass",
      message: "your pass `mine` leaves a module that is not sound: names: two nodes are named same",
    },
  ]);
  const nothing = { name: "mine", doc: "", run: () => undefined as unknown as Module };
  expect(
    api.optimize(module, { extraPasses: [{ pass: nothing, at: "before fuse" }] }).diagnostics,
  ).toMatchObject([{ code: "failed-pass", message: "your pass `mine` returns no module" }]);
});

test("an edit that changes nothing returns the module", () => {
  expect(api.editGraph(module, "mine", () => {})).toBe(module);
});

test("a node behind a value: its readers and outputs read the new node, and the new node reads the value", () => {
  const node = nodeNamed(module, "y");
  const edited = api.editGraph(module, "mine", (edit) => {
    edit.replace(node.id, edit.add(node, "mul", [node.id, edit.constant(node, 2)]));
  });
  expect(api.verifyModule(edited)).toEqual([]);
  const before = api.interpret(module, input).get("y")!.data;
  const after = api.interpret(edited, input).get("y")!.data;
  expect([...after]).toEqual([...before].map((one) => 2 * one));
});

test("omitted operands and attributes are completed, and nodes that nothing needs disappear", () => {
  const conv = [...module.graph.nodes.values()].find(({ op }) => op === "conv2d")!;
  const [x = -1, w = -1, b = -1] = conv.inputs;
  const edited = api.editGraph(module, "mine", (edit) => {
    const sum = edit.add(conv, "conv2d", [x, w], { padding: [1, 1, 1, 1] });
    expect(edit.node(sum).type).toEqual(conv.type);
    edit.replace(conv.id, sum);
  });
  expect(api.verifyModule(edited)).toEqual([]);
  expect(edited.graph.nodes.has(b)).toBe(false);
  expect(edited.graph.nodes.has(conv.id)).toBe(false);
  expect(edited.graph.nodes.has(w)).toBe(true);
});

test("an edit that does not fit is a TypeError with the reason", () => {
  const node = nodeNamed(module, "y");
  const edit =
    (change: (editor: api.GraphEditor) => void): (() => void) =>
    () =>
      void api.editGraph(module, "mine", change);
  expect(edit((one) => one.add(node, "concat", [node.id, node.id], { axis: 7 }))).toThrow(TypeError);
  expect(edit((one) => one.add(node, "dense", [node.id]))).toThrow("dense takes `x`, `w`, `b`, but has 1");
  expect(edit((one) => one.add(node, "clip", [node.id], { lo: 0 } as object))).toThrow(
    "clip has no attribute lo",
  );
  expect(edit((one) => one.add(node, "softmax2" as api.OpName, [node.id]))).toThrow(
    "there is no op softmax2",
  );
  const loop = edit((one) => {
    const other = one.add(node, "relu", [node.id]);
    one.replace(node.id, other);
    one.replace(other, node.id);
  });
  expect(loop).toThrow("cannot be replaced by what replaces it");
});

test("an editor names what is no node", () => {
  const edited = (edit: (editor: api.GraphEditor) => void) => () => api.editGraph(module, "wrong", edit);
  const site = [...module.graph.nodes.values()][0]!;
  expect(edited((editor) => editor.replace("zzz" as never, site.id))).toThrow(/^the graph has no node "zzz"/);
  expect(edited((editor) => editor.add(site, "relu", [999]))).toThrow(/^the graph has no node 999/);
  expect(edited((editor) => editor.add("x" as never, "relu", [site.id]))).toThrow(
    'add takes a node as the site, not "x"',
  );
  expect(edited((editor) => editor.constant(site, "1" as never))).toThrow(
    'constant takes a number or a tensor, not "1"',
  );
});
