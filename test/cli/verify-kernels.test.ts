// `--verify` checks the kernels in every command that makes some: a wrong one is a bug of the compiler, which is said with its name.

import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test, vi } from "vitest";
import type { KernelProgram } from "#kernel/ir/ir.js";
import { cleave } from "./terminal.js";

/** Whether the kernels of the compiler are wrong. */
const bugs = vi.hoisted(() => ({ there: false }));

vi.mock(import("#kernel/lower.js"), async (original) => {
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
    lower: (...given) => (bugs.there ? broken(real.lower(...given)) : real.lower(...given)),
  };
});

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
