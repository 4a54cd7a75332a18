// Storing weights in fewer bits: what cannot be rounded, small weights without an option, and an option whose pass is left out.

import { describe, expect, test } from "vitest";
import { optimize } from "#compile/optimize.js";
import { elaborate } from "#elaborate/elaborate.js";
import { parse } from "#grammar/reading/parse.js";
import { entryOf } from "#ir/weights.js";
import type { Module } from "#ir/weights.js";
import { floatToHalf } from "#weights/half.js";
import { openWeightBytes } from "#weights/safetensors.js";
import { writeSafetensors } from "#weights/write-safetensors.js";
import { moduleOf } from "../schedule/module-of.js";

/** A convolution whose kernel is stored as halves, the first of them as given. */
function ofHalves(first: number, filters = 16): Module {
  const shape = [3, 3, 4, filters];
  const values = Float32Array.from({ length: 36 * filters }, (_, at) => (at === 0 ? first : (at % 7) - 3));
  const pieces = writeSafetensors([{ name: "w", shape, dtype: "F16", values: () => values }]);
  const file = openWeightBytes(
    Buffer.concat([...pieces].map((one) => Uint8Array.from(one))),
    "w.safetensors",
  );
  const text = `net n {
    weights "w.safetensors"
    input x: f32[1, 8, 8, 4]
    param w: f32[${shape.join(", ")}] = weight("w")
    output y = conv2d(x, w)
  }`;
  return elaborate(parse(text, "n.net").value!, { weights: { open: () => file } }).value!;
}

describe.each(["int8", "f16", undefined] as const)("weights as %s", (weightType) => {
  test.each([Infinity, -Infinity, Number.NaN])("halves with %d keep their bits", (first) => {
    const { module } = optimize(ofHalves(first), { ...(weightType && { weightType }) }).value!;
    const [constant] = [...module.graph.nodes.values()].filter(
      ({ op, name }) => op === "constant" && name === "w",
    );
    const weight = (constant as { attributes: { weight: string } }).attributes.weight;
    const { source } = entryOf(module.weights, weight);
    expect(source).toMatchObject({ kind: "compact", isRounded: false, form: { codes: "float16" } });
    expect(source.kind === "compact" && source.form.read()[0]).toBe(floatToHalf(first));
  });

  test("small weights of a file are no news without an option", () => {
    const { compact } = optimize(ofHalves(1, 2), { ...(weightType && { weightType }) }).value!;
    expect(compact !== undefined).toBe(weightType !== undefined);
  });
});

const net = moduleOf(
  "net n {\n  input x: f32[1, 8, 8, 4]\n  output y = conv2d(x, filters=8, kernel=3x3)\n}\n",
);

test.each([
  [{ weightType: "int8" }, "compact-weights"],
  [{ weightType: "f16" }, "compact-weights"],
  [{ split: { mode: "structural" } }, "split"],
] as const)("%j needs its pass", (options, pass) => {
  for (const selection of [{ without: [pass] }, { passes: ["canonicalize"] }]) {
    const { value, diagnostics } = optimize(net, { ...options, ...selection });
    expect(value).toBeUndefined();
    expect(diagnostics).toMatchObject([{ code: "wrong-option" }]);
    expect(diagnostics[0]!.message).toContain(`has no effect without the pass \`${pass}\``);
  }
  expect(optimize(net, options).diagnostics).toEqual([]);
  expect(optimize(net, { ...options, stopAfter: "canonicalize" }).diagnostics).toEqual([]);
});

test("f32 needs no pass", () => {
  expect(optimize(net, { weightType: "f32", without: ["compact-weights"] }).diagnostics).toEqual([]);
});

test("an unknown type is named", () => {
  expect(() => optimize(net, { weightType: "int4" as "int8" })).toThrow(
    'weightType as "f32" or "f16" or "int8", not "int4"',
  );
});
