// "N ops → M kernels" is the same in all commands: the ops as written, and the kernels that a run launches, with the setup apart.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, expect, test } from "vitest";
import type { Net } from "#runtime/types.js";
import { cleave } from "./terminal.js";

const folder = mkdtempSync(join(tmpdir(), "cleave-counts-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Each with the ops that are written, and the kernels that a run and the setup take on js, wasm and wgsl. */
const nets: Readonly<Record<string, { text: string; ops: number; setup: Readonly<Record<string, number>> }>> =
  {
    views: {
      text: "input x: f32[1, 4, 4, 2]\n a = tanh(x)\n b = reshape(a, shape=[1, 32])\n output y = b |> reshape(shape=[1, 16, 2])",
      ops: 3,
      setup: { js: 0, wasm: 0, wgsl: 0 },
    },
    "a constant": {
      text: "input x: f32[1, 4]\n param w: f32[4] = [1, 2, 3, 4]\n output w\n output y = x + w",
      ops: 1,
      setup: { js: 0, wasm: 0, wgsl: 0 },
    },
    "an input that is an output": {
      text: "input x: f32[1, 4]\n output y = identity(x)",
      ops: 1,
      setup: { js: 0, wasm: 0, wgsl: 0 },
    },
    copies: {
      text: "input x: f32[1, 4, 4, 2]\n input z: f32[1, 4, 4, 3]\n a = concat(x, z, x, axis=-1)\n output y = concat(tanh(a), x, axis=-1)",
      ops: 3,
      setup: { js: 0, wasm: 0, wgsl: 0 },
    },
    transforms: {
      text: "input x: f32[1, 24, 24, 64]\n y = conv2d(x, filters=64, kernel=3x3, padding=same)\n output z = conv2d(y, filters=64, kernel=3x3, padding=same) |> relu",
      ops: 3,
      setup: { js: 2, wasm: 2, wgsl: 0 },
    },
  };

for (const [name, { text }] of Object.entries(nets))
  writeFileSync(join(folder, `${name}.net`), `net counted {\n ${text}\n}\n`);

async function json(...argv: string[]): Promise<Record<string, unknown>> {
  return JSON.parse((await cleave(...argv, "--json")).out);
}

test.each(
  Object.keys(nets).flatMap((name) => ["js", "wasm", "wgsl"].map((target) => [name, target] as const)),
)("%s on %s", async (name, target) => {
  const file = join(folder, `${name}.net`);
  const more = [file, "--target", target];
  const out = join(folder, `${name} ${target}`);
  const { counts } = (await json("compile", ...more, "-o", out)) as {
    counts: { ops: number; kernels: number; setup: number };
  };
  expect(counts).toMatchObject({ ops: nets[name]!.ops, setup: nets[name]!.setup[target] });
  const { ops, kernels, setup } = counts;
  const words = `${ops} op${ops === 1 ? "" : "s"} → ${kernels} kernel${kernels === 1 ? "" : "s"}${setup === 0 ? "" : `, and ${setup} once at load`}`;

  expect((await json("explain", ...more))["counts"]).toEqual(counts);
  const scheduled = await json("explain", ...more, "--schedule");
  expect(scheduled["counts"]).toEqual(counts);
  expect(scheduled["kernels"]).toHaveLength(kernels);
  for (const argv of [
    ["compile", ...more, "-o", out],
    ["explain", ...more],
    ["explain", ...more, "--schedule"],
    ["inspect", ...more, "--format", "kernels"],
  ])
    expect((await cleave(...argv)).out, argv.join(" ")).toContain(words);

  if (target === "wgsl") return;
  expect((await cleave("run", ...more)).out).toContain(words);
  // What the module itself launches.
  const { load } = (await import(pathToFileURL(join(out, "counted.mjs")).href)) as {
    load: () => Promise<Net>;
  };
  const net = await load();
  expect(net.launches).toHaveLength(kernels);
  net.dispose();
  // It first measures the machine, which takes seconds.
  if (name !== "transforms" || target !== "wasm") return;
  const profiled = await json("profile", ...more, "--runs", "1");
  expect(profiled["counts"]).toEqual(counts);
  expect(profiled["kernels"]).toHaveLength(kernels);
});
