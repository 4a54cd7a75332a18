// A dump of the graph after any pass, read again, becomes the same module by the passes after that one.

import { mkdtempSync, rmSync } from "node:fs";
import { createHash } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { emit } from "#compile/emit.js";
import { optimize } from "#compile/optimize.js";
import { runToEnd } from "#diagnostic/interruptible.js";
import type { WeightType } from "#ir/compact.js";
import type { TargetName } from "#ir/target.js";
import { targetNames } from "#ir/target.js";
import type { Module } from "#ir/weights.js";
import { readModel } from "#node/read-model.js";
import { writeDumpSteps } from "#node/write-dump.js";
import { seededRandom } from "#ops/random.js";
import { randomBytes } from "../backend/random-bytes.js";
import { randomModule } from "../random-graph.js";
import { randomIntegerNet } from "../random-integers.js";
import { seedsFor } from "../scale.js";
import { moduleOf } from "../schedule/module-of.js";

const folder = mkdtempSync(join(tmpdir(), "cleave-dumps-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const path = join(folder, "dump.net");

/** Writes a dump and reads it. */
function reread(module: Module): Module {
  expect(runToEnd(writeDumpSteps(module, path)).diagnostics).toEqual([]);
  const { value, diagnostics } = readModel(path);
  expect(diagnostics).toEqual([]);
  return value!;
}

const sha = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** The text and the packed weights of a module. An entry of the store that is computed from others of its name has a count. */
function emitted(module: Module, target: TargetName): { module: string; weights: string } {
  const { module: text, weights } = emit(module, { target });
  return { module: text.replaceAll(/#\d+/g, ""), weights: sha(weights ?? new Uint8Array()) };
}

/** A module has the same kernels if it goes on from a dump after each pass that changed it. */
function expectSame(model: Module, target: TargetName, weightType: WeightType = "f32"): void {
  const options = { target, ...(weightType !== "f32" && { weightType }) };
  const { module, trace } = optimize(model, options).value!;
  const whole = emitted(module, target);
  for (const [
    at,
    {
      pass: { name: pass },
      before,
      after: stopped,
    },
  ] of trace.entries()) {
    const isLast = trace.findLastIndex((run) => run.pass.name === pass) === at;
    if (!isLast || before.graph === stopped.graph) continue;
    const rest = optimize(reread(stopped), { ...options, from: pass }).value!;
    expect(emitted(rest.module, target), `after ${pass}`).toEqual(whole);
  }
}

describe("random nets", () => {
  test.each(seedsFor(8))("of all ops, seed %d", (seed) => {
    expectSame(randomModule(seededRandom(seed)), targetNames[seed % targetNames.length]!);
  });

  test.each(seedsFor(4))("of bytes, seed %d", (seed) => {
    expectSame(moduleOf(randomBytes(seededRandom(seed))), targetNames[seed % targetNames.length]!);
  });

  test.each(seedsFor(4))("of integers, seed %d", (seed) => {
    expectSame(moduleOf(randomIntegerNet(seededRandom(seed))), targetNames[seed % targetNames.length]!);
  });
});

test.each(["fm_mobile.net", "fm_resnet16.net", "fm_resnet16.onnx"])("examples/%s", (name) => {
  expectSame(readModel(join("examples", name)).value!, "wasm");
});

test.each(["f16", "int8"] as const)("weights that are rounded to %s", (weightType) => {
  expectSame(readModel("examples/fm_mobile.net").value!, "wasm", weightType);
});
