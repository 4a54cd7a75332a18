// The host part of emitted modules: weights from anywhere, checked inputs, samples, outputs.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { runInNewContext } from "node:vm";
import { afterAll, describe, expect, test } from "vitest";
import { emitJs } from "#backend/js/emit.js";
import type { JsModule } from "#runtime/js.js";
import { addToHash, endHash, hashBytes, startHash } from "#runtime/hash.js";
import { loadJs } from "#runtime/js.js";
import type { LoadOptions, Net } from "#runtime/types.js";
import { smallProgram } from "../backend/programs.js";

const folder = mkdtempSync(join(tmpdir(), "cleave-runtime-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const { weights: packed } = emitJs(smallProgram(), { version: "0.0.0" });
const file = packed!;
writeFileSync(join(folder, "small.packed.safetensors"), file);
const data = file.slice(-20);

/** The module of y = 2·x + w, as an emitted one would give it to the runtime. */
function module(more: Partial<JsModule> = {}, batch?: string): JsModule {
  return {
    model: {
      name: "small",
      inputs: [{ name: "x", shape: [1, 4], offset: 0 }],
      outputs: [{ name: "y", shape: [1, 4], offset: 4 }],
      ...(batch === undefined ? {} : { batch }),
      arena: 8,
      scratch: 0,
      prepared: 0,
      weights: { file: "small.packed.safetensors", elements: 5, hash: hashBytes(data) },
    },
    setup: [],
    launches: [
      [
        function affine(arena, weights, _prepared, _scratch, _table, x = 0, w = 0, y = 0) {
          for (let i = 0; i < 4; i += 1) arena[y + i] = 2 * arena[x + i]! + weights[w + i]!;
        },
        [0, 0, 4],
        "h → y",
        4,
      ],
    ],
    table: [],
    file: () => pathToFileURL(join(folder, "small.packed.safetensors")),
    ...more,
  };
}

function sharedCopy(bytes: Uint8Array): ArrayBuffer {
  const shared = new SharedArrayBuffer(bytes.length);
  new Uint8Array(shared).set(bytes);
  return shared as unknown as ArrayBuffer;
}

const x = Float32Array.of(1, 2, 3, 4);
const y = [12, 24, 36, 48];
const loadSmall = (options: LoadOptions = {}, batch?: string): Promise<Net> =>
  loadJs(module({}, batch), options);
const result = async (options: LoadOptions): Promise<number[]> => [
  ...(await loadSmall(options)).runSync({ x })["y"]!,
];

describe("weights", () => {
  test.each<[string, LoadOptions]>([
    ["beside the module", {}],
    ["a relative URL", { weights: "./small.packed.safetensors" }],
    ["a URL object", { weights: pathToFileURL(join(folder, "small.packed.safetensors")) }],
    ["a Uint8Array", { weights: file }],
    ["an ArrayBuffer", { weights: file.slice().buffer }],
    ["shared memory", { weights: sharedCopy(file) }],
    ["a view that is not aligned", { weights: Uint8Array.of(0, ...file).subarray(1) }],
    [
      "a buffer of another realm",
      { weights: runInNewContext("bytes => Uint8Array.from(bytes).buffer")(file) },
    ],
  ])("%s", async (_name, options) => {
    expect(await result(options)).toEqual(y);
  });

  test("over http, and the status when it fails", async () => {
    const server = createServer((request, response) => {
      response.statusCode = request.url === "/w" ? 200 : 404;
      response.end(request.url === "/w" ? file : "no");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      expect(await result({ weights: `${base}/w` })).toEqual(y);
      await expect(loadSmall({ weights: `${base}/v` })).rejects.toThrow(
        /^small: cannot read the weights .*\/v: 404/,
      );
    } finally {
      server.close();
    }
  });

  test("embedded in base64, of any length", async () => {
    for (let length = 4; length <= 20; length += 4) {
      const bytes = data.slice(0, length);
      const model = { ...module().model };
      const weights = { ...model.weights, elements: length / 4, hash: hashBytes(bytes) };
      const embedded = Buffer.from(bytes).toString("base64");
      const net = await loadJs(module({ model: { ...model, weights }, embedded }));
      expect(net.runSync({ x })["y"]!.slice(0, length / 4 > 4 ? 4 : length / 4)).toEqual(
        Float32Array.from(y.slice(0, length / 4)),
      );
    }
  });

  const flipped = file.slice();
  flipped[flipped.length - 1]! ^= 0x80;
  const shorter = emitJs(smallProgram({ weights: smallProgram().weights.slice(0, 1) }), { version: "0.0.0" });
  const badHeader = file.slice();
  badHeader.fill(0x41, 8, 20);
  const noTensor = new TextEncoder().encode(`\u0002${"\0".repeat(7)}{}`);
  test.each<[string, LoadOptions["weights"], RegExp]>([
    ["of another net", shorter.weights, /holds 16 bytes of data, and 20 are needed/],
    ["with one bit changed", flipped, /have hash [0-9a-f]{16}, but this module was compiled with/],
    ["cut in the data", file.slice(0, -4), /bytes of data/],
    ["cut in the header", file.slice(0, 40), /its header is cut off/],
    ["of three bytes", file.slice(0, 3), /it has 3 bytes/],
    ["with a header that is not JSON", badHeader, /its header is not JSON/],
    ["without the tensor", noTensor, /it has no tensor "packed"/],
    [
      "that is not a file",
      "nowhere.safetensors",
      /^small: cannot read the weights file:.*nowhere\.safetensors: ENOENT/,
    ],
    ["of a wrong type", 3 as never, /load takes weights as a URL, a Request, .*, not Number/],
  ])("%s are refused", async (_name, weights, message) => {
    await expect(loadSmall(weights === undefined ? {} : { weights })).rejects.toThrow(message);
  });

  test("that cannot be found beside a data: module say what to do", async () => {
    await expect(
      loadJs(module({ file: () => new URL("./small.packed.safetensors", "data:text/javascript,0") })),
    ).rejects.toThrow(
      /cannot find small\.packed\.safetensors beside this module, which has no address; pass load\(\{ weights \}\)/,
    );
  });
});

describe("hash", () => {
  test("changes with every single bit, and with the order of values", () => {
    const bytes = Uint8Array.from({ length: 64 }, (_, k) => k * 7);
    const seen = new Set([hashBytes(bytes)]);
    for (let bit = 0; bit < 512; bit += 1) {
      const changed = bytes.slice();
      changed[bit >> 3]! ^= 1 << (bit & 7);
      seen.add(hashBytes(changed));
    }
    const signs = bytes.slice();
    signs[3]! ^= 0x80;
    signs[11]! ^= 0x80;
    seen.add(hashBytes(signs));
    seen.add(hashBytes(bytes.slice(0, 60)));
    expect(seen.size).toBe(515);
  });

  test("is the same in pieces of any number of words", () => {
    const bytes = Uint8Array.from({ length: 4 * 13 }, (_, k) => k * 7);
    for (let first = 0; first <= bytes.length; first += 4) {
      for (let second = first; second <= bytes.length; second += 4) {
        const state = startHash();
        for (const [from, to] of [
          [0, first],
          [first, second],
          [second, bytes.length],
        ] as const)
          addToHash(state, bytes.subarray(from, to));
        expect(endHash(state)).toBe(hashBytes(bytes));
      }
    }
  });

  test("is that of the bytes, wherever they lie", () => {
    const bytes = Uint8Array.from({ length: 16 }, (_, k) => k);
    expect(hashBytes(Uint8Array.of(9, ...bytes).subarray(1))).toBe(hashBytes(bytes));
  });
});

describe("run", () => {
  test.each<[string, object, RegExp]>([
    ["a wrong name", { image: x }, /small has no input "image"; it has "x"/],
    ["a missing input", {}, /input "x" must be a Float32Array of 4 values, \[1, 4\]; it is missing/],
    ["a wrong type", { x: [1, 2, 3, 4] }, /must be a Float32Array of 4 values, \[1, 4\], not Array/],
    ["doubles", { x: new Float64Array(4) }, /not Float64Array/],
    ["null", { x: null }, /not null/],
    ["too few values", { x: x.slice(1) }, /\[1, 4\]; this one has 3/],
    ["two samples, where the batch is not open", { x: new Float32Array(8) }, /this one has 8/],
  ])("%s is a TypeError", async (_name, inputs, message) => {
    const net = await loadSmall();
    expect(() => net.runSync(inputs as never)).toThrow(TypeError);
    expect(() => net.runSync(inputs as never)).toThrow(message);
    await expect(net.run(inputs as never)).rejects.toThrow(message);
  });

  test("no inputs at all is a TypeError", async () => {
    const net = await loadSmall();
    expect(() => net.runSync(undefined as never)).toThrow(/run takes an object with the inputs "x"/);
  });

  test("takes arrays of another realm", async () => {
    const foreign = runInNewContext("values => Float32Array.from(values)")([...x]) as Float32Array;
    expect([...(await loadSmall()).runSync({ x: foreign })["y"]!]).toEqual(y);
  });

  test("writes into the arrays given, and allocates the rest", async () => {
    const net = await loadSmall();
    const own = new Float32Array(4);
    expect(net.runSync({ x }, { into: { y: own } })["y"]).toBe(own);
    expect([...own]).toEqual(y);
    expect(net.runSync({ x }, { into: {} })["y"]).not.toBe(own);
    expect(() => net.runSync({ x }, { into: { z: own } })).toThrow(/no output "z"/);
    expect(() => net.runSync({ x }, { into: { y: new Float32Array(3) } })).toThrow(/output "y" must be/);
  });

  test("results do not change when the net runs again", async () => {
    const net = await loadSmall();
    const first = net.runSync({ x })["y"]!;
    net.runSync({ x: new Float32Array(4) });
    expect([...first]).toEqual(y);
  });

  test("loops over the samples of an open batch", async () => {
    const net = await loadSmall({}, "N");
    expect(net.inputs).toEqual({ x: ["N", 4] });
    expect([...net.runSync({ x: Float32Array.of(1, 2, 3, 4, 0, 0, 0, 1) })["y"]!]).toEqual([
      ...y,
      10,
      20,
      30,
      42,
    ]);
    expect(() => net.runSync({ x: new Float32Array(6) })).toThrow(
      /a Float32Array of N × 4 values, \[N, 4\]; this one has 6/,
    );
    expect(() => net.runSync({ x: new Float32Array(0) })).toThrow(/this one has 0/);
    expect(() => net.runSync({ x: new Float32Array(8) }, { into: { y: new Float32Array(4) } })).toThrow(
      /has room for 4 values, but 2 samples make 8/,
    );
  });

  test("inputs with different numbers of samples clash", async () => {
    const { model, ...rest } = module({}, "N");
    const inputs = [...model.inputs, { name: "z", shape: [1, 2], offset: 0 }];
    const net = await loadJs({ ...rest, model: { ...model, inputs } });
    expect(() => net.runSync({ x: new Float32Array(8), z: new Float32Array(2) })).toThrow(
      /input "z" holds 1 samples, but "x" holds 2/,
    );
  });

  test("after dispose is an error", async () => {
    const net = await loadSmall();
    net.dispose();
    expect(() => net.runSync({ x })).toThrow(/small: run after dispose/);
    await expect(net.run({ x })).rejects.toThrow(/run after dispose/);
  });

  test("adds up the time of each launch", async () => {
    const net = await loadSmall({}, "N");
    const times = new Float64Array(net.launches.length);
    net.runSync({ x: new Float32Array(4 * 1000) }, { times });
    expect(net.launches).toEqual([{ kernel: "affine", label: "h → y", macs: 4 }]);
    expect(times[0]).toBeGreaterThan(0);
    // They add up, over samples and runs.
    times[0] = 1e6;
    net.runSync({ x: new Float32Array(8) }, { times });
    expect(times[0]).toBeGreaterThanOrEqual(1e6);
  });

  test.each([
    // Both add to what an earlier launch or sample left, which is a mistake that poison shows.
    ["arena", (arena: Float32Array) => void (arena[4]! += 1)],
    [
      "scratch",
      (arena: Float32Array, _: unknown, scratch: Float32Array) => {
        arena[4] = scratch[0]!;
        scratch[0] = 1;
      },
    ],
  ] as const)("poison fills %s with NaN", async (_name, wrong) => {
    const { model, ...rest } = module({}, "N");
    const net = await loadJs(
      { ...rest, model: { ...model, scratch: 1 }, launches: [[wrong, [], "", 0]] },
      { poison: true },
    );
    const outputs = net.runSync({ x: new Float32Array(8) })["y"]!;
    expect([outputs[0], outputs[4]]).toEqual([Number.NaN, Number.NaN]);
  });
});
