// What an application of a rule says it changed, one after another, gives the graph after each.

import { expect, test } from "vitest";
import { optimize } from "#compile/optimize.js";
import { parseRules } from "#compile/rules.js";
import { parse } from "#grammar/reading/parse.js";
import { elaborate } from "#elaborate/elaborate.js";
import type { Graph, Node, NodeId } from "#ir/graph.js";
import type { Module } from "#ir/weights.js";
import { seededRandom } from "#ops/random.js";
import { randomModule } from "../random-graph.js";
import { seedsFor } from "../scale.js";

/** What is compared of nodes: all that a rewrite may change. */
function shown({ op, name, inputs, type, attributes, kernel }: Node): unknown {
  return [op, name, inputs, type, attributes, kernel];
}

/** Checks all applications of all passes, and returns their number. */
function checkChanges(module: Module, options: Parameters<typeof optimize>[1] = {}): number {
  let count = 0;
  for (const { before, applied } of optimize(module, options).value!.trace) {
    const nodes = new Map<NodeId, Node>(before.graph.nodes);
    let outputs: Graph["outputs"] = before.graph.outputs;
    for (const one of applied) {
      const change = one.change();
      for (const [id, node] of change.nodes) {
        if (node) nodes.set(id, node);
        else nodes.delete(id);
      }
      outputs = change.outputs ?? outputs;
      const { graph } = one.after();
      expect(new Set(nodes.keys())).toEqual(new Set(graph.nodes.keys()));
      for (const [id, node] of graph.nodes) expect(shown(nodes.get(id)!)).toEqual(shown(node));
      expect(outputs).toEqual(graph.outputs);
      count += 1;
    }
  }
  return count;
}

test("in random nets", () => {
  let count = 0;
  for (const seed of seedsFor(60)) count += checkChanges(randomModule(seededRandom(seed), { size: 30 }));
  expect(count).toBeGreaterThan(10);
});

test("where rules make values of each other unused, and used again", () => {
  const { rules } = parseRules(
    `rule inner: abs(relu(x)) => relu(x)
rule halves: concat(x, x, axis=0) => concat(abs(x), abs(x), axis=0)
rule twice: tanh(tanh(x)) => tanh(x)
rule same: exp(log(x)) => x
rule drop: add(x, mul(y, 0)) => x
`,
    "own.net",
  ).value!;
  let count = 0;
  for (const seed of seedsFor(40)) {
    const random = seededRandom(seed);
    const names = ["x"];
    const pick = (): string => names[random.int(Math.max(0, names.length - 4), names.length - 1)]!;
    const lines = Array.from({ length: 25 }, (_, at) => {
      const name = `v${at}`;
      const line = random.pick([
        `abs(relu(${pick()}))`,
        `tanh(tanh(${pick()}))`,
        `exp(log(${pick()}))`,
        `${pick()} + ${pick()} * 0`,
        `relu(${pick()})`,
        `${pick()} * ${pick()}`,
      ]);
      names.push(name);
      return `  ${name} = ${line}\n`;
    });
    const text = `net n {\n  input x: f32[1, 4]\n${lines.join("")}  output a = ${pick()}\n  output b = ${pick()}\n}\n`;
    const module = elaborate(parse(text, "n.net").value!).value!;
    count += checkChanges(module, { rules, trustRules: true });
  }
  expect(count).toBeGreaterThan(100);
});
