// Output metrics against Jᵀ·J of a small net, whose Jacobian comes from differences.

import { expect, test } from "vitest";
import { openProducts } from "#calibrate/algebra/products.js";
import { samplesOf } from "#calibrate/samples.js";
import { elaborate } from "#elaborate/elaborate.js";
import { outputMetrics } from "#gradient/output-metrics.js";
import { parse } from "#grammar/reading/parse.js";
import { probeModule } from "#calibrate/probe-module.js";
import { interpret, interpretAll } from "#interpret/interpret.js";
import { tensor } from "#ir/tensor.js";
import { seededRandom } from "#ops/random.js";

const text = `net small {
  input image: f32[1, 5, 4, 2]
  a = conv2d(image, filters=4, kernel=3x3, padding=same)
  b = conv2d(relu(a), filters=3, kernel=3x3, stride=2)
  y = softmax(dense(global_avg_pool(tanh(b)), units=6))
  output y
}`;
const module = elaborate(parse(text, "test.net").value!).value!;
const idOf = (name: string): number =>
  [...module.graph.nodes.values()].find((node) => node.name === name)!.id;
const random = seededRandom(8);
const image = Float32Array.from({ length: 40 }, () => random.normal());

/** Σ over positions of Jᵀ·J, J = ∂logits/∂(channels at a position), by central differences. */
function expected(name: string): number[] {
  const id = idOf(name);
  const softmax = module.graph.nodes.get(module.graph.outputs[0]!.node)!;
  const logits = softmax.inputs[0]!;
  const inputs = new Map([["image", tensor([1, 5, 4, 2], (at) => image[at]!)]]);
  const value = interpretAll(module, inputs).get(id)!;
  const rest = probeModule(module, [logits], [id]);
  const output = rest.graph.outputs[0]!.name;
  const at = (data: Float64Array) =>
    interpret(rest, new Map([[name, { shape: value.shape, data }]])).get(output)!.data;
  const c = value.shape.at(-1)!;
  const columns = [...value.data.keys()].map((index) => {
    const moved = (by: number) => at(value.data.with(index, value.data[index]! + by));
    const [up, down] = [moved(1e-5), moved(-1e-5)];
    return up.map((y, k) => (y - down[k]!) / 2e-5);
  });
  return Array.from({ length: c * c }, (_, flat) => {
    let sum = 0;
    for (let position = 0; position < value.data.length / c; position += 1) {
      const [row, column] = [
        columns[position * c + Math.floor(flat / c)]!,
        columns[position * c + (flat % c)]!,
      ];
      for (const [k, one] of row.entries()) sum += one * column[k]!;
    }
    return sum;
  });
}

test("the expectation over random weights is Jᵀ·J of the softmax's operand", async () => {
  const products = openProducts();
  const count = 3000;
  const samples = samplesOf(Array.from({ length: count }, () => ({ image })));
  const nodes = [idOf("a"), idOf("b")];
  const { value } = await outputMetrics(module, nodes, samples, { products, seed: 1 });
  for (const [at, name] of ["a", "b"].entries()) {
    const found = [...value!.get(nodes[at]!)!.data].map((sum) => sum / count);
    const wanted = expected(name);
    const size = Math.hypot(...wanted);
    // The mean of 3,000 draws of v vᵀ, whose elements deviate by √2 at most.
    expect(Math.hypot(...found.map((one, k) => one - wanted[k]!)) / size).toBeLessThan(0.1);
    expect(size).toBeGreaterThan(0.001);
  }
  products.dispose();
});

test("the same seed gives the same bits, another seed others", async () => {
  const products = openProducts();
  const samples = samplesOf([{ image }, { image: image.map((x) => -x) }]);
  const run = async (seed: number) => {
    const { value } = await outputMetrics(module, [idOf("a")], samples, { products, seed });
    return [...value!.get(idOf("a"))!.data];
  };
  const first = await run(5);
  expect(await run(5)).toEqual(first);
  expect(await run(6)).not.toEqual(first);
  products.dispose();
});
