// Properties of every op, for all types and attributes.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { OpName } from "#ir/graph.js";
import type { Tensor } from "#ir/tensor.js";
import { tensor } from "#ir/tensor.js";
import type { TensorType } from "#ir/type.js";
import { elements, sameType } from "#ir/type.js";
import { inferType, normalizeAttributes, opOf, ops } from "#ops/index.js";
import { isProblem } from "#ops/op.js";
import { seededRandom } from "#ops/random.js";
import { scaled } from "../scale.js";
import { randomOperands } from "./values.js";

const names = (Object.keys(ops) as OpName[]).filter((name) => name !== "input" && name !== "constant");
const samples = scaled(60);

describe("samples are valid, and have the form of nodes in graphs", () => {
  test.each(names)("%s", (name) => {
    for (let seed = 0; seed < samples; seed += 1) {
      const { inputs, attributes } = opOf(name).sample(seededRandom(seed));
      const what = `seed ${seed}: ${JSON.stringify({ inputs, attributes })}`;
      expect(inferType(name, inputs, attributes as never), what).not.toHaveProperty("problem");
      expect(normalizeAttributes(name, inputs, attributes), what).toEqual(attributes);
    }
  });
});

describe("samples of an op differ", () => {
  test.each(names)("%s", (name) => {
    const drawn = Array.from({ length: 60 }, (_, seed) =>
      JSON.stringify(opOf(name).sample(seededRandom(seed))),
    );
    expect(new Set(drawn).size).toBeGreaterThan(15);
  });
});

describe("evaluation does not change its operands, and repeats its result", () => {
  test.each(names)("%s", (name) => {
    for (let seed = 0; seed < scaled(10); seed += 1) {
      const { types, values, attributes, output } = sampled(name, seed);
      const before = structuredClone(values);
      const first = opOf(name).eval(values, attributes, output);
      expect(values, `seed ${seed}: ${JSON.stringify(types)}`).toEqual(before);
      expect(opOf(name).eval(values, attributes, output)).toEqual(first);
    }
  });
});

describe("an op that does not mix samples gives the results of two samples one after the other", () => {
  /** Ops whose attributes contain the extent of the batch. */
  const fixed: readonly OpName[] = ["reshape", "slice"];
  test.each(names.filter((name) => !fixed.includes(name)))("%s", (name) => {
    const op = opOf(name);
    let checked = 0;
    for (let seed = 0; checked < 5; seed += 1) {
      if (seed === 1000) throw new Error("no sample has a batch of one");
      const { types, values, attributes, output } = sampled(name, seed);
      const role = (at: number): string => (op.operands[at] ?? op.operands.at(-1))?.role ?? "data";
      const rank = output.shape.length;
      // The data operands have the batch axis, unless they have a lower rank and so broadcast as constants.
      const carries = types.map(({ shape }, at) => role(at) === "data" && shape.length > 0 && shape[0] === 1);
      if (
        op.mixesBatch(types, attributes, carries) ||
        !types.every((type, at) => carries[at] || isShared(type, at))
      )
        continue;
      if (
        op.classes.includes("elementwise") &&
        !types.every((type, at) => !carries[at] || type.shape.length === rank)
      )
        continue;
      const others = randomOperands(seededRandom(seed + 1), name, types).map((other, at) =>
        carries[at] ? other : values[at]!,
      );
      const doubled = types.map((type, at) => (carries[at] ? twice(type) : type));
      const type = inferType(name, doubled, attributes as never);
      if (isProblem(type)) throw new Error(type.problem);
      const both = op.eval(
        values.map((value, at) => (carries[at] ? joined(value, others[at]!) : value)),
        attributes,
        type,
      );
      const apart = [values, others].map((one) => op.eval(one, attributes, output));
      expect(both, `seed ${seed}: ${JSON.stringify({ types, attributes })}`).toEqual(
        joined(apart[0]!, apart[1]!),
      );
      checked += 1;

      function isShared({ shape }: TensorType, at: number): boolean {
        return role(at) === "weight" || shape.length < rank;
      }
    }
  });
});

describe("types and attributes of any kind give a type or a problem", () => {
  const extent = fc.oneof(
    fc.integer({ min: 1, max: 6 }),
    fc.constantFrom(0, -1, 1.5, 2 ** 16, 2 ** 31, 2 ** 53),
  );
  const type = fc.array(extent, { maxLength: 5 }).map((shape): TensorType => ({ dtype: "f32", shape }));
  const small = fc.oneof(fc.integer({ min: -4, max: 6 }), fc.constantFrom(0, 2 ** 31, 2 ** 53));
  const valid = fc.record({
    name: fc.constantFrom(...names),
    seed: fc.nat(),
    types: fc.array(type, { maxLength: 6 }),
  });

  test("on random types and changed attributes", () => {
    fc.assert(
      fc.property(
        valid,
        fc.array(small, { maxLength: 6 }),
        fc.nat(),
        ({ name, seed, types }, numbers, choice) => {
          const op = opOf(name);
          const drawn = op.sample(seededRandom(seed));
          const inputs =
            choice % 3 === 0
              ? types
              : drawn.inputs.with(choice % drawn.inputs.length, types[0] ?? drawn.inputs[0]!);
          const attributes = Object.fromEntries(
            Object.entries(op.attributes).map(([key, kind], at) => {
              const values = numbers.slice(at);
              const bent =
                kind.parse({ kind: "list", value: values, size: false }) ??
                kind.parse({ kind: "number", value: values[0] ?? 1 }) ??
                kind.parse({
                  kind: "name",
                  value: kind.members?.[choice % (kind.members.length || 1)] ?? "",
                });
              return [key, choice % 2 === 0 && bent !== undefined ? bent : drawn.attributes[key]];
            }),
          ) as typeof drawn.attributes;

          const normal = normalizeAttributes(name, inputs, attributes);
          if (isProblem(normal)) return;
          const result = inferType(name, inputs, normal as never);
          if (isProblem(result)) return;
          expect(result.shape.every((one) => Number.isInteger(one) && one >= 1)).toBe(true);
          expect(elements(result.shape)).toBeLessThanOrEqual(2 ** 31);
          expect(normalizeAttributes(name, inputs, normal)).toEqual(normal);
          expect(op.macs(inputs, normal, result)).toBeGreaterThanOrEqual(0);
          const again = inferType(name, inputs, attributes as never);
          expect(!isProblem(again) && sameType(again, result)).toBe(true);
          op.mixesBatch(
            inputs,
            normal,
            inputs.map(() => true),
          );
          for (const derive of Object.values(op.derived ?? {})) derive(inputs, normal);
          // If there is a type, the op must also compute it.
          const modest = Object.values(normal)
            .flat()
            .every((one) => Number(one) < 1000 || typeof one !== "number");
          if (
            modest &&
            inputs.every(({ shape }) => elements(shape) < 5000) &&
            elements(result.shape) < 5000
          ) {
            const values = randomOperands(seededRandom(seed), name, inputs);
            const value = op.eval(values, normal, result);
            expect(value.shape).toEqual(result.shape);
            expect(value.data.length).toBe(elements(result.shape));
          }
        },
      ),
      { seed: 1, numRuns: scaled(5000) },
    );
  });
});

function sampled(name: OpName, seed: number) {
  const random = seededRandom(seed);
  const { inputs: types, attributes } = opOf(name).sample(random);
  const values = randomOperands(random, name, types);
  const output = inferType(name, types, attributes as never);
  if (isProblem(output)) throw new Error(output.problem);
  return { types, values, attributes, output };
}

function twice({ dtype, shape }: TensorType): TensorType {
  return { dtype, shape: [2, ...shape.slice(1)] };
}

function joined(a: Tensor, b: Tensor): Tensor {
  return tensor([2, ...a.shape.slice(1)], (flat) =>
    flat < a.data.length ? a.data[flat]! : b.data[flat - a.data.length]!,
  );
}
