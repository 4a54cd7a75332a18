// Imported models for WebGPU in Chromium against the interpreter: every third of those that the tier gpu runs without a browser.

import { describe, test } from "vitest";
import type { ImportedCase } from "../backend/wgsl/imported.js";
import { onnxCases, tfjsCases } from "../backend/wgsl/imported.js";
import { openAdapterPage } from "./adapter.js";

const slow = 120_000;
/** Modules that the page runs side by side: starting one costs more than running it. */
const together = 24;
const adapter = await openAdapterPage();

describe.skipIf(!adapter)("in Chromium", () => {
  test.each(groupsOf(onnxCases()))("ONNX: %s … %s", (_first, _last, group) => expectAll(group), slow);
  test.each(groupsOf(tfjsCases()))(
    "TensorFlow.js: %s … %s",
    (_first, _last, group) => expectAll(group),
    slow,
  );
});

async function expectAll(group: readonly ImportedCase[]): Promise<void> {
  await adapter!.expectAgreement(await Promise.all(group.map(({ make }) => make())));
}

function groupsOf(cases: readonly ImportedCase[]): [string, string, readonly ImportedCase[]][] {
  const all = cases.filter((_, at) => at % 3 === 0);
  return Array.from({ length: Math.ceil(all.length / together) }, (_, at) => {
    const group = all.slice(at * together, (at + 1) * together);
    return [group[0]!.name, group.at(-1)!.name, group];
  });
}
