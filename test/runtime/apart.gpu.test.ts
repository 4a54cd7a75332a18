// Memory that is given for results is neither an input's nor another output's, on any target; what only lies side by side is fine.

import { describe, expect, test } from "vitest";
import type { LoadOptions, RunOptions } from "#runtime/types.js";
import { compile, load } from "../../src/index.js";
import type { TargetName } from "#ir/target.js";
import { computingDevice, describeOn } from "../backend/wgsl/device.js";

const text = `net sums {
  input a: f32[N, 3]
  input b: f32[N, 2]
  output y = a * 2
  output z = b + 1
}`;
const extents = { a: 3, b: 2, y: 3, z: 2 } as const;
type Name = keyof typeof extents;
const names = Object.keys(extents) as Name[];

const device = await computingDevice();

const ways: readonly (readonly [string, TargetName, LoadOptions])[] = [
  ["js", "js", {}],
  ["wasm", "wasm", {}],
  ["wasm on two threads", "wasm", { threads: 2, leastWork: 0 }],
  ["wgsl", "wgsl", {}],
];
const memories: readonly (readonly [string, (bytes: number) => ArrayBufferLike])[] = [
  ["memory of its own", (bytes) => new ArrayBuffer(bytes)],
  ["shared memory", (bytes) => new SharedArrayBuffer(bytes)],
];

for (const [way, target, options] of ways) {
  const suite = target === "wgsl" ? describeOn(device) : describe;
  suite(way, () => checkWay(target, options));
}

function checkWay(target: TargetName, options: LoadOptions): void {
  const loaded = async () => {
    const artifact = compile(text, { target, file: "sums.net" }).value!;
    return load(artifact, { ...options, ...(device && target === "wgsl" ? { device } : {}) });
  };
  /** Runs with all four arrays in one piece of memory, at these first elements. */
  const runAt = async (
    net: Awaited<ReturnType<typeof loaded>>,
    memory: ArrayBufferLike,
    samples: number,
    places: Readonly<Record<Name, number>>,
  ) => {
    const at = (name: Name) =>
      new Float32Array(memory as ArrayBuffer, 4 * places[name], samples * extents[name]);
    const given: RunOptions = { into: { y: at("y"), z: at("z") } };
    return net.run({ a: at("a"), b: at("b") }, given);
  };

  test.each(memories)("in %s", async (_memory, make) => {
    const net = await loaded();
    for (const samples of [1, 2]) {
      const memory = make(4 * 12 * samples);
      const apart = { a: 0, b: 3 * samples, y: 5 * samples, z: 8 * samples };
      await runAt(net, memory, samples, apart);
      for (const result of ["y", "z"] as const)
        for (const other of names) {
          if (other === result || (result === "y" && other === "z")) continue;
          const [first, extent] = [apart[other], samples * extents[other]];
          const own = samples * extents[result];
          for (const start of [first - own + 1, first, first + extent - 1]) {
            if (start < 0 || start + own > 12 * samples) continue;
            await expect(
              runAt(net, memory, samples, { ...apart, [result]: start }),
              `${result} at ${start} on ${other}`,
            ).rejects.toThrow(/^sums: output "[yz]" shares memory with (input|output) "[aby]"/);
          }
        }
    }
    net.dispose();
  });
}

test("two inputs may be one array", async () => {
  const net = await load(
    compile("net sum {\n  input a: f32[2]\n  input b: f32[2]\n  output y = a + b\n}").value!,
  );
  const one = Float32Array.of(1, 2);
  expect([...net.runSync({ a: one, b: one })["y"]!]).toEqual([2, 4]);
  net.dispose();
});
