// Packed weights, read piece by piece to their place: whatever the pieces are, and without a second copy.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, afterEach, expect, test, vi } from "vitest";
import { hashBytes } from "#runtime/hash.js";
import type { Source } from "#runtime/source.js";
import { readWeights } from "#runtime/weights.js";
import { emitWasm } from "#backend/wasm/emit.js";
import { packedFile } from "../backend/packed-file.js";
import { smallProgram } from "../backend/programs.js";
import { serve, serveReads } from "./serve.js";

const { file, model } = packedFile(smallProgram({ lanes: 4 }).weights, 4);
const data = file.slice(-32);

const besideModule: Source = { file: () => new URL("https://x/small.packed.safetensors"), options: {} };

afterEach(() => vi.unstubAllGlobals());

test.each([1, 2, 3, 7, 8, 9, 64, 1000])("a response in pieces of %i bytes", async (size) => {
  for (const memory of [new ArrayBuffer(48), new SharedArrayBuffer(48)]) {
    serve(Uint8Array.from([...file, 9, 9]), size);
    const room = new Uint8Array(memory, 8, 32);
    await readWeights(model, besideModule, () => [{ bytes: room }]);
    expect([...room]).toEqual([...data]);
    expect([...new Uint8Array(memory, 0, 8), ...new Uint8Array(memory, 40)].every((byte) => byte === 0)).toBe(
      true,
    );
  }
});

test("a file that takes several reads, into rooms of any size", async () => {
  const elements = 3 * 2 ** 20 + 5;
  const large = Float32Array.from({ length: elements }, (_, at) => at);
  const program = smallProgram({ weights: [{ name: "w", elements, pack: () => [large] }] });
  const { weights: packed } = emitWasm(program, { version: "0.0.0" });
  const bytes = new Uint8Array(large.buffer);
  const info = { file: "large", elements, hash: hashBytes(bytes) };
  const folder = mkdtempSync(join(tmpdir(), "cleave-large-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "large"), packed!);
  for (const memory of [new ArrayBuffer(bytes.length), new SharedArrayBuffer(bytes.length)]) {
    const ends = [0, 4, 4, 2 ** 22 + 4, 2 ** 23, bytes.length];
    const rooms = ends.slice(1).map((end, at) => new Uint8Array(memory, ends[at]!, end - ends[at]!));
    await readWeights(
      { ...model, weights: info },
      { file: () => pathToFileURL(join(folder, "large")), options: {} },
      () => rooms.map((room) => ({ bytes: room })),
    );
    expect(Buffer.compare(new Uint8Array(memory), bytes)).toBe(0);
  }
});

test.each([
  [0, /it has 0 bytes/],
  [7, /it has 7 bytes/],
  [30, /its header is cut off/],
  [file.length - 1, /it ends after 31 of 32 bytes of data/],
])("a response that ends after %i bytes is refused", async (length, message) => {
  serve(file.slice(0, length), 5);
  const room = new Uint8Array(32);
  await expect(readWeights(model, besideModule, () => [{ bytes: room }])).rejects.toThrow(message);
});

test("a connection that breaks says which file and why", async () => {
  serveReads(async () => Promise.reject(new Error("reset by peer")));
  const room = new Uint8Array(32);
  await expect(readWeights(model, besideModule, () => [{ bytes: room }])).rejects.toThrow(
    "small: cannot read the weights https://x/small.packed.safetensors: reset by peer",
  );
});

test("a header of a gigabyte is refused at once", async () => {
  const bytes = new Uint8Array(100);
  new DataView(bytes.buffer).setUint32(0, 2 ** 30, true);
  serve(bytes, 10);
  const room = new Uint8Array(32);
  await expect(readWeights(model, besideModule, () => [{ bytes: room }])).rejects.toThrow(
    /it begins with `\\x00\\x00\\x00@(\\x00){36}`$/,
  );
});

test.each(["a response", "given bytes", "base64"])(
  "%s, read to rooms that take turns in one place",
  async (from) => {
    const shared = new Uint8Array(12);
    const seen: number[] = [];
    const room = (bytes: Uint8Array) => ({
      bytes,
      then: async () => {
        // What comes next must wait for this.
        await new Promise((resolve) => setTimeout(resolve, 1));
        seen.push(...bytes);
      },
    });
    const rooms = [new Uint8Array(0), new Uint8Array(16), shared, shared.subarray(0, 4)].map(room);
    serve(file, 5);
    const embedded = Buffer.from(data).toString("base64");
    await readWeights(
      model,
      {
        ...besideModule,
        options: from === "given bytes" ? { weights: file } : {},
        ...(from === "base64" ? { embedded } : {}),
      },
      () => rooms,
    );
    expect(seen).toEqual([...data]);
  },
);

// The system's own count of a process's peak, which `resourceUsage` takes over from the parent process.
test.runIf(process.platform === "linux")(
  "loading 96 MiB of weights takes less memory than one and a half times that",
  () => {
    const folder = mkdtempSync(join(tmpdir(), "cleave-memory-"));
    afterAll(() => rmSync(folder, { recursive: true, force: true }));
    const elements = 24 * 2 ** 20;
    const program = smallProgram({
      lanes: 4,
      weights: [
        { name: "w", elements: 4, pack: () => [Float32Array.of(10, 20, 30, 40)] },
        { name: "unused", elements, pack: () => [new Float32Array(elements).fill(1)] },
      ],
    });
    const { module, weights: packed } = emitWasm(program, { version: "0.0.0" });
    writeFileSync(join(folder, "small.mjs"), module);
    writeFileSync(join(folder, "small.packed.safetensors"), packed!);
    const script = `
    const { load } = await import(${JSON.stringify(pathToFileURL(join(folder, "small.mjs")).href)});
    const { readFileSync } = await import("node:fs");
    const peak = () => Number(/VmHWM:\\s*(\\d+)/.exec(readFileSync("/proc/self/status", "utf8"))[1]);
    const before = peak();
    const net = await load();
    const { y } = net.runSync({ x: Float32Array.of(1, 2, 3, 4) });
    console.log(JSON.stringify({ y: [...y], kilobytes: peak() - before }));`;
    const out = execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
    const { y, kilobytes } = JSON.parse(out);
    expect(y).toEqual([12, 24, 36, 48]);
    expect(kilobytes).toBeGreaterThan(96 * 1024);
    expect(kilobytes).toBeLessThan(1.5 * 96 * 1024);
  },
);
