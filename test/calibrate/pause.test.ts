// Pauses let timers run during long work.

import { expect, test } from "vitest";
import { pause } from "#calibrate/pause.js";

test("timers run between steps of long work", async () => {
  const fired: string[] = [];
  setTimeout(() => fired.push("timer"), 0);
  const until = performance.now() + 5000;
  let steps = 0;
  while (fired.length === 0 && performance.now() < until) {
    const step = performance.now() + 10;
    while (performance.now() < step);
    steps += 1;
    await pause();
  }
  expect(fired).toEqual(["timer"]);
  expect(steps).toBeGreaterThan(0);
});
