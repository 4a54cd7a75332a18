// The interpreter: order, memory, batches, and what it says of wrong inputs.

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import type { Graph, NodeId } from "#ir/graph.js";
import { tensor } from "#ir/tensor.js";
import { f32 } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { interpret, interpretAll, interpretBatch } from "#interpret/interpret.js";
import { inferType, makeNode } from "#ops/index.js";
import { isProblem } from "#ops/op.js";
import { createWeightStore } from "#weights/store.js";
import type { Node, OpName } from "#ir/graph.js";

/** A row of a graph: name, op, operands by name, attributes; or a name and a shape for an input, or numbers for a constant. */
type Row =
  | readonly [name: string, op: OpName, inputs: readonly string[], attributes?: object]
  | readonly [name: string, "input", shape: readonly number[]]
  | readonly [name: string, "constant", values: readonly number[]];

function moduleOf(rows: readonly Row[], outputs: readonly string[]): Module {
  const weights = createWeightStore();
  const ids = new Map<string, NodeId>();
  const nodes = new Map<NodeId, Node>();
  for (const [position, [name, op, given, attributes]] of rows.entries()) {
    const base = {
      id: position + 1,
      name,
      op,
      position,
      origin: { spans: [] },
      attributes: { ...attributes },
    };
    ids.set(name, base.id);
    if (op === "input") {
      nodes.set(base.id, makeNode({ ...base, inputs: [], type: f32(...(given as number[])) }));
    } else if (op === "constant") {
      const type = f32((given as number[]).length);
      const weight = weights.add(name, type, { kind: "literal", data: Float32Array.from(given as number[]) });
      nodes.set(base.id, makeNode({ ...base, inputs: [], attributes: { weight }, type }));
    } else {
      const inputs = (given as string[]).map((one) => ids.get(one)!);
      const type = inferType(
        op,
        inputs.map((id) => nodes.get(id)!.type),
        base.attributes as Node["attributes"],
      );
      if (isProblem(type)) throw new Error(type.problem);
      nodes.set(base.id, makeNode({ ...base, inputs, type }));
    }
  }
  const graph: Graph = {
    name: "test",
    // Map order must mean nothing.
    nodes: new Map([...nodes].toReversed()),
    outputs: outputs.map((name) => ({ name, node: ids.get(name)! })),
    kernels: new Map(),
    nextId: rows.length + 1,
  };
  return { graph, weights };
}

const module = moduleOf(
  [
    ["x", "input", [1, 3]],
    ["w", "constant", [10, 20, 30]],
    ["scaled", "mul", ["x", "w"]],
    ["twice", "add", ["scaled", "scaled"]],
    ["negative", "neg", ["twice"]],
    ["sum", "add", ["negative", "x"]],
    ["unused", "exp", ["x"]],
  ],
  ["sum", "scaled", "x", "w"],
);
const x = tensor([1, 3], (index) => index + 1);

describe("outputs", () => {
  const outputs = interpret(module, new Map([["x", x]]));
  test.each([
    ["sum", [-19, -78, -177]],
    ["scaled", [10, 40, 90]],
    ["x", [1, 2, 3]],
    ["w", [10, 20, 30]],
  ])("%s", (name, expected) => {
    expect([...outputs.get(name)!.data]).toEqual(expected);
  });
  test("stand in the order of the graph, with their shapes", () => {
    expect([...outputs.keys()]).toEqual(["sum", "scaled", "x", "w"]);
    expect(outputs.get("sum")!.shape).toEqual([1, 3]);
  });
});

test("all values are given by node", () => {
  const values = interpretAll(module, new Map([["x", x]]));
  expect(values.size).toBe(module.graph.nodes.size);
  expect([...values.get(4)!.data]).toEqual([20, 80, 180]);
});

test("values are dropped after their last use", () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const [count, length] = [30, 1 << 18];
  const rows: Row[] = [["v0", "input", [length]]];
  for (let k = 1; k <= count; k += 1) rows.push([`v${k}`, "neg", [`v${k - 1}`]]);
  const input = new Map([["v0", tensor([length])]]);
  const used = (): number => {
    collect();
    return process.memoryUsage().arrayBuffers;
  };
  // Other files of the process may hold buffers too.
  const before = used();
  let most = 0;
  interpret(moduleOf(rows, [`v${count}`]), input, () => {
    most = Math.max(most, used() - before);
  });
  // The input, the operand and the result, and one more that may wait to be collected.
  expect(most / (8 * length)).toBeLessThan(8);
});

test("a batch is its samples one by one", () => {
  const batch = tensor([3, 3], (index) => index + 1);
  const together = interpretBatch(module, new Map([["x", batch]]), 3).get("sum")!;
  expect(together.shape).toEqual([3, 3]);
  expect([...together.data]).toEqual([-19, -78, -177, -76, -195, -354, -133, -312, -531]);
});

test("a missing input and one of another size are errors that name it", () => {
  expect(() => interpret(module, new Map())).toThrow(new RangeError("input x is missing"));
  expect(() => interpret(module, new Map([["x", tensor([1, 4])]]))).toThrow(
    new RangeError("input x has 4 elements, but [1, 3] has 3"),
  );
});
