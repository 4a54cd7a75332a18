// Printed graphs, parsed and elaborated again, are the same graphs.

import { makePlan } from "#template/plan.js";
import type { KernelPlan } from "#ir/graph.js";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parse } from "#grammar/reading/parse.js";
import { elaborate } from "#elaborate/elaborate.js";
import { printGraph } from "#inspect/lift.js";
import { sameGraph } from "#ir/compare.js";
import type { Graph, Node, NodeId } from "#ir/graph.js";
import { users } from "#ir/node-order.js";
import type { Module, WeightFiles, WeightStore } from "#ir/weights.js";
import { makeNode, ops } from "#ops/index.js";
import { seededRandom } from "#ops/random.js";
import { verify } from "#ops/verify.js";
import { openWeightFile } from "#weights/file.js";
import { randomModule } from "../random-graph.js";
import { parseCases } from "../cases.js";
import { scaled } from "../scale.js";

/** The module of a text; throws its diagnostics. */
function read(text: string, store?: WeightStore, net?: string, weights?: WeightFiles): Module {
  const parsed = parse(text, "dump.net");
  const result =
    parsed.value &&
    elaborate(parsed.value, {
      ...(store ? { store } : {}),
      ...(net ? { net } : {}),
      ...(weights ? { weights } : {}),
    });
  if (result?.value) return result.value;
  throw new Error(`${text}\n${JSON.stringify((result ?? parsed).diagnostics, undefined, 2)}`);
}

function expectRoundTrip(module: Module, store: WeightStore | undefined): void {
  const text = printGraph(module);
  const again = read(text, store);
  expect(sameGraph(module, again), text).toBeUndefined();
  expect(verify(again), text).toEqual([]);
  expect(printGraph(again)).toBe(text);
}

const seeds = fc.integer({ min: 0, max: 2 ** 31 - 1 });

test("random graphs are valid, and the same after printing and reading", () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const module = randomModule(seededRandom(seed), { jumps: true });
      expect(verify(module)).toEqual([]);
      expectRoundTrip(module, module.weights);
    }),
    { numRuns: scaled(300) },
  );
});

test("the same for graphs with kernels, odd names and outputs that exchange names", () => {
  fc.assert(
    fc.property(seeds, fc.array(oddName, { minLength: 3, maxLength: 8 }), (seed, names) => {
      const random = seededRandom(seed);
      const module = randomModule(random);
      const graph = withKernels(rename(module.graph, names), () => random.next() < 0.5);
      expectRoundTrip({ ...module, graph }, module.weights);
    }),
    { numRuns: scaled(300) },
  );
});

const oddName = fc.oneof(
  fc.constantFrom(
    "same",
    "valid",
    "true",
    "inf",
    "nan",
    "net",
    "output",
    "N",
    "x.2",
    "a b",
    "conv2d",
    "`",
    "\\",
    "é",
    "0",
  ),
  fc.string({ minLength: 1, maxLength: 6 }),
);

test("the random graphs contain every op", () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 1000; seed += 1)
    for (const node of randomModule(seededRandom(seed), { jumps: true }).graph.nodes.values())
      seen.add(node.op);
  expect(Object.keys(ops).filter((op) => !seen.has(op))).toEqual([]);
});

describe("nets with weights by their origin", () => {
  const path = join(import.meta.dirname, "meaning.txt");
  for (const { name, expected } of parseCases(readFileSync(path, "utf8"), path)) {
    if (expected.startsWith("error") || expected.includes('weights "')) continue;
    test(`${name}, without a store`, () => {
      expectRoundTrip(read(expected), undefined);
    });
  }
});

const examples = join(import.meta.dirname, "../../examples");
const files = readdirSync(examples).filter((name) => name.endsWith(".net"));
describe("examples", () => {
  for (const file of files) {
    const text = readFileSync(join(examples, file), "utf8");
    const nets = (parse(text, file).value?.items ?? []).filter((item) => item.kind === "net");
    for (const { name } of nets) {
      test(`${file}, ${name.text}`, () => {
        const files = { open: (path: string) => openWeightFile(join(examples, path)) };
        const module = read(text, undefined, name.text, files);
        expect(verify(module)).toEqual([]);
        expectRoundTrip(module, module.weights);
      });
    }
  }
});

/** Gives the first nodes the names that are free; outputs are named after the nodes of other outputs. */
function rename(graph: Graph, names: readonly string[]): Graph {
  const taken = new Set([...graph.nodes.values()].map((node) => node.name));
  const fresh = names.filter((name) => !taken.has(name) && taken.add(name));
  const nodes = new Map<NodeId, Node>();
  for (const node of graph.nodes.values()) {
    const name = node.op === "constant" && node.id % 2 === 0 ? undefined : fresh.pop();
    nodes.set(node.id, name === undefined ? node : makeNode({ ...node, name }));
  }
  const own = graph.outputs.map(({ node }) => nodes.get(node)!.name);
  const outputs = graph.outputs.map(({ node }, at) => ({ name: own[(at + 1) % own.length]!, node }));
  return { ...graph, nodes, outputs };
}

/** Puts nodes and their only reader into kernels, as `take` decides. */
function withKernels(graph: Graph, take: () => boolean): Graph {
  const nodes = new Map(graph.nodes);
  const kernels = new Map<string, KernelPlan>();
  const outputs = new Set(graph.outputs.map(({ node }) => node));
  for (const node of [...graph.nodes.values()].toReversed()) {
    if (node.op === "input" || node.op === "constant" || !take()) continue;
    const readers = users(graph).get(node.id) ?? [];
    const reader = readers.length === 1 && !outputs.has(node.id) ? nodes.get(readers[0]!) : undefined;
    const kernel = reader?.kernel ?? `k${kernels.size + 1}`;
    if (!kernels.has(kernel))
      kernels.set(
        kernel,
        makePlan(
          "elementwise",
          kernel === "k1" ? {} : { fusion: "chain", savedBytes: node.id, extraSeconds: 1e-7 },
        ),
      );
    nodes.set(node.id, makeNode({ ...node, kernel }));
  }
  return { ...graph, nodes, kernels };
}
