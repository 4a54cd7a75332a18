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

test.each([1e-9, 0.0312, 0.1, 0.7, 1, 3, 25, 60, 99, 400, 1000, 12345])("from 0 to %d", (most) => {
  for (const ends of [false, true]) {
    const { place, ticks } = linearAxis(most, { ends });
    expect(ticks.length).toBeGreaterThan(2);
    expect(ticks.length).toBeLessThanOrEqual(8);
    expect(ticks[0]).toEqual({ value: 0, label: "0" });
    for (const { value, label } of ticks) {
      expect(place(value)).toBeLessThanOrEqual(1 + 1e-9);
      expect(label.replace(/e.*/, "").replace(/[0.]/g, "")).toMatch(/^\d{0,2}$/);
    }
    expect(place(most)).toBeLessThanOrEqual(1 + 1e-9);
    if (ends) expect(place(most)).toBe(1);
    else expect(place(most)).toBeGreaterThan(0.7);
  }
});

test("a plot of nothing but zeros has all its parts", () => {
  const zeros = [0, 25].map((x) => ({ x, y: 0 }));
  for (const yAxis of [linearAxis(0), decadeAxis([0])]) {
    const points = zeros.map((one) => ({ ...one, label: "a", chosen: false }));
    const plot = curvePlot({
      title: "t",
      xName: "x",
      yName: "y",
      xAxis: linearAxis(25, { ends: true }),
      yAxis,
      line: zeros,
      joins: true,
      points,
    });
    expect(plot.match(/class="point"/g)).toHaveLength(2);
    expect(plot).not.toMatch(/NaN|Infinity|undefined/);
  }
});
