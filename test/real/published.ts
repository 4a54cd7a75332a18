// Published models from packages of npm, as cases name them: a file in node_modules, then settings `NAME=VALUE` in lines.

import { join } from "node:path";
import { expect } from "vitest";
import { render } from "#diagnostic/render.js";
import type { Module } from "#ir/weights.js";
import { seededRandom } from "#ops/random.js";
import { readModel } from "../../src/node/index.js";

export interface Published {
  readonly path: string;
  readonly model: Module;
  /** All that the case says by name; whole numbers are open sizes. */
  readonly settings: ReadonlyMap<string, string>;
}

/** Reads the model of a case; fails the test if it is not imported. */
export function readPublished(input: string): Published {
  const [file = "", ...more] = input.split("\n");
  const path = join(import.meta.dirname, "../../node_modules", file);
  const settings = new Map(
    more.flatMap((line) => line.split(" ").filter((one) => one !== "")).map((one) => pair(one)),
  );
  const dims = new Map(
    [...settings].flatMap(([name, value]) => (/^\d+$/.test(value) ? [[name, Number(value)]] : [])),
  );
  const { value: model, diagnostics } = readModel(path, { dims });
  if (!model) return expect.fail(render(diagnostics, new Map(), { color: false }));
  return { path, model, settings };
}

function pair(text: string): readonly [string, string] {
  const at = text.indexOf("=");
  return [text.slice(0, at), text.slice(at + 1)];
}

/** Values between two bounds, in runs as strokes of a picture make them; whole numbers, as of pixels, where the bounds are far apart. */
export function strokes(count: number, low: number, high: number, seed: number): Float32Array {
  const random = seededRandom(seed);
  const values = new Float32Array(count);
  for (let start = 0; start < count;) {
    const end = start + random.int(1, 12);
    const value = low + (high - low) * random.next();
    values.fill(high - low > 2 ? Math.round(value) : value, start, end);
    start = end;
  }
  return values;
}

/** The largest difference as a part of the largest value; ∞ where the lengths differ, a value is NaN or ∞, or there is none. */
export function largestDifference(actual: Float32Array, wanted: Float32Array): number {
  if (actual.length !== wanted.length || wanted.length === 0) return Number.POSITIVE_INFINITY;
  const most = wanted.reduce((sum, one) => Math.max(sum, Math.abs(one)), 1e-30);
  const worst = wanted.reduce((sum, one, at) => Math.max(sum, Math.abs(one - actual[at]!)), 0);
  return Number.isNaN(worst) ? Number.POSITIVE_INFINITY : worst / most;
}

/** `3 conv2d, 1 transpose`: how often each name stands in a list. */
export function countsOf(names: Iterable<string>): string {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, count]) => `${count} ${name}`)
    .join(", ");
}
