// The logarithmic axis of curves: round numbers, and few of them.

import { expect, test } from "vitest";
import { curvePlot } from "#report/plot.js";

test.each([1e-1, 1e-4, 2e-5, 3e-8, 1e-19, 1e-30])("losses from 3 down to %d", (y) => {
  const plot = curvePlot({
    title: "loss",
    xName: "cost",
    yName: "loss",
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
