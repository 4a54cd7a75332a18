// Walks through networks: the values are those of probes, whatever is kept, and few values are computed twice.

import { expect, test } from "vitest";
import type { Samples } from "#calibrate/samples.js";
import { samplesOf } from "#calibrate/samples.js";
import { openProbes, runProbes } from "#calibrate/probes.js";
import { createWalk } from "#calibrate/walk.js";
import { elaborate } from "#elaborate/elaborate.js";
import { parse } from "#grammar/reading/parse.js";
import type { NodeId } from "#ir/graph.js";
import type { Module } from "#ir/weights.js";
import { drawValues } from "#ops/distributions.js";
import { seededRandom } from "#ops/random.js";

/** Branches of two lengths, a shortcut, and an input that is needed late. */
const module = read(`net branched {
  input x: f32[N, 9, 8, 3]
  input late: f32[N, 5]
  a = conv2d(x, filters=4, kernel=3x3, padding=same) |> relu
  b = conv2d(a, filters=6, kernel=1x3, padding=same) |> relu
  c = conv2d(b, filters=4, kernel=3x1, padding=same)
  d = relu(a + c)
  e = max_pool(a, kernel=3x3, stride=1, padding=same)
  f = conv2d(concat(d, e, axis=3), filters=5, kernel=3x3, stride=2) |> relu
  g = dense(global_avg_pool(f), units=5)
  output y = g + late
  output h = f
}`);
const inOrder = ["a", "b", "c", "d", "e", "f", "g", "y"];
const random = seededRandom(2);
const list = Array.from({ length: 4 }, () => ({
  x: drawValues(random, "normal", 9 * 8 * 3),
  late: drawValues(random, "normal", 5),
}));

function read(text: string): Module {
  const { value, diagnostics } = elaborate(parse(text, "n.net").value!);
  if (!value) throw new Error(diagnostics.map(({ message }) => message).join("; "));
  return value;
}

function idOf({ graph }: Module, name: string): NodeId {
  return (
    graph.outputs.find((output) => output.name === name)?.node ??
    [...graph.nodes.values()].find((node) => node.name === name)!.id
  );
}

async function probed(of: Module, id: NodeId): Promise<number[][]> {
  const net = (await openProbes(of, [id])).value!;
  const found: number[][] = [];
  await runProbes([net], samplesOf(list), ([values]) => void found.push([...values!.get(id)!]));
  net.dispose();
  return found;
}

function counted(): Samples & { reads: number } {
  const samples = samplesOf(list);
  const counting = {
    reads: 0,
    count: samples.count,
    read: (index: number) => {
      counting.reads += 1;
      return samples.read(index);
    },
  };
  return counting;
}

test.each([0, 4 * 9 * 8 * 10 * list.length, 2 ** 30])(
  "with %d bytes the values are those of probes",
  async (bytes) => {
    const walk = createWalk(samplesOf(list), { bytes });
    for (const name of inOrder) {
      const id = idOf(module, name);
      const found: number[][] = [];
      const { value } = await walk.values(module, [id], (values, index) => {
        expect(index).toBe(found.length);
        found.push([...values.get(id)!]);
      });
      expect(value).toBe(true);
      expect(found).toEqual(await probed(module, id));
    }
  },
);

test("samples are read again only if an input is needed, or if nothing may be kept", async () => {
  const readsOf = async (bytes: number): Promise<number[]> => {
    const samples = counted();
    const walk = createWalk(samples, { bytes });
    const reads: number[] = [];
    for (const name of inOrder) {
      const before = samples.reads;
      await walk.values(module, [idOf(module, name)], () => {});
      reads.push((samples.reads - before) / list.length);
    }
    return reads;
  };
  expect(await readsOf(2 ** 30)).toEqual([1, 0, 0, 0, 0, 0, 0, 1]);
  expect(await readsOf(0)).toEqual(inOrder.map(() => 1));
});

test("a value before the frontier is computed from the inputs", async () => {
  const walk = createWalk(samplesOf(list), { bytes: 2 ** 30 });
  await walk.values(module, [idOf(module, "f")], () => {});
  const [a, found] = [idOf(module, "b"), [] as number[][]];
  await walk.values(module, [a], (values) => void found.push([...values.get(a)!]));
  expect(found).toEqual(await probed(module, a));
});

test("values that are not settled may change", async () => {
  // The constants of the second module have other seeds from `c` on.
  const text = (scale: string): string => `net changing {
    input x: f32[1, 6, 6, 2]
    a = conv2d(x, filters=3, kernel=3x3, padding=same) |> relu
    b = conv2d(a, filters=3, kernel=3x3, padding=same)
    c = a * ${scale}
    d = relu(b + c)
    output d
  }`;
  const [before, after] = [read(text("2")), read(text("3"))];
  const walk = createWalk(samplesOf(list.map(({ x }) => ({ x: x.subarray(0, 72) }))), { bytes: 2 ** 30 });
  const seen: number[] = [];
  const ids = (of: Module, ...names: string[]): NodeId[] => names.map((name) => idOf(of, name));
  await walk.values(before, ids(before, "a", "c"), () => {}, ids(before, "a"));
  const [d = 0, a = 0] = ids(after, "d", "a");
  let [x, wanted] = [0, 0];
  await walk.values(after, [d, a], (values) => {
    [x, wanted] = [values.get(a)!.findIndex((value) => value > 0.1), 0];
    seen.push(values.get(d)![x]!);
  });
  const net = (await openProbes(after, [d])).value!;
  wanted = (await net.run({ x: list.at(-1)!.x.subarray(0, 72) })).get(d)![x]!;
  expect(seen.at(-1)).toBe(wanted);
  net.dispose();
});
