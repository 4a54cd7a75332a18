// Modules that are written while their weights are packed: piece by piece, the same bytes as in memory, all files or none.

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Module } from "../../src/index.js";
import { elaborate, emit, optimize, parse } from "../../src/index.js";
import { writeModule } from "../../src/node/index.js";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cleave-write-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Weights of several layouts: a convolution with a batch norm, a depthwise convolution, a dense layer much larger than both. */
const text = `net layers {
  input image: f32[1, 8, 8, 3]
  x = conv2d(image, filters=24, kernel=3x3, padding=same, bias=false) |> batch_norm |> relu6
  x = depthwise_conv2d(x, kernel=3x3, padding=same)
  x = conv2d(x, filters=50, kernel=1x1) |> relu
  output logits = x |> reshape(shape=[1, 3200]) |> dense(units=40)
}
`;

function modelOf(source: string): Module {
  const model = elaborate(parse(source, "layers.net").value!).value!;
  return optimize(model, { verify: true }).value!.module;
}

const layers = modelOf(text);
const packedName = "layers.packed.safetensors";
const names = ["layers.d.mts", "layers.d.ts", "layers.mjs", packedName];

test("the files are those of the artifact in memory", async () => {
  const whole = emit(layers);
  const { value, diagnostics } = writeModule(layers, folder);
  expect(diagnostics).toEqual([]);
  expect(readdirSync(folder).toSorted()).toEqual(names);
  expect(Buffer.compare(readFileSync(join(folder, packedName)), whole.weights!)).toBe(0);
  expect(readFileSync(join(folder, "layers.mjs"), "utf8")).toBe(whole.module);
  expect(value!.artifact).toEqual({ ...whole, weights: undefined });
  expect(value!.files.map((file) => [file.path, file.bytes]).toSorted()).toEqual(
    names.map((name) => [join(folder, name), readFileSync(join(folder, name)).length]),
  );
  const { load } = await import(pathToFileURL(join(folder, "layers.mjs")).href);
  expect((await load()).runSync({ image: new Float32Array(192) }).logits).toHaveLength(40);
});

test("weights come in small pieces, in order and without gaps, the header last", () => {
  let length = 0;
  let next = -1;
  let largest = 0;
  const starts: number[] = [];
  emit(layers, {
    packedInto: {
      open: (bytes) => void (length = bytes),
      write: (at, bytes) => {
        starts.push(at);
        if (at === 0) expect(next).toBe(length);
        else if (next >= 0) expect(at).toBe(next);
        next = at + bytes.length;
        largest = Math.max(largest, bytes.length);
      },
    },
  });
  expect(starts.indexOf(0)).toBe(starts.length - 1);
  // The dense layer is nearly all of the file.
  expect(length).toBeGreaterThan(3200 * 40 * 4);
  expect(largest).toBeLessThan(length / 2);
});

test("progress is given in bytes, up to all of them", () => {
  const told: [number, number][] = [];
  const { value } = writeModule(layers, folder, { onPacked: (done, all) => told.push([done, all]) });
  const bytes = value!.artifact.weightBytes;
  expect(told.map(([done]) => done)).toEqual(told.map(([done]) => done).toSorted((a, b) => a - b));
  expect(told.at(-1)).toEqual([bytes, bytes]);
});

test("embedded weights, and nets without weights, make no file of weights", () => {
  writeModule(layers, folder, { embedWeights: true });
  expect(readdirSync(folder)).not.toContain(packedName);
  const bare = modelOf("net bare {\n  input x: f32[1, 4]\n  output y = relu(x)\n}\n");
  expect(writeModule(bare, folder).value!.files).toHaveLength(3);
  expect(readdirSync(folder).filter((name) => name.includes("packed"))).toEqual([]);
});

describe("all or none", () => {
  const old = (): void => {
    for (const name of names) writeFileSync(join(folder, name), `old ${name}`);
  };
  const expectOld = (): void => {
    for (const name of names) expect(readFileSync(join(folder, name), "utf8")).toBe(`old ${name}`);
    expect(readdirSync(folder).toSorted()).toEqual(names);
  };

  test("an input is never overwritten, and nothing is packed for it", () => {
    old();
    const { value, diagnostics } = writeModule(layers, folder, {
      inputs: [join(folder, packedName)],
      onPacked: () => expect.unreachable(),
    });
    expect(value).toBeUndefined();
    expect(diagnostics[0]).toMatchObject({ code: "output-is-input" });
    expectOld();
  });

  test("a file that cannot be made is an error", () => {
    for (const name of names.slice(0, -1)) writeFileSync(join(folder, name), `old ${name}`);
    mkdirSync(join(folder, packedName));
    expect(writeModule(layers, folder).diagnostics[0]).toMatchObject({ code: "cannot-write" });
    for (const name of names.slice(0, -1))
      expect(readFileSync(join(folder, name), "utf8")).toBe(`old ${name}`);
    expect(readdirSync(folder).toSorted()).toEqual(names);
  });

  test("the exception of a weight that cannot be computed is passed on, and the old files stay", () => {
    old();
    const broken: Module = {
      graph: layers.graph,
      weights: {
        ...layers.weights,
        readF32: (id, into) => {
          if (id.includes("dense")) throw new Error("a.safetensors was changed");
          return layers.weights.readF32(id, into);
        },
      },
    };
    expect(() => writeModule(broken, folder)).toThrow("a.safetensors was changed");
    expectOld();
  });

  test("a path that is a file is an error", () => {
    writeFileSync(join(folder, "file"), "");
    expect(writeModule(layers, join(folder, "file")).diagnostics[0]).toMatchObject({ code: "cannot-write" });
    expect(existsSync(join(folder, "file"))).toBe(true);
  });
});
