// The reference meaning of every op against TensorFlow.js, on random types, attributes and values.

import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Node, OpName } from "#ir/graph.js";
import type { Tensor } from "#ir/tensor.js";
import type { TensorType } from "#ir/type.js";
import { elements } from "#ir/type.js";
import { firstDifference } from "#interpret/tolerance.js";
import { inferType, opOf } from "#ops/index.js";
import type { OpClass } from "#ops/op.js";
import { isProblem } from "#ops/op.js";
import { seededRandom } from "#ops/random.js";
import { scaled } from "../scale.js";
import { oracles } from "./oracle.js";
import { randomOperands } from "./values.js";

const samples = scaled(100);

beforeAll(async () => {
  await tf.setBackend("cpu");
  tf.engine().startScope();
});
afterAll(() => tf.engine().endScope());

test.each(Object.keys(oracles) as (keyof typeof oracles)[])("%s", (name) => {
  const op = opOf(name);
  for (let seed = 0; seed < samples; seed += 1) {
    const random = seededRandom(seed);
    const { inputs, attributes } = op.sample(random);
    const output = inferType(name, inputs, attributes as Node["attributes"]);
    const what = `seed ${seed}: ${JSON.stringify({ inputs: inputs.map((type) => type.shape), attributes })}`;
    if (isProblem(output)) throw new Error(`${what}: ${output.problem}`);
    const values = randomOperands(random, name, inputs);
    const reference = op.eval(values, attributes, output);
    expect(reference.shape, what).toEqual(output.shape);
    expect(reference.data.length, what).toBe(elements(output.shape));

    const other = runOracle(name, values, attributes, output);
    expect(other.shape, what).toEqual(output.shape);
    const terms = longest(name, inputs, attributes, output);
    const scale = isSum(name) ? op.eval(values.map(absolute), attributes, output) : reference;
    const at = firstDifference(other.data, reference.data, terms, scale.data);
    if (at >= 0)
      expect.fail(`${what}: element ${at} is ${reference.data[at]}, in TensorFlow.js ${other.data[at]}`);
  }
});

function runOracle(
  name: keyof typeof oracles,
  values: readonly Tensor[],
  attributes: object,
  output: TensorType,
): { shape: readonly number[]; data: ArrayLike<number> } {
  const given = values.map((value) => tf.tensor(Float32Array.from(value.data), [...value.shape]));
  // The one cast: TypeScript does not see that an op's attributes match its oracle.
  const oracle = oracles[name] as (inputs: tf.Tensor[], attributes: object, output: TensorType) => tf.Tensor;
  const result = tf.tidy(() => oracle(given, attributes, output));
  const data = result.dataSync();
  tf.dispose([...given, result]);
  return { shape: result.shape, data };
}

function isSum(name: OpName): boolean {
  const sums: readonly OpClass[] = ["convolution", "matmul", "reduction", "pooling"];
  return opOf(name).classes.some((one) => sums.includes(one));
}

function absolute({ shape, data }: Tensor): Tensor {
  return { shape, data: data.map(Math.abs) };
}

/** The terms of the longest sum of one element. */
function longest(
  name: OpName,
  inputs: readonly TensorType[],
  attributes: object,
  output: TensorType,
): number {
  const op = opOf(name);
  const count = elements(output.shape);
  const sums = op.macs(inputs, attributes as never, output) / count;
  return Math.max(1, sums, ...inputs.map((type) => elements(type.shape) / count));
}
