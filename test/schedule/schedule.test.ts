// Schedules as text: groups, steps and views, for nets before fusing (`{"fuse": false}`) and after.

import { expect } from "vitest";
import { jsTarget } from "#backend/js/target.js";
import type { Target } from "#ir/target.js";
import { interpret } from "#interpret/interpret.js";
import { firstDifference, longestReduction } from "#interpret/tolerance.js";
import { seededRandom } from "#ops/random.js";
import { fuse } from "#passes/fuse.js";
import { describeSchedule } from "#schedule/describe.js";
import { schedule } from "#schedule/schedule-graph.js";
import { cases } from "../cases.js";
import { randomInputs } from "../op-module.js";
import { execute } from "./execute.js";
import { moduleOf } from "./module-of.js";

/** Also runs every schedule that is shown, so that no wrong expectation is accepted. */
cases(import.meta.dirname, "schedules.txt", (text, { options }) => {
  const { fuse: fuses = true, ...fields } = options;
  const target: Target = { ...jsTarget, ...fields };
  const module = moduleOf(text);
  const fused = fuses === true ? fuse.run(module, { target, options: {}, report: () => {} }) : module;
  const scheduled = schedule(fused, target);
  const inputs = randomInputs(module, seededRandom(1));
  const actual = execute(scheduled, inputs);
  for (const [name, value] of interpret(module, inputs))
    expect(firstDifference(actual.get(name)!, value.data, longestReduction(module)), name).toBe(-1);
  return describeSchedule(scheduled);
});
