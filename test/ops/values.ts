// Random values of operands for tests of ops.

import type { OpName } from "#ir/graph.js";
import type { Tensor } from "#ir/tensor.js";
import { tensor } from "#ir/tensor.js";
import type { IntegerType, TensorType } from "#ir/type.js";
import { integerRanges, isInteger } from "#ir/type.js";
import { opOf } from "#ops/index.js";
import type { Random } from "#ops/random.js";

/** Values that f32 holds exactly: mostly normally distributed, with zeros, whole numbers and halves among them. */
function randomTensor(random: Random, { dtype, shape }: TensorType): Tensor {
  if (isInteger(dtype)) return randomIntegers(random, dtype, shape);
  return tensor(shape, () =>
    random.next() < 0.15 ? random.int(-6, 6) / 2 : Math.fround(random.normal() * 1.5),
  );
}

/** Integers of a type, its bounds among them, that f32 holds exactly. */
export function randomIntegers(random: Random, dtype: IntegerType, shape: readonly number[]): Tensor {
  const [least, greatest] = integerRanges[dtype].map((bound) =>
    Math.max(-(2 ** 20), Math.min(2 ** 20, bound)),
  ) as [number, number];
  return tensor(shape, () =>
    random.next() < 0.1 ? random.pick([least, greatest, 0]) : random.int(least, greatest),
  );
}

/** Whole numbers around 0, some far outside any tensor. */
export function randomPlaces(random: Random, { shape }: TensorType): Tensor {
  return tensor(shape, () => (random.next() < 0.9 ? random.int(-9, 9) : random.pick([-1e9, 1e9, 2 ** 24])));
}

/** Values for all operands of an op; a variance or step is positive, and indices are whole numbers. */
export function randomOperands(random: Random, op: OpName, types: readonly TensorType[]): Tensor[] {
  return types.map((type, index) => {
    if (opOf(op).operands[index]?.places) return randomPlaces(random, type);
    const value = randomTensor(random, type);
    const isStep = opOf(op).integers === "converts" && index === 1;
    if (!isStep && opOf(op).operands[index]?.name !== "variance") return value;
    return tensor(type.shape, (flat) => Math.fround(Math.abs(value.data[flat]!) + 0.1));
  });
}
