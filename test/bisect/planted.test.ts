// Miscompilations that are planted in passes, rules and kernels are found, and reduced to a few ops.

import { afterEach, describe, expect, test, vi } from "vitest";
import type { BisectOptions, Bisection, Fault } from "#bisect/bisect.js";
import { bisect, bisectWith } from "#bisect/bisect.js";
import type { RunCode } from "#bisect/suspect.js";
import { codeRunner } from "#bisect/suspect.js";
import { parseRules } from "#compile/rules.js";
import { bug } from "#diagnostic/diagnostic.js";
import { elaborate } from "#elaborate/elaborate.js";
import { parse } from "#grammar/reading/parse.js";
import type { Node, NodeId } from "#ir/graph.js";
import type { Module } from "#ir/weights.js";
import { makeNode } from "#ops/index.js";
import { canonicalize } from "#passes/canonicalize.js";
import { cutWeights } from "#passes/cut-weights.js";
import { eliminateCommonSubexpressions } from "#passes/eliminate-common-subexpressions.js";
import { foldBatchNorm } from "#passes/fold-batch-norm.js";
import { foldPadding } from "#passes/fold-padding.js";
import { fuse } from "#passes/fuse.js";
import { hoistPools } from "#passes/hoist-pools.js";

const text = `
net planted {
  input image: f32[N, 16, 16, 3]
  param w: f32[3, 3, 3, 8] = he_normal(seed=1)
  param b: f32[8] = [0.1, 0.2, 0.3, 0.4, -0.1, -0.2, -0.3, -0.4]
  x = conv2d(pad(image, before=[0, 0, 1, 0], after=[0, 1, 0, 0]), w, b, stride=2) |> batch_norm |> relu6
  repeat 3 {
    y = conv2d(x, filters=16, kernel=1x1, bias=false) |> batch_norm |> relu6
    y = depthwise_conv2d(y, kernel=3x3, padding=[1, 1, 1, 1], bias=false) |> batch_norm |> relu6
    y = conv2d(y, filters=8, kernel=1x1, bias=false) |> batch_norm(epsilon=0.3)
    x = x + y
  }
  a = max_pool(x, kernel=2, stride=1, padding=[0, 1, 1, 0]) |> sigmoid
  b = avg_pool(x, kernel=3, stride=1, padding=same)
  c = conv2d(x, filters=8, kernel=3x3, padding=[2, 0, 1, 1]) |> tanh
  x = concat(a, b, c, axis=3) |> conv2d(filters=6, kernel=1x1)
  z = clip(x, low=-0.5, high=0.25) + clip(x, low=-0.25, high=0.5)
  output probabilities = softmax(global_avg_pool(z + relu(x)) |> dense(units=5))
  output map = reduce_mean(z, axes=[3])
}
`;

function planted(): Module {
  const { value, diagnostics } = elaborate(parse(text, "planted.net").value!);
  expect(diagnostics).toEqual([]);
  return value!;
}

afterEach(() => void vi.restoreAllMocks());

/** A module in which the first node that fits is another. */
function changed(module: Module, change: (node: Node) => Node | undefined): Module {
  for (const [id, node] of module.graph.nodes) {
    const other = change(node);
    if (!other) continue;
    return { ...module, graph: { ...module.graph, nodes: new Map(module.graph.nodes).set(id, other) } };
  }
  return module;
}

type PassObject = { readonly name: string; run: (module: Module, context: never) => Module };

/** Plants a change behind a pass. */
function plant(pass: PassObject, change: (node: Node, module: Module) => Node | undefined): void {
  const { run } = pass;
  vi.spyOn(pass, "run").mockImplementation((module, context) => {
    const after = run(module, context);
    return changed(after, (node) => change(node, after));
  });
}

function faultOf({ value, diagnostics }: { value?: Bisection; diagnostics: readonly object[] }): Fault {
  expect(diagnostics).toEqual([]);
  return value?.fault ?? bug("no fault was found");
}

/** Finds the fault, and tries the reduced case once more. */
async function find(options: BisectOptions = {}): Promise<Fault> {
  const fault = faultOf(await bisect(planted(), options));
  const { reduced } = fault;
  expect(reduced.ops, reduced.before).toBeLessThanOrEqual(8);
  expect(reduced.finding.kind).toBe(fault.finding.kind);
  const samples = Object.fromEntries(
    [...reduced.inputs].map(([name, { data }]) => [name, Float32Array.from(data)]),
  );
  const again = await bisect(reduced.module, {
    ...options,
    ...(reduced.passes && { passes: reduced.passes }),
    ...(reduced.isRandom ? {} : { samples: [samples] }),
  });
  expect(again.value?.fault).toMatchObject({ in: fault.in, ...(fault.pass && { pass: fault.pass }) });
  return fault;
}

test("a net that is compiled right has no fault", async () => {
  const { value, diagnostics } = await bisect(planted());
  expect(diagnostics).toEqual([]);
  expect(value?.fault).toBeUndefined();
  expect(value?.changed).toContain("fold-batch-norm");
  expect(value?.samples).toEqual(["normal", "far", "large", "tiny", "constant"]);
});

describe("in a pass", () => {
  test.each<[string, PassObject, (node: Node) => Node | undefined]>([
    [
      "swapped padding",
      foldPadding,
      (node) => {
        if (node.op !== "conv2d") return undefined;
        const [top, bottom, left, right] = node.attributes.padding as readonly number[];
        return top === bottom && left === right
          ? undefined
          : makeNode({ ...node, attributes: { ...node.attributes, padding: [bottom, top, right, left] } });
      },
    ],
    [
      "a dropped activation",
      canonicalize,
      (node) => (node.op === "tanh" ? makeNode({ ...node, op: "identity", attributes: {} }) : undefined),
    ],
    [
      "a wrong bound",
      hoistPools,
      (node) =>
        node.op === "clip" && node.attributes.high === 0.25
          ? makeNode({ ...node, attributes: { ...node.attributes, high: 0.5 } })
          : undefined,
    ],
    [
      "operands in another order",
      cutWeights,
      (node) => (node.op === "concat" ? makeNode({ ...node, inputs: node.inputs.toReversed() }) : undefined),
    ],
    [
      "a window that counts its border",
      fuse,
      (node) =>
        node.op === "avg_pool"
          ? makeNode({ ...node, attributes: { ...node.attributes, count_include_pad: true } })
          : undefined,
    ],
  ])("%s", async (_, pass, change) => {
    plant(pass, change);
    const fault = await find();
    expect(fault).toMatchObject({ in: "pass", pass: pass.name });
    expect(fault.spans.length).toBeGreaterThan(0);
  });

  test("equal operands with other attributes are merged", async () => {
    const pass: PassObject = eliminateCommonSubexpressions;
    const { run } = pass;
    vi.spyOn(pass, "run").mockImplementation((module, context) => {
      const after = run(module, context);
      const clips = [...after.graph.nodes.values()].filter(({ op }) => op === "clip");
      const first = clips.find((one) => clips.some((two) => one !== two && one.inputs[0] === two.inputs[0]));
      const second = clips.find((one) => one !== first && one.inputs[0] === first?.inputs[0]);
      if (!first || !second) return after;
      const to = (id: NodeId): NodeId => (id === second.id ? first.id : id);
      const nodes = new Map(
        [...after.graph.nodes].map(([id, node]) => [id, makeNode({ ...node, inputs: node.inputs.map(to) })]),
      );
      const outputs = after.graph.outputs.map((one) => ({ ...one, node: to(one.node) }));
      nodes.delete(second.id);
      return { ...after, graph: { ...after.graph, nodes, outputs } };
    });
    expect(await find()).toMatchObject({ in: "pass", pass: "eliminate-common-subexpressions" });
  });

  test("a change that a later pass undoes", async () => {
    plant(foldBatchNorm, (node) =>
      node.op === "tanh" ? makeNode({ ...node, op: "sin", attributes: {} }) : undefined,
    );
    plant(fuse, (node) =>
      node.op === "sin" ? makeNode({ ...node, op: "tanh", attributes: {} }) : undefined,
    );
    const fault = await find();
    expect(fault).toMatchObject({ in: "pass", pass: "fold-batch-norm", undoneBy: "fuse" });
    expect(fault.reduced.ops).toBe(1);
  });

  test("a failure", async () => {
    plant(foldBatchNorm, (node, { graph }) => {
      if (node.op !== "softmax") return undefined;
      return bug(`\`${node.name}\` of ${graph.nodes.size} nodes has no scale`);
    });
    const fault = await find();
    expect(fault).toMatchObject({ pass: "fold-batch-norm", finding: { kind: "crash" } });
    expect(fault.reduced.ops).toBe(1);
  });

  test("a graph that is not sound", async () => {
    plant(canonicalize, (node) =>
      node.op === "add" ? makeNode({ ...node, type: { dtype: "f32", shape: [1, 2, 3] } }) : undefined,
    );
    expect(await find()).toMatchObject({ pass: "canonicalize", finding: { kind: "crash" } });
  });

  test("infinities where there were none", async () => {
    plant(hoistPools, (node) =>
      node.op === "sigmoid" ? makeNode({ ...node, op: "log", attributes: {} }) : undefined,
    );
    expect(await find()).toMatchObject({ in: "pass", pass: "hoist-pools" });
  });
});

describe("in a rule", () => {
  test.each([
    [
      "epsilon_twice",
      "rule epsilon_twice: batch_norm(x, scale, offset, mean, variance, epsilon=e) => (x - mean) * (scale / sqrt(variance + 2 * e)) + offset when constant(scale, offset, mean, variance)",
    ],
    [
      "dropped_bias",
      "rule dropped_bias: relu6(batch_norm(conv2d(x, w, b, ..a), s, o, m, v, epsilon=e)) => clip(batch_norm(conv2d(x, w, ..a), s, o, m, v, epsilon=e), low=0, high=6) when constant(w, b, s, o, m, v)",
    ],
    ["all_axes", "rule all_axes: reduce_mean(x, axes=a) => reduce_max(x, axes=a)"],
    ["own_pool", "rule own_pool: sigmoid(max_pool(x, ..a)) => max_pool(hard_sigmoid(x), ..a)"],
  ])("%s", async (rule, line) => {
    const { value } = parseRules(line, "own.net");
    const fault = await find({ ...value!, trustRules: true });
    expect(fault).toMatchObject({ in: "pass", pass: "apply-rules", rule });
    expect(fault.application).toBeGreaterThanOrEqual(1);
    expect(fault.applications).toBeGreaterThanOrEqual(fault.application!);
    expect(fault.nodes.length).toBeGreaterThan(0);
  });
});

describe("in the code", () => {
  /** Code in which a kernel computes something else. */
  const tampered =
    (change: (node: Node) => Node | undefined): RunCode =>
    (of) =>
      codeRunner({ target: "js" })({ ...of, module: changed(of.module, change) });

  test("a kernel with another function", async () => {
    const run = tampered((node) =>
      node.op === "tanh" ? makeNode({ ...node, op: "sin", attributes: {} }) : undefined,
    );
    const fault = faultOf(await bisectWith(planted(), { target: "js" }, run));
    expect(fault).toMatchObject({ in: "code", finding: { kind: "values" } });
    expect(fault.kernel).toContain("c");
    expect(fault.reduced.ops).toBe(1);
  });

  test("a place in memory that is used too early", async () => {
    // Only the whole net has the fault, so no kernel alone is wrong.
    const run: RunCode = async (of) => {
      const ran = await codeRunner({ target: "js" })(of);
      const isWrong = [...of.module.graph.nodes.values()].filter(({ op }) => op === "conv2d").length >= 2;
      if (ran && isWrong) for (const data of ran.outputs.values()) (data as Float32Array)[0]! += 1;
      return ran;
    };
    const fault = faultOf(await bisectWith(planted(), { target: "js" }, run));
    expect(fault.in).toBe("code");
    expect(fault.reduced.ops).toBe(2);
  });
});
