// Probed values against the interpreter's, for random nets and for nets cut in the middle.

import { describe, expect, test } from "vitest";
import type { Samples } from "#calibrate/samples.js";
import { samplesOf } from "#calibrate/samples.js";
import { probeModule } from "#calibrate/probe-module.js";
import { openProbes, runProbes } from "#calibrate/probes.js";
import { optimize } from "#compile/optimize.js";
import { elaborate } from "#elaborate/elaborate.js";
import { parse } from "#grammar/reading/parse.js";
import { interpretAll } from "#interpret/interpret.js";
import { firstDifference, longestReduction } from "#interpret/tolerance.js";
import type { Graph, NodeId } from "#ir/graph.js";
import { inputNodes } from "#ir/graph.js";
import { tensor } from "#ir/tensor.js";
import { elements } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { drawValues } from "#ops/distributions.js";
import type { Random } from "#ops/random.js";
import { seededRandom } from "#ops/random.js";
import { verify } from "#ops/verify.js";
import { randomModule } from "../random-graph.js";
import { seedsFor } from "../scale.js";

function moduleOf(text: string): Module {
  return elaborate(parse(text, "test.net").value!).value!;
}

function nodeNamed(graph: Graph, name: string): NodeId {
  return [...graph.nodes.values()].find((node) => node.name === name)!.id;
}

function drawSample(graph: Graph, random: Random): Record<string, Float32Array> {
  return Object.fromEntries(
    inputNodes(graph).map((node) => [node.name, drawValues(random, "normal", elements(node.type.shape))]),
  );
}

/** All values of a graph, by the interpreter. */
function interpreted(module: Module, sample: Record<string, Float32Array>) {
  const inputs = inputNodes(module.graph).map(
    ({ name, type }) => [name, tensor(type.shape, (at) => sample[name]![at]!)] as const,
  );
  return interpretAll(module, new Map(inputs));
}

/** Probes nodes, and compares their values on some samples with the interpreter's. */
async function checkTaps(module: Module, values: readonly NodeId[], seed: number): Promise<void> {
  const { value: probes, diagnostics } = await openProbes(module, values);
  expect(diagnostics).toEqual([]);
  const random = seededRandom(seed);
  const list = [drawSample(module.graph, random), drawSample(module.graph, random)];
  const longest = longestReduction(module);
  let runs = 0;
  await runProbes([probes!], samplesOf(list), ([found], index) => {
    const wanted = interpreted(module, list[index]!);
    expect([...found!.keys()]).toEqual([...new Set(values)]);
    for (const [id, actual] of found!) {
      const reference = wanted.get(id)!.data;
      const at = firstDifference(actual, reference, longest);
      if (at >= 0) expect.fail(`${module.graph.nodes.get(id)!.name}: ${actual[at]}, not ${reference[at]}`);
    }
    runs += 1;
  });
  probes!.dispose();
  expect(runs).toBe(2);
}

test.each(seedsFor(12).map((seed) => seed + 1))("all values of random net %d", async (seed) => {
  const module = randomModule(seededRandom(seed));
  const ids = [...module.graph.nodes.values()].filter(({ op }) => op !== "constant").map(({ id }) => id);
  await checkTaps(module, ids, seed);
});

const residual = moduleOf(`net residual {
  input image: f32[N, 8, 8, 3]
  input other: f32[N, 4]
  c = conv2d(image, filters=8, kernel=3x3, padding=same)
  n = batch_norm(c)
  a = relu(n)
  d = depthwise_conv2d(a, kernel=3x3, padding=same)
  e = conv2d(d, filters=8, kernel=1x1)
  f = relu(e + a)
  g = f |> global_avg_pool |> dense(units=4)
  output y = g + other
  output z = other * 2
}`);

describe("values inside kernels, and values that passes fold", () => {
  test.each([
    ["c"],
    ["n"],
    ["c.conv2d.kernel", "c"],
    ["c", "a"],
    ["d"],
    ["e"],
    ["d", "f"],
    ["image", "f"],
    ["y", "e", "e"],
  ])("%s", async (...names) => {
    const values = names.map((name) => nodeNamed(residual.graph, name));
    await checkTaps(residual, values, 1);
  });

  test("of a graph whose kernels are fused", async () => {
    const { module } = optimize(residual).value!;
    expect(module.graph.kernels.size).toBeGreaterThan(0);
    await checkTaps(
      module,
      ["d", "e", "f"].map((name) => nodeNamed(module.graph, name)),
      2,
    );
  });
});

describe("probeModule", () => {
  test("leaves out nodes that are not needed, and is valid", () => {
    const probed = probeModule(residual, [nodeNamed(residual.graph, "d")]);
    expect(verify(probed)).toEqual([]);
    expect(inputNodes(probed.graph).map(({ name }) => name)).toEqual(["image"]);
    expect(probed.graph.outputs.map(({ name }) => name)).toEqual(["d"]);
    const names = [...probed.graph.nodes.values()].map(({ name }) => name);
    for (const gone of ["e", "f", "y", "z", "other"]) expect(names).not.toContain(gone);
    expect(probed.graph.batch).toBeUndefined();
  });

  test("does not change the original module", () => {
    const before = JSON.stringify([...residual.graph.nodes.values()]);
    probeModule(residual, [nodeNamed(residual.graph, "f")], [nodeNamed(residual.graph, "d")]);
    expect(JSON.stringify([...residual.graph.nodes.values()])).toBe(before);
  });
});

test("a net that starts in the middle", async () => {
  const { graph } = residual;
  const [a, d, f] = ["a", "d", "f"].map((name) => nodeNamed(graph, name));
  const { value: probes } = await openProbes(residual, [f!, d!], { from: [a!, d!] });
  expect(probes!.inputs).toMatchObject([
    { name: "a", shape: [1, 8, 8, 8], dtype: "f32" },
    { name: "d", shape: [1, 8, 8, 8], dtype: "f32", picture: { layout: "nhwc" } },
  ]);
  const sample = drawSample(graph, seededRandom(3));
  const whole = interpreted(residual, sample);
  const values = await probes!.run({
    a: Float32Array.from(whole.get(a!)!.data),
    d: Float32Array.from(whole.get(d!)!.data),
  });
  expect(firstDifference(values.get(f!)!, whole.get(f!)!.data, longestReduction(residual))).toBe(-1);
  expect(values.get(d!)).toEqual(Float32Array.from(whole.get(d!)!.data));
  probes!.dispose();
});

describe("runProbes", () => {
  const values = [nodeNamed(residual.graph, "f")];

  test("two nets together, in order, with progress", async () => {
    const one = (await openProbes(residual, values)).value!;
    const two = (await openProbes(residual, values)).value!;
    const random = seededRandom(4);
    const list = Array.from({ length: 3 }, () => drawSample(residual.graph, random));
    const seen: number[] = [];
    const told: string[] = [];
    await runProbes(
      [one, two],
      samplesOf(list),
      ([first, second], index) => {
        seen.push(index);
        expect(first!.get(values[0]!)).toEqual(second!.get(values[0]!));
      },
      ({ stage, done, all }) => told.push(`${stage} ${done}/${all}`),
    );
    expect(seen).toEqual([0, 1, 2]);
    expect(told).toEqual(["running samples 1/3", "running samples 2/3", "running samples 3/3"]);
    for (const net of [one, two]) net.dispose();
  });

  test("threads change no bit", async () => {
    const large = moduleOf(`net large {
      input x: f32[1, 64, 64, 16]
      c = conv2d(x, filters=64, kernel=5x5, padding=same)
      output y = relu(c)
    }`);
    const probed = [nodeNamed(large.graph, "c")];
    const one = (await openProbes(large, probed)).value!;
    const two = (await openProbes(large, probed, { threads: 2 })).value!;
    expect([one.threads, two.threads]).toEqual([1, 2]);
    const random = seededRandom(7);
    const list = [drawSample(large.graph, random), drawSample(large.graph, random)];
    await runProbes([one, two], samplesOf(list), ([first, second]) => {
      expect(second!.get(probed[0]!)).toEqual(first!.get(probed[0]!));
    });
    for (const net of [one, two]) net.dispose();
  });

  test("memory is that of one sample: arrays are reused, and no sample is read far ahead", async () => {
    const probes = (await openProbes(residual, values)).value!;
    const random = seededRandom(5);
    let read = 0;
    const samples: Samples = {
      count: 6,
      read: async () => {
        read += 1;
        return drawSample(residual.graph, random);
      },
    };
    const arrays = new Set<Float32Array>();
    await runProbes([probes], samples, ([found], index) => {
      arrays.add(found!.get(values[0]!)!);
      expect(read).toBeLessThanOrEqual(index + 2);
    });
    expect([arrays.size, read]).toEqual([1, 6]);
    probes.dispose();
  });

  test("a sample that cannot be read, and one that lacks an input", async () => {
    const probes = (await openProbes(residual, values)).value!;
    const broken: Samples = {
      count: 2,
      read: async (index) => {
        if (index === 1) throw new Error("gone");
        return drawSample(residual.graph, seededRandom(6));
      },
    };
    await expect(runProbes([probes], broken, () => {})).rejects.toThrow("gone");
    await expect(probes.run({})).rejects.toThrow("a sample has no values for image");
    probes.dispose();
  });
});

describe("lanes", () => {
  const wide = moduleOf(`net wide {
    input x: f32[1, 24, 24, 16]
    a = conv2d(x, filters=24, kernel=3x3, padding=same) |> relu
    output y = conv2d(a, filters=16, kernel=1x1)
  }`);
  const [a, y] = ["a", "y"].map((name) => nodeNamed(wide.graph, name));
  const random = seededRandom(8);
  const list = Array.from({ length: 7 }, () => drawSample(wide.graph, random));

  test("give each sample's values in order, and the values stay valid while they are used", async () => {
    const plain = await openProbes(wide, [y!, a!]);
    const wanted: Float32Array[][] = [];
    await runProbes([plain.value!], samplesOf(list), ([found]) => {
      wanted.push([...found!.values()].map((one) => one.slice()));
    });
    const laned = await openProbes(wide, [y!, a!], { threads: 3, lanes: true });
    expect([laned.value!.lanes, laned.value!.threads]).toEqual([3, 3]);
    // Later samples are read faster than those before them.
    const samples: Samples = {
      count: list.length,
      read: async (index) => {
        await new Promise((resolve) => setTimeout(resolve, 4 * (list.length - index)));
        return list[index]!;
      },
    };
    const seen: number[] = [];
    // Together with a net of one lane, all samples run in one lane.
    for (const nets of [[laned.value!], [laned.value!, plain.value!]]) {
      seen.length = 0;
      await runProbes(nets, samples, async (values, index) => {
        seen.push(index);
        await new Promise((resolve) => setTimeout(resolve, 3));
        for (const found of values) expect([...found.values()]).toEqual(wanted[index]);
      });
      expect(seen).toEqual(list.map((_, index) => index));
    }
    laned.value!.dispose();
    plain.value!.dispose();
  });

  test("are not opened for nets that take less time than a message to a worker", async () => {
    const { value } = await openProbes(residual, [nodeNamed(residual.graph, "f")], {
      threads: 3,
      lanes: true,
    });
    expect([value!.lanes, value!.threads]).toEqual([1, 1]);
    value!.dispose();
  });

  test("a sample that cannot be read ends the run, but not the process", async () => {
    const { value } = await openProbes(wide, [y!], { threads: 2, lanes: true });
    const broken: Samples = {
      count: 5,
      read: async (index) => (index === 1 ? Promise.reject(new Error("gone")) : list[index]!),
    };
    const seen: number[] = [];
    const running = runProbes([value!], broken, (_, index) => void seen.push(index));
    await expect(running).rejects.toThrow("gone");
    expect(seen).toEqual([0]);
    value!.dispose();
  });
});
