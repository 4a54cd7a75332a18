// Every op, alone in a net, through schedule, templates and the JavaScript printer, against the interpreter.

import { expect, test } from "vitest";
import { interpret } from "#interpret/interpret.js";
import { firstDifference, longestReduction } from "#interpret/tolerance.js";
import { lower } from "#kernel/lower.js";
import { inferType, opOf } from "#ops/index.js";
import { isProblem } from "#ops/op.js";
import { seededRandom } from "#ops/random.js";
import { schedule } from "#schedule/schedule-graph.js";
import { jsTarget } from "#backend/js/target.js";
import { computingOps, opModule, randomInputs } from "../op-module.js";
import { runProgram } from "./run-program.js";

const samples = 40;

test.each(computingOps)("%s", (op) => {
  for (let seed = 0; seed < samples; seed += 1) {
    const random = seededRandom(seed * 7919 + 1);
    const { inputs, attributes } = opOf(op).sample(random);
    const type = inferType(op, inputs, attributes as never);
    if (isProblem(type)) throw new Error(`sample of ${op} is invalid: ${type.problem}`);
    const module = opModule(op, inputs, attributes, type, random);
    const values = randomInputs(module, random);
    const expected = interpret(module, values).get("y")!;
    const actual = runProgram(lower(schedule(module, jsTarget)), values).get("y")!;
    const at = firstDifference(actual, expected.data, longestReduction(module));
    const context = `${op} seed ${seed} ${JSON.stringify({ inputs, attributes })} at ${at}: ${actual[at]} for ${expected.data[at]}`;
    expect(at, context).toBe(-1);
  }
});
