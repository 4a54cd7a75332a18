// Published models: each is imported whole, and every output agrees with the model's own runtime.

import { expect } from "vitest";
import { compile } from "#compile/compile.js";
import { load } from "#compile/load.js";
import { greatest } from "#diagnostic/extremes.js";
import { interpret } from "#interpret/interpret.js";
import { inputNodes, nodeOf } from "#ir/graph.js";
import { tensor } from "#ir/tensor.js";
import { elements, printType } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { cases } from "../cases.js";
import type { Given } from "./peers.js";
import { peerResults } from "./peers.js";
import { readPublished, strokes } from "./published.js";

/**
 * What an output may differ by, as a part of its largest value: up to 150 layers of f32 on both sides. Where it differs by more, as behind
 * a sigmoid of large values, ours may be four times as far from the interpreter's float64 as the runtime's is: both round at random.
 */
const tolerance = 1e-3;
const slow = 300_000;

/** Peaks picked by comparing neighbours: where two nearly tie, one runtime has the value and the other 0. One element in so many may be such. */
const ties = 500;

// A case names a file in node_modules, and then its open sizes, ranges of inputs where 0 to 1 means nothing to the model, and `peaks=` an
// output that is chosen by comparisons.
cases(
  import.meta.dirname,
  "runtimes.txt",
  async (input) => {
    const { path, model, settings } = readPublished(input);
    const { graph } = model;
    const runs = [1, 2].map((seed) =>
      inputNodes(graph).map((node): Given => {
        const shape = graph.batch === undefined ? node.type.shape : [3, ...node.type.shape.slice(1)];
        const [low = 0, high = 1] = (settings.get(node.name) ?? "0..1").split("..").map(Number);
        return { name: node.name, shape, data: strokes(elements(shape), low, high, seed) };
      }),
    );
    // Rows of no fixed number are as many as there can be, and a further output counts them.
    const isCount = (name: string): boolean =>
      name.endsWith("_count") && graph.outputs.some((one) => `${one.name}_count` === name);
    const names = graph.outputs.map(({ name }) => name).filter((name) => !isCount(name));
    const wanted = await peerResults(path, runs, names);
    const artifact = compile(model).value!;
    const net = await load(artifact);
    for (const [at, given] of runs.entries()) {
      const actual = await net.run(Object.fromEntries(given.map(({ name, data }) => [name, data])));
      expect(wanted[at]).toHaveLength(names.length);
      for (const [which, name] of names.entries()) {
        const theirs = wanted[at]![which]!;
        const rows = actual[`${name}_count`]?.[0];
        const shape = nodeOf(graph, graph.outputs.find((one) => one.name === name)!.node).type.shape;
        const ours =
          rows === undefined
            ? actual[name]!
            : actual[name]!.subarray(0, (rows * elements(shape)) / shape[0]!);
        const off = offBy(ours, theirs);
        if (off.length === 0) continue;
        if (settings.get("peaks") === name) {
          expect(off.length, name).toBeLessThanOrEqual(ours.length / ties);
          continue;
        }
        const exact = interpretSamples(model, given, name);
        expect(
          offBy(ours, theirs, exact),
          `${name} is further from the interpreter than the runtime is`,
        ).toEqual([]);
      }
    }
    net.dispose();
    return graph.outputs
      .map(({ name, node }) => `${name} ${printType(nodeOf(graph, node).type, graph.batch)}`)
      .join("\n");
  },
  slow,
);

/**
 * Where an output differs by more than the tolerance, of another length everywhere. With `exact`, where it does and is further from that than
 * the other: a difference is the runtime's if ours is right.
 */
function offBy(ours: ArrayLike<number>, theirs: ArrayLike<number>, exact?: ArrayLike<number>): number[] {
  if (ours.length !== theirs.length) return [-1];
  const allowed =
    tolerance * greatest(Array.from(theirs, (one) => (Number.isFinite(one) ? Math.abs(one) : 0)));
  const worst = exact && 4 * greatest(Array.from(exact, (one, at) => Math.abs(one - theirs[at]!)));
  return Array.from({ length: ours.length }, (_, at) => at).filter((at) => {
    const [a, b] = [ours[at]!, theirs[at]!];
    if (Object.is(a, b) || Math.abs(a - b) <= allowed) return false;
    return worst === undefined || !(Math.abs(a - exact![at]!) <= worst);
  });
}

/** What the interpreter makes of an output, sample by sample. */
function interpretSamples(model: Module, given: readonly Given[], output: string): Float64Array {
  const samples = model.graph.batch === undefined ? 1 : given[0]!.shape[0]!;
  const parts = Array.from({ length: samples }, (_, sample) => {
    const inputs = given.map(({ name, shape, data }) => {
      const own = model.graph.batch === undefined ? shape : [1, ...shape.slice(1)];
      const start = sample * elements(own);
      return [name, tensor(own, (at) => data[start + at]!)] as const;
    });
    return [...interpret(model, new Map(inputs)).get(output)!.data];
  });
  return Float64Array.from(parts.flat());
}
