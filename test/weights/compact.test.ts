// Compact forms of weights: rounding to the nearest, what stays f32, and forms of files after moves and factors.

import { describe, expect, test } from "vitest";
import type { CompactForm } from "#ir/compact.js";
import type { Shape } from "#ir/type.js";
import { f32 } from "#ir/type.js";
import type { WeightStore } from "#ir/weights.js";
import { inferType } from "#ops/index.js";
import type { OpName, WeightId } from "#ir/graph.js";
import type { TensorType } from "#ir/type.js";
import { seededRandom } from "#ops/random.js";
import { ownForm, roundedForm } from "#weights/compact.js";
import { createWeightStore } from "#weights/store.js";
import { widen } from "#weights/widen.js";

function literal(values: readonly number[]): { readonly store: WeightStore; readonly id: WeightId } {
  const store = createWeightStore();
  const id = store.add("w", f32(values.length), { kind: "literal", data: Float32Array.from(values) });
  return { store, id };
}

function rounded(values: readonly number[], to: "f16" | "int8", channels = 1) {
  const { store, id } = literal(values);
  const found = roundedForm(store, id, to, channels);
  if ("why" in found) return found;
  const { form, error } = found;
  return { error, codes: [...form.read()], values: [...widen(form, new Float32Array(values.length))] };
}

describe("8 bits", () => {
  test("codes are the nearest integers, ties to even", () => {
    const { codes } = rounded(
      [127, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.49, 0.51, -127, 126.6, -0],
      "int8",
    ) as {
      codes: number[];
    };
    expect(codes).toEqual([127, 0, 2, 2, 0, -2, -2, 0, 1, -127, 127, 0]);
  });

  test("each channel has its scale, the greatest |w| / 127; a channel of zeros stays 0", () => {
    const { values } = rounded([1, -200, 0, 0.3, 100, 0, -1, 7, 0], "int8", 3) as { values: number[] };
    const scales = [1, 200, 0].map((most) => Math.fround(most / 127));
    expect(values).toEqual(
      [127, -127, 0, 38, 64, 0, -127, 4, 0].map((code, at) => Math.fround(code * scales[at % 3]!)),
    );
  });

  test("no value is further off than half a step, and the error is that of all", () => {
    const random = seededRandom(1);
    const wanted = Array.from({ length: 4000 }, () => Math.fround(random.normal()));
    const { values, error } = rounded(wanted, "int8", 8) as { values: number[]; error: number };
    let [lost, all] = [0, 0];
    for (const [at, value] of wanted.entries()) {
      const most = wanted.reduce((sum, one, k) => (k % 8 === at % 8 ? Math.max(sum, Math.abs(one)) : sum), 0);
      expect(Math.abs(values[at]! - value)).toBeLessThanOrEqual((most / 254) * (1 + 1e-5));
      lost += (values[at]! - value) ** 2;
      all += value ** 2;
    }
    expect(error).toBeCloseTo(Math.sqrt(lost / all), 6);
  });

  test("a channel that is negligible next to another becomes 0, as it would in f32", () => {
    expect(rounded([1, 1e-31, -1, 2e-31], "int8", 2)).toMatchObject({ values: [1, 0, -1, 0] });
    expect(rounded([1e-20, 0.9e-31, -1e-20, 2e-31], "int8", 2)).toMatchObject({
      codes: [127, 57, -127, 127],
    });
  });

  test.each([
    ["an infinity", [1, Infinity], "values that are not finite"],
    ["NaN", [Number.NaN, 1], "values that are not finite"],
    ["a scale that would be subnormal", [1e-37, 1e-38], "values that are too small for a scale"],
  ])("%s stays f32", (_, values, why) => {
    expect(rounded(values, "int8")).toEqual({ why });
  });

  test("all zeros", () => {
    expect(rounded([0, -0, 0], "int8")).toMatchObject({ codes: [0, 0, 0], error: 0 });
  });
});

describe("halves", () => {
  test("are the nearest, ties to even, also below 2⁻¹⁴", () => {
    const ulp = 2 ** -10;
    const { values } = rounded(
      [1 + ulp / 2, 1 + 1.5 * ulp, 65_504, 2 ** -25, 3 * 2 ** -25, -0, -(1 + ulp)],
      "f16",
    ) as {
      values: number[];
    };
    expect(values).toEqual([1, 1 + 2 * ulp, 65_504, 0, 2 ** -23, -0, -(1 + ulp)]);
  });

  test.each([
    ["numbers that become infinite", [65_520, 1]],
    ["an infinity", [1, -Infinity]],
    ["NaN", [1, Number.NaN]],
    ["numbers below 2⁻¹⁴ alone", [2 ** -15 + 2 ** -25, 2 ** -16]],
  ])("%s stay f32", (_, values) => {
    expect(rounded(values, "f16")).toEqual({ why: "values that halves do not hold to 11 bits" });
  });
});

/** A store with a weight of a file that has few bits, and ops over it. */
function fileOf(shape: Shape, form: Pick<CompactForm, "codes" | "scale" | "min">) {
  const store = createWeightStore();
  const random = seededRandom(2);
  const count = shape.reduce((product, extent) => product * extent, 1);
  const codes = Float32Array.from({ length: count }, () => random.int(0, 255));
  const full: CompactForm = {
    ...form,
    read: (into) => (into?.set(codes), into?.subarray(0, count) ?? codes),
  };
  const file = (key: string, own: CompactForm | undefined, type: TensorType): WeightId => {
    const read = (into?: Float32Array) => widen(full, into?.subarray(0, count) ?? new Float32Array(count));
    return store.add(key, type, { kind: "file", file: "f", key, read, ...(own && { form: own }) });
  };
  const w = file("w", full, f32(...shape));
  const literal = (...own: number[]) => {
    const data = Float32Array.from({ length: own.reduce((a, b) => a * b, 1) }, () => random.normal());
    return store.add("g", f32(...own), { kind: "literal", data });
  };
  const apply = (
    op: OpName,
    inputs: readonly WeightId[],
    attributes: Record<string, number | string | number[]> = {},
  ) => {
    const types = inputs.map((id) => store.entries.get(id)!.type);
    const type = inferType(op, types, attributes as never) as TensorType;
    return store.add(op, type, { kind: "expression", op, attributes, inputs });
  };
  const other = file("other", { ...full, scale: 2 * form.scale + 1 }, f32(...shape));
  return { store, w, other, literal, apply };
}

const byte = { codes: "uint8", scale: 0.02, min: -1.3 } as const;

describe("the form of a file", () => {
  type Files = ReturnType<typeof fileOf>;
  test.each<[string, (files: Files) => WeightId]>([
    ["as it is", ({ w }) => w],
    ["transposed", ({ w, apply }) => apply("transpose", [w], { perm: [1, 2, 0] })],
    ["reshaped", ({ w, apply }) => apply("reshape", [w], { shape: [4, 15] })],
    ["cut", ({ w, apply }) => apply("slice", [w], { begin: [0, 1, 1], size: [2, 3, 2], stride: [1, 1, 2] })],
    ["twice after each other", ({ w, apply }) => apply("concat", [w, w], { axis: -1 })],
    [
      "padded by nothing",
      ({ w, apply }) =>
        apply("pad", [w], { before: [0, 0, 0], after: [0, 0, 0], mode: "constant", value: 0 }),
    ],
    ["with a factor for each channel", ({ w, literal, apply }) => apply("mul", [w, literal(5)])],
    ["with one factor", ({ w, literal, apply }) => apply("mul", [literal(), w])],
    ["with factors of two axes", ({ w, literal, apply }) => apply("mul", [w, literal(1, 4, 5)])],
    [
      "with factors, and transposed within its rows",
      ({ w, literal, apply }) => apply("transpose", [apply("mul", [w, literal(5)])], { perm: [1, 0, 2] }),
    ],
    [
      "with factors, cut into rows, and these in another order",
      ({ w, literal, apply }) => {
        const scaled = apply("mul", [w, literal(5)]);
        const row = (at: number) =>
          apply("slice", [scaled], { begin: [at, 0, 0], size: [1, 4, 5], stride: [1, 1, 1] });
        return apply("concat", [row(2), row(0)], { axis: 0 });
      },
    ],
    [
      "transposed, then with factors, then reshaped",
      ({ w, literal, apply }) =>
        apply("reshape", [apply("mul", [apply("transpose", [w], { perm: [2, 1, 0] }), literal(3)])], {
          shape: [60],
        }),
    ],
  ])("%s: the values are the same to the last bit", (_, make) => {
    const files = fileOf([3, 4, 5], byte);
    const id = make(files);
    const form = ownForm(files.store, id);
    if (!form || "why" in form) expect.fail(`no form: ${form?.why}`);
    const wanted = files.store.readF32(id);
    expect([...widen(form, new Float32Array(wanted.length))]).toEqual([...wanted]);
  });

  test.each<[string, string, (files: Files) => WeightId]>([
    [
      "computed from several weights",
      "added to another",
      ({ w, literal, apply }) => apply("add", [w, literal(5)]),
    ],
    [
      "scaled twice",
      "scaled twice",
      ({ w, literal, apply }) => apply("mul", [apply("mul", [w, literal(5)]), literal(5)]),
    ],
    [
      "scaled by other factors than one for each channel",
      "scaled by rows",
      ({ w, literal, apply }) => apply("mul", [w, literal(3, 1, 1)]),
    ],
    [
      "made of parts with other scales",
      "beside another file",
      ({ w, other, apply }) => apply("concat", [w, other], { axis: 0 }),
    ],
    [
      "only a part has few bits in the file",
      "beside f32",
      ({ w, literal, apply }) => apply("concat", [w, literal(3, 4, 2)], { axis: -1 }),
    ],
    [
      "scaled and then moved to other channels",
      "scaled and cut",
      ({ w, literal, apply }) =>
        apply("slice", [apply("mul", [w, literal(5)])], {
          begin: [0, 0, 0],
          size: [1, 1, 4],
          stride: [1, 1, 1],
        }),
    ],
    [
      "scaled and then moved to other channels",
      "scaled and transposed",
      ({ w, literal, apply }) => apply("transpose", [apply("mul", [w, literal(5)])], { perm: [2, 1, 0] }),
    ],
    [
      "padded with a number that has no code",
      "padded with zeros",
      ({ w, apply }) =>
        apply("pad", [w], { before: [1, 0, 0], after: [0, 0, 0], mode: "constant", value: 0 }),
    ],
  ])("is lost if the weight is %s (%s)", (why, _, make) => {
    const files = fileOf([3, 4, 5], byte);
    expect(ownForm(files.store, make(files))).toEqual({ why });
  });

  test("zeros are added to codes that have one", () => {
    const { store, w, apply } = fileOf([3, 4, 5], { ...byte, min: 0 });
    const id = apply("pad", [w], { before: [1, 0, 0], after: [0, 0, 2], mode: "constant", value: 0 });
    const form = ownForm(store, id);
    if (!form || "why" in form) expect.fail("no form");
    expect([...widen(form, new Float32Array(4 * 4 * 7))]).toEqual([...store.readF32(id)]);
  });

  test("values that would be packed as 0 in f32, or that f32 cannot hold, stay f32", () => {
    for (const scale of [1e37, 1e-40, Number.POSITIVE_INFINITY, Number.NaN]) {
      const { store, w } = fileOf([3, 4, 5], { ...byte, scale, min: 0 });
      const found = ownForm(store, w)!;
      // Tiny values alone are fine: nothing is negligible next to others.
      expect("why" in found, `${scale}`).toBe(scale !== 1e-40);
    }
    const { store, w, apply } = fileOf([3, 4, 5], byte);
    const data = Float32Array.of(1, 1e-30, 1e-37, 1, 1e10);
    const factors = store.add("far", f32(5), { kind: "literal", data });
    expect(ownForm(store, apply("mul", [w, factors]))).toEqual({ why: "values may be too far apart" });
  });

  test("long formulas, and those that use a part many times, take no time", () => {
    const { store, w, apply } = fileOf([3, 4, 5], byte);
    let [chain, sum] = [w, w];
    for (let level = 0; level < 5000; level += 1) chain = apply("relu", [chain]);
    for (let level = 0; level < 60; level += 1) sum = apply("add", [sum, sum]);
    expect(ownForm(store, chain)).toBeUndefined();
    expect(ownForm(store, sum)).toEqual({ why: "computed from several weights" });
  });

  test("weights of f32 have none", () => {
    const { store, id } = literal([1, 2]);
    expect(ownForm(store, id)).toBeUndefined();
  });
});
