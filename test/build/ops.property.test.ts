// Every op as a method of the builder: samples of the op table give the nodes that the table says.

import { expect, test } from "vitest";
import { inferType, normalizeAttributes, opNames, opOf } from "#ops/index.js";
import { seededRandom } from "#ops/random.js";
import * as api from "../../src/index.js";
import type { Value } from "../../src/index.js";
import { scaled } from "../scale.js";

const called = opNames.filter((op) => op !== "input" && op !== "constant");

test.each(called)("%s", (op) => {
  const random = seededRandom(1);
  for (let count = 0; count < scaled(8); count += 1) {
    const { inputs, attributes } = opOf(op).sample(random);
    const built = api.net("t", (n) => {
      const [x, ...others] = inputs.map((type, at) => n.input(`i${at}`, type));
      const method = (x as unknown as Record<string, (...rest: readonly unknown[]) => Value>)[op]!;
      n.output("y", method.call(x, ...others, attributes));
    });
    expect(built.diagnostics).toEqual([]);
    const { graph } = built.value!;
    const node = api.nodeOf(graph, graph.outputs[0]!.node);
    const normal = normalizeAttributes(op, inputs, attributes);
    expect(node).toMatchObject({ op, attributes: normal, type: inferType(op, inputs, attributes) });
    const again = api.elaborate(api.parse(api.printGraph(built.value!), "dump.net").value!);
    expect(api.printGraph(again.value!)).toBe(api.printGraph(built.value!));
  }
});

test("no op has the name of another member of a value", () => {
  api.net("t", (n) => {
    const x = n.input("x", [1]);
    expect(Object.keys(x).filter((key) => called.some((op) => op === key))).toEqual([]);
    for (const op of called) expect(typeof x[op as keyof Value]).toBe("function");
    n.output("y", x);
  });
});
