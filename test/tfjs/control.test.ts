// Control flow of TensorFlow that TensorFlow.js cannot run, what is refused, and models that are cut and fixed.

import { expect, test } from "vitest";
import { render } from "#diagnostic/render.js";
import { importTfjs } from "#import/tfjs/import-tfjs.js";
import { interpret } from "#interpret/interpret.js";
import { inputNodes } from "#ir/graph.js";
import { tensor } from "#ir/tensor.js";
import { graphModel, layersTopology, openShards } from "./text-model.js";

function importText(text: string, options: Parameters<typeof importTfjs>[1] = {}) {
  const files = graphModel(text);
  return importTfjs(JSON.stringify(files.json), { openData: openShards(files), ...options });
}

function resultOf(text: string): number[] {
  const { value, diagnostics } = importText(text);
  if (!value) return expect.fail(render(diagnostics, new Map(), { color: false }));
  const x = tensor([1, 3], (at) => at - 0.5);
  return [...interpret(value, new Map([["x", x]])).get("y")!.data];
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

test("a loop in a loop", () => {
  const text = `
x = Placeholder [1, 3]
zero = int [] 0
one = int [] 1
two = int [] 2
three = int [] 3
half = weight [] 0.5
e_x = Enter(x) {"frame_name": "outer"}
e_i = Enter(zero) {"frame_name": "outer"}
e_n = Enter(two) {"frame_name": "outer", "is_constant": true}
e_k = Enter(three) {"frame_name": "outer", "is_constant": true}
e_z = Enter(zero) {"frame_name": "outer", "is_constant": true}
e_o = Enter(one) {"frame_name": "outer", "is_constant": true}
e_h = Enter(half) {"frame_name": "outer", "is_constant": true}
m_x = Merge(e_x, n_x)
m_i = Merge(e_i, n_i)
l = Less(m_i, e_n)
c = LoopCond(l)
s_x = Switch(m_x, c)
s_i = Switch(m_i, c)
out = Exit(s_x)
now = Identity(s_x:1)
f_x = Enter(now) {"frame_name": "inner"}
f_j = Enter(e_z) {"frame_name": "inner"}
f_k = Enter(e_k) {"frame_name": "inner", "is_constant": true}
f_o = Enter(e_o) {"frame_name": "inner", "is_constant": true}
f_h = Enter(e_h) {"frame_name": "inner", "is_constant": true}
g_x = Merge(f_x, k_x)
g_j = Merge(f_j, k_j)
q = Less(g_j, f_k)
d = LoopCond(q)
t_x = Switch(g_x, d)
t_j = Switch(g_j, d)
last = Exit(t_x)
scaled = Mul(t_x:1, f_h)
k_x = NextIteration(scaled)
more = AddV2(t_j:1, f_o)
k_j = NextIteration(more)
b_x = Sigmoid(last)
n_x = NextIteration(b_x)
b_i = AddV2(s_i:1, e_o)
n_i = NextIteration(b_i)
y = Neg(out)
output y`;
  const expected = [-0.5, 0.5, 1.5].map((x) => -sigmoid(sigmoid(x / 8) / 8));
  for (const [at, value] of resultOf(text).entries()) expect(value).toBeCloseTo(expected[at]!, 12);
});

test("functions that call each other", () => {
  const text = `
x = Placeholder [1, 3]
y = StatefulPartitionedCall(x) {"f": {"func": {"name": "outer"}}}
output y
function outer(a) -> r:z:0
two = PartitionedCall(a) {"f": {"func": {"name": "both"}}}
r = Sub(two:output:0, two:output:1)
end
function both(a) -> n:y:0, d:z:0
n = Neg(a)
d = AddV2(a, a)
end`;
  expect(resultOf(text)).toEqual([-0.5, 0.5, 1.5].map((x) => -3 * x));
});

test("a function that calls itself, and one that is not there", () => {
  const text = `x = Placeholder [1, 3]
y = PartitionedCall(x) {"f": {"func": {"name": "f"}}}
output y
function f(a) -> r:output:0
r = PartitionedCall(a) {"f": {"func": {"name": "f"}}}
end`;
  expect(importText(text).diagnostics[0]?.message).toContain("in more than 32 others, or in itself");
  expect(importText(text.replace('"name": "f"', '"name": "g"')).diagnostics[0]?.message).toContain(
    "the library has no function `g`",
  );
});

test("a loop whose condition is computed is named, with the cut before it", () => {
  const text = `
x = Placeholder [1, 3]
r = Relu(x)
y = While(r) {"cond": {"func": {"name": "small"}}, "body": {"func": {"name": "twice"}}}
output y
function small(a) -> l:z:0
axes = int [2] 0, 1
ten = weight [] 10
m = Max(a, axes:output:0) {"keep_dims": false}
l = Less(m:output:0, ten:output:0)
end
function twice(a) -> d:z:0
d = AddV2(a, a)
end`;
  const [first] = importText(text).diagnostics;
  expect(first?.message).toContain("runs as long as a condition that is computed from the inputs");
  expect(first?.help?.join("\n")).toMatch(/--outputs r$/);
});

test("a loop that never ends is refused after so many nodes", () => {
  const text = `
x = Placeholder [1, 3]
zero = int [] 0
y = While(zero, x) {"cond": {"func": {"name": "on"}}, "body": {"func": {"name": "same"}}}
output y:1
function on(i, a) -> l:z:0
one = int [] 1
l = Less(i, one:output:0)
end
function same(i, a) -> i, a
end`;
  const limit = "loops are unrolled to more than 50000 nodes";
  expect(importText(text).diagnostics[0]?.message).toContain(limit);
  // Nor does one without nodes.
  const empty = text
    .replace("output y:1", "output y")
    .replace(/function on[^]*?^end/m, "function on(i, a) -> i\nend");
  expect(importText(empty.replace("int [] 0", "int [] 1")).diagnostics[0]?.message).toContain(limit);
});

const chain = `x = Placeholder [-1, 4]
k = Placeholder [1]
a = Mul(x, k)
b = Relu(a)
y = Neg(b)
output y`;

test("a graph model with fixed inputs, and without its head or tail", () => {
  const inputsOf = (options: Parameters<typeof importTfjs>[1]): string[] => {
    const { value, diagnostics } = importText(chain, options);
    if (!value) return expect.fail(render(diagnostics, new Map(), { color: false }));
    return inputNodes(value.graph).map(({ name, type }) => `${name} ${type.shape.join("x")}`);
  };
  const dims = new Map([["N", 2]]);
  expect(inputsOf({ dims })).toEqual(["x 2x4", "k 1"]);
  expect(inputsOf({ constants: { k: 2 } })).toEqual(["x 1x4"]);
  expect(inputsOf({ inputs: ["b:3x4"] })).toEqual(["b 3x4"]);
  expect(inputsOf({ inputs: ["b"], constants: { k: 2 } })).toEqual(["b 1x4"]);
  expect(inputsOf({ inputs: ["a:Nx4"], outputs: ["b"] })).toEqual(["a 1x4"]);
  expect(inputsOf({ inputs: ["x:5x4"] })).toEqual(["x 5x4", "k 1"]);
  expect(inputsOf({ outputs: ["b"], constants: { k: [3] } })).toEqual(["x 1x4"]);
  const fixed = importText(chain, { constants: { k: [-2], x: [[1, -2, 3, -4]] } }).value!;
  expect([...interpret(fixed, new Map()).get("y")!.data]).toEqual([-0, -4, -0, -8]);
  expect(importText(chain, { constants: { kk: 1 } }).diagnostics[0]?.message).toContain("no input `kk`");
  expect(importText(chain, { inputs: ["c"] }).diagnostics[0]?.message).toContain("no value `c`");
  expect(importText(chain, { inputs: ["b:1x4", "a:1x4"] }).diagnostics[0]?.code).toBe("unneeded-input");
});

test("a layers model with a fixed input, and without its head", () => {
  const topology = layersTopology(
    'x = InputLayer {"batch_input_shape": [1, 4]}\nz = InputLayer {"batch_input_shape": [1, 4]}\na = Activation(x) {"activation": "relu"}\nb = Lambda(a) {}\nc = Add(b, z)\noutput c',
  );
  const text = JSON.stringify({ modelTopology: topology, weightsManifest: [] });
  expect(importTfjs(text).value).toBeUndefined();
  const { value } = importTfjs(text, { inputs: ["b:1x4"], constants: { z: 3 } });
  const b = tensor([1, 4], (at) => at);
  expect([...interpret(value!, new Map([["b", b]])).get("c")!.data]).toEqual([3, 4, 5, 6]);
  const known = importTfjs(text, { inputs: ["a"], outputs: ["a"] }).diagnostics[0]?.code;
  expect(known).toBeUndefined();
  expect(importTfjs(text, { inputs: ["b"] }).diagnostics[0]?.code).toBe("unknown-shape");
});

/** A net that adds 1, doubles or halves, by a number that is known or the first element of x less ½, and gives a second result. */
function numbered(kind: string, number: string): string {
  return `
x = Placeholder [1, 3]
zero = int [2] 0, 0
one = int [2] 1, 1
half = weight [] 0.5
first = Slice(x, zero, one)
more = AddV2(first, half)
computed = Cast(more) {"DstT": "DT_INT32"}
known = int [] ${number === "computed" ? 0 : number}
r = ${kind}(${number === "computed" ? "computed" : "known"}, x, half) {"branches": {"list": {"func": [{"name": "add"}, {"name": "double"}, {"name": "times"}]}}}
y = Sub(r, r:1)
output y
function add(a, h) -> s:z:0, a
by = int [] 1
s = AddV2(a, by:output:0)
end
function double(a, h) -> s:z:0, a
s = AddV2(a, a)
end
function times(a, h) -> s:z:0, s:z:0
s = Mul(a, h)
end`;
}

test.each(["Case", "StatelessCase"])("%s takes the branch of its number", (kind) => {
  const branches = [(): number => 1, (x: number): number => x, (): number => 0];
  for (const number of [-1, 0, 1, 2, 3, 100]) {
    const own = branches[number] ?? branches[2]!;
    const start = number - 0.5;
    for (const text of [numbered(kind, `${number}`), numbered(kind, "computed")]) {
      const { value, diagnostics } = importText(text);
      if (!value) return expect.fail(render(diagnostics, new Map(), { color: false }));
      const x = tensor([1, 3], (at) => start + at);
      const result = interpret(value, new Map([["x", x]])).get("y")!;
      for (const [at, one] of result.data.entries()) expect(one).toBeCloseTo(own(start + at), 6);
    }
  }
  // The known branch leaves nothing of the others.
  const { value } = importText(numbered(kind, "2"));
  expect([...value!.graph.nodes.values()].map(({ op }) => op)).not.toContain("where");
});

test("branches of a computed number that differ in shape are refused, and a known one takes no notice", () => {
  const text = (number: string): string =>
    numbered("Case", number).replace(
      "function times(a, h) -> s:z:0, s:z:0\ns = Mul(a, h)",
      "function times(a, h) -> s:output:0, h\naxes = int [1] 0\ns = Max(a, axes:output:0)",
    );
  expect(importText(text("1")).value).toBeDefined();
  expect(importText(text("computed")).diagnostics[0]?.message).toContain("branches give [1, 3] and [3]");
});
