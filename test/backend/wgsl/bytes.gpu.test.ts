// Nets of bytes on WebGPU have the bits of the interpreter, with the dot product of WGSL and without, alone and in subgroups.

import { expect, test } from "vitest";
import type { Artifact } from "#backend/artifact.js";
import { adapterClasses } from "#backend/wgsl/adapter.js";
import { compile } from "#compile/compile.js";
import { load } from "#compile/load.js";
import { interpret } from "#interpret/interpret.js";
import { inputNodes } from "#ir/graph.js";
import { elements, isInteger } from "#ir/type.js";
import { drawIntegers, drawValues } from "#ops/distributions.js";
import { seededRandom } from "#ops/random.js";
import { nodeGpu } from "../../../src/node/gpu.js";
import { seedsFor } from "../../scale.js";
import { moduleOf } from "../../schedule/module-of.js";
import { randomBytes } from "../random-bytes.js";
import { complain, computingDevice, describeOn } from "./device.js";

const devices = { alone: await computingDevice(), subgroups: await computingDevice({ subgroups: true }) };
const feature = "packed_4x8_integer_dot_product";
const slow = 300_000;

const gpu = (await nodeGpu()).value as GPU | undefined;
const hasFeature = gpu?.wgslLanguageFeatures.has(feature) === true;
if (gpu && !hasFeature) complain(`NO WGSL WITH ${feature}: its form is not run here.`);

/** What `load` may find: this implementation, and one that lacks the feature. */
const lacking = { wgslLanguageFeatures: new Set<string>(), requestAdapter: () => Promise.resolve(null) };
const implementations = [...(hasFeature ? [gpu] : []), lacking];

describeOn(devices.alone)("on an adapter", () => {
  test.each(seedsFor(10))(
    "random nets, seed %i",
    async (seed) => {
      const random = seededRandom(seed + 1);
      const text = randomBytes(random);
      const module = moduleOf(text);
      const [input] = inputNodes(module.graph);
      const { dtype, shape } = input!.type;
      const count = elements(shape);
      const x = isInteger(dtype) ? drawIntegers(random, dtype, count) : drawValues(random, "normal", count);
      const expected = Object.fromEntries(
        [...interpret(module, new Map([["x", { shape, data: Float64Array.from(x) }]]))].map(
          ([name, tensor]) => [name, Float32Array.from(tensor.data)],
        ),
      );
      for (const adapter of adapterClasses) {
        const artifact: Artifact = compile(module, { target: "wgsl", adapter }).value!;
        for (const device of Object.values(devices))
          for (const implementation of implementations) {
            const net = await load(artifact, { poison: true, device: device!, gpu: implementation });
            expect(await net.run({ x }), `${adapter}\n${text}`).toEqual(expected);
            net.dispose();
          }
      }
    },
    slow,
  );
});
