// Random quantized networks on a real adapter: the integers of the interpreter.

import { expect, test } from "vitest";
import { compile } from "#compile/compile.js";
import { load } from "#compile/load.js";
import { importOnnx } from "#import/onnx/import-onnx.js";
import { interpret } from "#interpret/interpret.js";
import { seededRandom } from "#ops/random.js";
import { seedsFor } from "../scale.js";
import { computingDevice, describeOn } from "../backend/wgsl/device.js";
import { randomQuantized } from "./random-quantized.js";
import { modelOf } from "./text-model.js";

const device = await computingDevice();

describeOn(device)("quantized networks on an adapter", () => {
  test.each(["QDQ", "QLinear"] as const)(
    "%s",
    async (form) => {
      const count = { all: 0, same: 0 };
      for (const seed of seedsFor(20)) {
        const random = seededRandom(seed + 500);
        const { text, shape } = randomQuantized(random, form);
        // A function in f32 may fall on another side of a tie, and the step then adds to others.
        if (/LeakyRelu|Sigmoid/.test(text)) continue;
        const module = importOnnx(modelOf(text), { file: "net.onnx" }).value!;
        const data = Float32Array.from(
          { length: shape.reduce((product, extent) => product * extent, 1) },
          () => random.normal(),
        );
        const expected = interpret(module, new Map([["x", { shape, data: Float64Array.from(data) }]]));
        const net = await load(compile(module, { target: "wgsl" }).value!, { device: device! });
        const actual = await net.run({ x: data });
        net.dispose();
        for (const [name, { data: wanted }] of expected) {
          const steps = wanted.map((value, at) => Math.abs(value - actual[name]![at]!));
          // A GPU may round a quotient to a neighbour of the nearest float, which can be on the other side of a tie.
          expect(Math.max(...steps), `${name} of\n${text}`).toBeLessThanOrEqual(1);
          count.all += steps.length;
          count.same += steps.filter((step) => step === 0).length;
        }
      }
      expect(count.same / count.all).toBeGreaterThan(0.999);
    },
    240_000,
  );
});
