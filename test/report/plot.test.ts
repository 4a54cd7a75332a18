// The axes of curves: round numbers, and few of them.

import { expect, test } from "vitest";
import { curvePlot, decadeAxis, linearAxis, shareAxis } from "#report/plot.js";

test.each([1e-1, 1e-4, 2e-5, 3e-8, 1e-19, 1e-30])("losses from 3 down to %d", (y) => {
  const plot = curvePlot({
    title: "loss",
    xName: "cost",
    yName: "loss",
    xAxis: shareAxis,
    yAxis: decadeAxis([3, y]),
    joins: false,
    line: [
      { x: 0.1, y: 3 },
      { x: 0.9, y },
    ],
    points: [],
  });
  const labels = [...plot.matchAll(/text-anchor="end">([^<]*)</g)].map(([, label]) => label ?? "");
  expect(labels.length).toBeGreaterThan(1);
  expect(labels.length).toBeLessThanOrEqual(9);
  for (const label of labels) {
    expect(label).toMatch(/^(10*|0\.0*1|1e-\d+)$/);
    expect(label.length).toBeLessThanOrEqual(8);
  }
});

test.each([
  [0, 1e-9],
  [0, 0.0312],
  [0, 0.7],
  [0, 3],
  [0, 60],
  [0, 400],
  [0, 12345],
  [0.682, 0.6943],
  [0.1, 0.9],
  [-3, 17],
  [99, 101],
])("from %d to %d", (low, high) => {
  for (const rounded of [false, true]) {
    const { place, ticks } = linearAxis(low, high, { rounded });
    expect(ticks.length).toBeGreaterThan(2);
    expect(ticks.length).toBeLessThanOrEqual(9);
    for (const { value, label } of ticks) {
      expect(place(value)).toBeGreaterThanOrEqual(-1e-6);
      expect(place(value)).toBeLessThanOrEqual(1 + 1e-6);
      expect(Number(label)).toBe(value);
      expect(label.length).toBeLessThanOrEqual(6);
    }
    const [from, to] = [place(low), place(high)];
    expect(from).toBeGreaterThanOrEqual(-1e-6);
    expect(to).toBeLessThanOrEqual(1 + 1e-6);
    if (!rounded) expect([from, to]).toEqual([0, 1]);
    else expect(to - from).toBeGreaterThan(0.5);
  }
});

test.each([
  ["zeros", 0],
  ["equal values", 0.7],
])("a plot of nothing but %s has all its parts", (_what, y) => {
  const line = [0, 25].map((x) => ({ x, y }));
  for (const yAxis of [linearAxis(y, y), decadeAxis([y])]) {
    const points = line.map((one) => ({ ...one, label: "a", chosen: false }));
    const xAxis = linearAxis(0, 25, { rounded: false });
    const plot = curvePlot({ title: "t", xName: "x", yName: "y", xAxis, yAxis, line, joins: true, points });
    expect(plot.match(/class="point"/g)).toHaveLength(2);
    expect(plot).not.toMatch(/NaN|Infinity|undefined/);
  }
});

test("a plot of no steps at all", () => {
  const { place, ticks } = linearAxis(0, 0, { rounded: false });
  expect(place(0)).toBe(0);
  expect(ticks[0]).toEqual({ value: 0, label: "0" });
});
