// L-BFGS on functions whose minimum is known.

import { describe, expect, test } from "vitest";
import type { Evaluated } from "#calibrate/algebra/minimize.js";
import { minimize } from "#calibrate/algebra/minimize.js";
import { seededRandom } from "#ops/random.js";

/** Rosenbrock's function in many dimensions, whose minimum 0 is at ones. */
async function rosenbrock(x: Float64Array): Promise<Evaluated<Float64Array>> {
  let value = 0;
  const gradient = new Float64Array(x.length);
  for (let at = 0; at + 1 < x.length; at += 1) {
    const [here, next] = [x[at]!, x[at + 1]!];
    value += 100 * (next - here ** 2) ** 2 + (1 - here) ** 2;
    gradient[at]! += -400 * here * (next - here ** 2) - 2 * (1 - here);
    gradient[at + 1]! += 200 * (next - here ** 2);
  }
  return { value, gradient, state: x };
}

const flat = async (x: Float64Array): Promise<Float64Array> => new Float64Array(x.length).fill(200);

describe("minimize", () => {
  test.each([2, 5, 30])("finds the minimum of Rosenbrock's function of %d unknowns", async (size) => {
    const start = new Float64Array(size).fill(-0.5);
    const { value, state } = await minimize(rosenbrock, start, { steps: 400, curvature: flat });
    expect(value).toBeLessThan(1e-12);
    for (const one of state) expect(one).toBeCloseTo(1, 5);
    expect(start).toEqual(new Float64Array(size).fill(-0.5));
  });

  test("no step increases the value", async () => {
    let before = Number.POSITIVE_INFINITY;
    for (let steps = 0; steps < 40; steps += 1) {
      const start = Float64Array.of(-1.2, 1, 3, -2);
      const { value } = await minimize(rosenbrock, start, { steps, curvature: flat });
      expect(value).toBeLessThanOrEqual(before);
      before = value;
    }
  });

  test("the curvature gives the scales of unknowns", async () => {
    const size = 40;
    const random = seededRandom(1);
    const scales = Float64Array.from({ length: size }, () => 10 ** (8 * random.next() - 4));
    const evaluate = async (x: Float64Array) => ({
      value: x.reduce((sum, one, at) => sum + (scales[at]! * (one - 1) ** 2) / 2, 0),
      gradient: x.map((one, at) => scales[at]! * (one - 1)),
      state: x,
    });
    const curvature = async () => scales;
    const { value } = await minimize(evaluate, new Float64Array(size), { steps: 2, curvature });
    expect(value).toBeLessThan(1e-20);
  });

  test("ends where no step gains anything, and at values that are NaN", async () => {
    let asked = 0;
    const least = async (x: Float64Array) => {
      asked += 1;
      return { value: 1, gradient: new Float64Array(x.length), state: x };
    };
    await minimize(least, Float64Array.of(1, 2), { steps: 5, curvature: flat });
    expect(asked).toBe(1);
    const broken = async (x: Float64Array) => {
      const none = x[0] === 1 ? 3 : Number.NaN;
      return { value: none, gradient: x, state: x };
    };
    const { value } = await minimize(broken, Float64Array.of(1), { steps: 5, curvature: flat });
    expect(value).toBe(3);
  });
});
