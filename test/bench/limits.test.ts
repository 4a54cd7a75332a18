// What is asked of a model in the bench.

import { expect, test } from "vitest";
import { pagePeerNames } from "../../bench/browser/peers.js";
import type { Limit } from "../../bench/limits.js";
import { isMissed, limitText, limitsOf } from "../../bench/limits.js";
import { models } from "../../bench/models.js";
import { comparison, peer } from "./comparison.js";

const limits: readonly Limit[] = [
  { peer: "cleave-simd", over: "onnxruntime-web", least: 2 },
  { peer: "cleave-relaxed", over: "onnxruntime-web", least: 2.5 },
  { peer: "cleave-simd:2", over: "cleave-simd", least: 1.4 },
];

test("a limit is held from its figure on, and missed below", () => {
  const at = (medianMs: number) =>
    comparison([peer("cleave-simd", medianMs), peer("onnxruntime-web", 20)], { limits });
  expect(limitsOf(at(10)).map(({ times, held }) => [times, held])).toEqual([[2, true]]);
  expect(isMissed(at(10))).toBe(false);
  expect(isMissed(at(10.1))).toBe(true);
  expect(limitsOf(at(10.1)).map(limitText)).toEqual([
    "cleave-simd is 1.98 times as fast as onnxruntime-web (MISSED: 2)",
  ]);
});

test("where relaxed SIMD ran its limits are the ones", () => {
  const peers = [
    peer("cleave-simd", 19),
    peer("cleave-simd:2", 18),
    peer("cleave-relaxed", 8),
    peer("cleave-relaxed:2", 7),
    peer("onnxruntime-web", 20),
  ];
  expect(limitsOf(comparison(peers, { limits }))).toEqual([
    { peer: "cleave-relaxed", over: "onnxruntime-web", least: 2.5, times: 2.5, held: true },
  ]);
});

test("a goal may be for the build without relaxed SIMD", () => {
  const peers = [peer("cleave-simd", 20), peer("cleave-simd-int8", 10), peer("cleave-relaxed-int8", 5)];
  const own: Limit = { peer: "cleave-simd-int8", over: "cleave-simd", least: 1.4 };
  expect(limitsOf(comparison(peers, { limits: [own] }))).toEqual([]);
  expect(limitsOf(comparison(peers, { limits: [{ ...own, everywhere: true }] }))).toMatchObject([
    { times: 2 },
  ]);
});

test("without limits nothing is missed", () => {
  expect(isMissed(comparison([peer("cleave-simd", 100), peer("onnxruntime-web", 1)]))).toBe(false);
});

test("what is asked of a model can be measured", () => {
  for (const { peers, limits: own = [], inBrowser = [] } of models) {
    for (const { peer: one, over } of own) expect(peers).toEqual(expect.arrayContaining([one, over]));
    for (const { peer: one, over } of inBrowser)
      expect(pagePeerNames).toEqual(expect.arrayContaining([one, over]));
  }
});
