// Exported conversions whose scales have any shape and come from anywhere: the file is valid, and onnxruntime computes the same.

import * as ort from "onnxruntime-web";
import { expect, test } from "vitest";
import { elaborate } from "#elaborate/elaborate.js";
import { parse } from "#grammar/reading/parse.js";
import { importOnnx } from "#import/onnx/import-onnx.js";
import { interpret } from "#interpret/interpret.js";
import type { Tensor } from "#ir/tensor.js";
import type { Shape } from "#ir/type.js";
import { elements } from "#ir/type.js";
import { seededRandom } from "#ops/random.js";
import { randomInputs } from "../op-module.js";
import { exported, integerOpsets } from "./exported.js";

const image: Shape = [1, 4, 5, 3];

/** All shapes that broadcast to an image: each axis is whole or 1, and leading ones may be missing. */
const shapes: readonly Shape[] = image.reduce<Shape[]>(
  (tails, _, at) => {
    const extent = image[image.length - 1 - at] ?? 1;
    const longest = tails.filter(({ length }) => length === at);
    return [...tails, ...longest.flatMap((tail) => [...new Set([1, extent])].map((one) => [one, ...tail]))];
  },
  [[]],
);

/** The scales of each run, or a constant. */
const sources = {
  computed: (dims: string) => `input scales: f32[${dims}]\n  s = abs(scales) * 0.02 + 0.01`,
  constant: (_: string, shape: Shape) => {
    const values = Array.from({ length: elements(shape) }, (__, at) => 0.01 + 0.001 * (at % 7));
    return `param flat: f32[${values.length}] = [${values.join(", ")}]\n  s = reshape(flat, shape=[${shape.join(", ")}])`;
  },
};

/** Where x comes from: in the file, results of convolutions have their channels first. */
const places = { "an input": "image", "a convolution": "conv2d(image, filters=3, kernel=1x1)" };

/** The samples of a net side by side, as onnxruntime takes and gives them; values without an open batch are the same in all. */
function joined(values: readonly Tensor[], isBatched: boolean): Float64Array {
  return Float64Array.from((isBatched ? values : values.slice(0, 1)).flatMap(({ data }) => [...data]));
}

const types = ["i8", "u8", "i16", "i32"] as const;
const cases = shapes.flatMap((shape) =>
  types.flatMap((type) => (["1", "N"] as const).map((batch) => [shape, type, batch] as const)),
);

test.each(cases)("scales %j of %s in a batch of %s", async (shape, type, batch) => {
  const isBatched = (dims: Shape): boolean => batch === "N" && dims.length === image.length;
  const dimsOf = (of: Shape): string => (isBatched(of) ? [batch, ...of.slice(1)] : of).join(", ");
  for (const [from, source] of Object.entries(sources)) {
    // In a net with an open batch, all inputs have it.
    if (from === "computed" && batch === "N" && !isBatched(shape)) continue;
    for (const [place, x] of Object.entries(places)) {
      const text = `net scales {
  input image: f32[${dimsOf(image)}]
  ${source(dimsOf(shape), shape)}
  x = ${x}
  q = quantize(x, s, zero=2, type="${type}")
  output q
  output y = dequantize(q, s, zero=2)
}`;
      const { value: module, diagnostics } = elaborate(parse(text, "net.net").value!);
      expect(diagnostics, text).toEqual([]);
      const count = batch === "N" ? 3 : 1;
      const drawn = Array.from({ length: count }, (_, at) => randomInputs(module!, seededRandom(at)));
      const names = [...drawn[0]!.keys()];
      const samples = drawn.map(
        (inputs) =>
          // What is not batched is the same for all samples.
          new Map(
            names.map((name) => [
              name,
              isBatched(inputs.get(name)!.shape) ? inputs.get(name)! : drawn[0]!.get(name)!,
            ]),
          ),
      );
      const expected = samples.map((inputs) => interpret(module!, inputs));
      for (const opset of integerOpsets) {
        const what = `${from}, x of ${place}, opset ${opset}:\n${text}`;
        const bytes = exported(module!, { opset });
        const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 });
        const feeds = names.map((name) => {
          const { shape: own } = samples[0]!.get(name)!;
          const data = Float32Array.from(
            joined(
              samples.map((one) => one.get(name)!),
              isBatched(own),
            ),
          );
          return [
            name,
            new ort.Tensor("float32", data, isBatched(own) ? [count, ...own.slice(1)] : own),
          ] as const;
        });
        const peer = await session.run(Object.fromEntries(feeds));
        await session.release();
        const again = importOnnx(bytes, { file: "net.onnx" });
        expect(again.diagnostics, what).toEqual([]);
        const imported = samples.map((inputs) => interpret(again.value!, inputs));
        for (const name of ["q", "y"]) {
          const wanted = joined(
            expected.map((one) => one.get(name)!),
            true,
          );
          const results = [
            Float64Array.from(peer[name]!.data as ArrayLike<number>, Number),
            joined(
              imported.map((one) => one.get(name)!),
              true,
            ),
          ];
          for (const actual of results) {
            const off = wanted.map((value, at) => Math.abs(value - actual[at]!));
            expect(Math.max(...off), `${name}, ${what}`).toBeLessThanOrEqual(name === "q" ? 0 : 1e-5);
          }
        }
      }
    }
  }
});
