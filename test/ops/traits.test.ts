// What the rows of elementwise ops say of them, against their meaning: where a result jumps, and which operands may be exchanged.

import { describe, expect, test } from "vitest";
import type { OpName } from "#ir/graph.js";
import { opNames, opOf } from "#ops/index.js";
import type { Attributes } from "#ops/op.js";
import { seededRandom } from "#ops/random.js";

const elementwise = opNames.filter((name) => opOf(name).scalar !== undefined);

/** Whole numbers, halves, and what lies between. */
const points = Array.from({ length: 33 }, (_, at) => (at - 16) / 4);

function valueOf(name: OpName, operands: readonly number[], attributes: Attributes): number {
  const inputs = operands.map((value) => ({ shape: [], data: Float64Array.of(value) }));
  return opOf(name).eval(inputs, attributes, { dtype: "f32", shape: [] }).data[0] ?? Number.NaN;
}

/** All operands that points make. */
function drawn(name: OpName): { operands: number[]; attributes: Attributes }[] {
  const { operands } = opOf(name);
  const { attributes } = opOf(name).sample(seededRandom(1));
  return points.flatMap((a) =>
    operands.length === 1
      ? [{ operands: [a], attributes }]
      : points.map((b) => ({ operands: [a, b, 0.3].slice(0, operands.length), attributes })),
  );
}

describe("an op that jumps says so", () => {
  // Its condition is made by ops that jump.
  test.each(elementwise.filter((name) => name !== "where"))("%s", (name) => {
    const jumps = drawn(name).some(({ operands, attributes }) =>
      operands.some((value, at) => {
        const near = [-1e-9, 0, 1e-9].map((by) => valueOf(name, operands.with(at, value + by), attributes));
        const change = Math.max(...near) - Math.min(...near);
        return near.every((one) => Math.abs(one) < 1e6) && change > 1e-3;
      }),
    );
    expect(opOf(name).jumps ?? false).toBe(jumps);
  });
});

describe("an op says whether its operands may be exchanged", () => {
  test.each(elementwise.filter((name) => opOf(name).operands.length === 2))("%s", (name) => {
    const isSame = drawn(name).every(({ operands, attributes }) =>
      Object.is(valueOf(name, operands, attributes), valueOf(name, operands.toReversed(), attributes)),
    );
    expect(opOf(name).commutative ?? false).toBe(isSame);
  });
});
