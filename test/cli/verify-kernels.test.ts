// `--verify` checks the kernels in every command that makes some: a wrong one is a bug of the compiler, which is said with its name.

import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { KernelProgram } from "#kernel/ir/ir.js";

/** Whether the kernels of the compiler are wrong. */
const bugs = { there: false };

/** Files share modules, so the command is loaded anew around the broken part, and again by the files after this one. */
let cleave: (typeof import("./terminal.js"))["cleave"];

beforeAll(async () => {
  vi.resetModules();
  vi.doMock(import("#kernel/lower.js"), brokenLower);
  ({ cleave } = await import("./terminal.js"));
});
afterAll(() => {
  vi.doUnmock("#kernel/lower.js");
  vi.resetModules();
});

async function brokenLower(original: () => Promise<typeof import("#kernel/lower.js")>) {
  const real = await original();
  const broken = (program: KernelProgram): KernelProgram => ({
    ...program,
    kernels: program.kernels.map((kernel) => ({
      ...kernel,
      parameters: kernel.parameters.map((one) => ({ ...one, extent: Math.floor(one.extent / 2) })),
    })),
  });
  return {
    ...real,
    lower: (...given: Parameters<typeof real.lower>) =>
      bugs.there ? broken(real.lower(...given)) : real.lower(...given),
  };
}

const folder = mkdtempSync(join(tmpdir(), "cleave-verify-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.each([
  ["compile", ["-o", join(folder, "out")]],
  ["run", []],
  ["explain", []],
  ["inspect", ["--format", "kernels"]],
  ["verify", []],
  ["profile", ["--runs", "1"]],
] as const)("%s", async (command, more) => {
  const argv = [command, "examples/seed.net", "--verify", ...more];
  bugs.there = true;
  const wrong = await cleave(...argv);
  expect(wrong.code).toBe(70);
  expect(wrong.err).toContain("This is a bug in Cleave, not in your input.");
  expect(wrong.err).toMatch(/wrong kernels of seed: \w+: a load outside/);
  expect(wrong.err).not.toContain("    at ");
  // Nothing is half-written.
  const out = join(folder, "out");
  if (command === "compile" && existsSync(out)) expect(readdirSync(out)).toEqual([]);
  bugs.there = false;
  const right = await cleave(...argv);
  expect(right.code, right.err).toBe(0);
});
