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
    // An open batch has three samples, so one run of it is enough.
    const runs = (graph.batch === undefined ? [1, 2] : [1]).map((seed) =>
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
    const exactly = runs.map((given) => interpreted(model, given));
    const artifact = compile(model).value!;
    const net = await load(artifact);
    let compared = 0;
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
        compared += ours.length;
        const off = offBy(ours, theirs);
        if (off.length === 0) continue;
        if (settings.get("peaks") === name) {
          expect(off.length, name).toBeLessThanOrEqual(ours.length / ties);
          continue;
        }
        expect(
          furtherOff(exactly[at]!, samplesOf(model, given), name, off, ours, theirs),
          `${name} is further from the interpreter than the runtime is`,
        ).toEqual([]);
      }
    }
    net.dispose();
    expect(compared).toBeGreaterThan(0);
    return graph.outputs
      .map(({ name, node }) => `${name} ${printType(nodeOf(graph, node).type, graph.batch)}`)
      .join("\n");
  },
  slow,
);

/** Where an output differs by more than the tolerance, of another length everywhere. */
function offBy(ours: ArrayLike<number>, theirs: ArrayLike<number>): number[] {
  if (ours.length !== theirs.length) return [-1];
  const allowed =
    tolerance * greatest(Array.from(theirs, (one) => (Number.isFinite(one) ? Math.abs(one) : 0)));
  return Array.from({ length: ours.length }, (_, at) => at).filter((at) => {
    const [a, b] = [ours[at]!, theirs[at]!];
    return !(Object.is(a, b) || Math.abs(a - b) <= allowed);
  });
}

/**
 * Where ours is further from the interpreter than the runtime's is anywhere in that sample: a difference is the runtime's if ours is right.
 * Only the samples of elements that are off are interpreted, which takes much longer than all else.
 */
function furtherOff(
  exactly: Interpreted,
  samples: number,
  output: string,
  off: readonly number[],
  ours: ArrayLike<number>,
  theirs: ArrayLike<number>,
): number[] {
  if (off[0] === -1) return [-1];
  const size = ours.length / samples;
  const sampleOf = (at: number): number => Math.floor(at / size);
  return [...new Set(off.map(sampleOf))].flatMap((sample) => {
    const exact = exactly(sample).get(output)!.data;
    const from = sample * size;
    const worst =
      4 * greatest(Array.from({ length: size }, (_, at) => Math.abs(exact[at]! - theirs[from + at]!)));
    return off.filter((at) => sampleOf(at) === sample && !(Math.abs(ours[at]! - exact[at - from]!) <= worst));
  });
}

/** The samples of a run: one, unless the batch is open. */
const samplesOf = (model: Module, given: readonly Given[]): number =>
  model.graph.batch === undefined ? 1 : given[0]!.shape[0]!;

type Interpreted = (sample: number) => ReturnType<typeof interpret>;

/** What the interpreter makes of one sample of a run: all outputs, computed when they are first needed. */
function interpreted(model: Module, given: readonly Given[]): Interpreted {
  const known = new Map<number, ReturnType<typeof interpret>>();
  return (sample) => {
    const before = known.get(sample);
    if (before) return before;
    const inputs = given.map(({ name, shape, data }) => {
      const own = model.graph.batch === undefined ? shape : [1, ...shape.slice(1)];
      const start = sample * elements(own);
      return [name, tensor(own, (at) => data[start + at]!)] as const;
    });
    const results = interpret(model, new Map(inputs));
    known.set(sample, results);
    return results;
  };
}
