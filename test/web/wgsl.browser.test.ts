// Emitted modules for WebGPU in Chromium against the interpreter: every op, random nets and graphs, the examples; and every way
// to fail.

import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import type { Artifact } from "#backend/artifact.js";
import { compile } from "#compile/compile.js";
import { emit } from "#compile/emit.js";
import { interpret } from "#interpret/interpret.js";
import { inputNodes } from "#ir/graph.js";
import { elements, isInteger } from "#ir/type.js";
import { drawIntegers, drawValues } from "#ops/distributions.js";
import { seededRandom } from "#ops/random.js";
import { randomBytes } from "../backend/random-bytes.js";
import { exampleCase, graphCases, netCases, opCases } from "../backend/wgsl/cases.js";
import { computingOps } from "../op-module.js";
import { scaled } from "../scale.js";
import { moduleOf } from "../schedule/module-of.js";
import type { AdapterPage } from "./adapter.js";
import { openAdapterPage } from "./adapter.js";
import { inPage, launch, ready, untrusted } from "./chromium.js";

const samples = scaled(2);
const seeds = scaled(4);
const slow = 300_000;

/** Does something with a module, and says the code of the error. */
const script = `
globalThis.failures = {
  load: async ({ load }) => (await load()).dispose(),
  lost: async ({ load }, inputs) => {
    const net = await load();
    net.device.destroy();
    await net.run(inputs);
  },
  refused: async ({ load }, inputs) => {
    const net = await load({ device });
    const buffer = device.createBuffer({ size: 4 * inputs.x.length, usage: GPUBufferUsage.STORAGE });
    buffer.destroy();
    await net.run({ x: buffer });
  },
  full: async ({ load }) => {
    const fresh = await navigator.gpu.requestAdapter();
    const { maxBufferSize } = fresh.limits;
    const own = await fresh.requestDevice({ requiredLimits: { maxBufferSize } });
    const hungry = new Proxy(own, {
      get(target, key) {
        if (key === "createBuffer")
          return (wish) => own.createBuffer(wish.mappedAtCreation ? wish : { ...wish, size: maxBufferSize });
        const value = Reflect.get(target, key);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    await load({ device: hungry });
  },
};

globalThis.codeOf = async (failure, address, x) => {
  const module = await import(address);
  return failures[failure](module, { x: Float32Array.from(x) }).then(
    () => "none",
    (error) => (error.name === "GpuError" ? error.code : String(error)),
  );
};
`;

const adapter = await openAdapterPage(script);

describe.skipIf(!adapter)("in Chromium", () => {
  const expectAgreement: AdapterPage["expectAgreement"] = (...given) => adapter!.expectAgreement(...given);

  test(
    "every op",
    async () => {
      const all = computingOps.flatMap((op) => opCases(op, samples));
      for (let start = 0; start < all.length; start += 16)
        await expectAgreement(all.slice(start, start + 16));
    },
    slow,
  );

  test("random nets, fused", () => expectAgreement(netCases(seeds)), slow);
  test("random graphs over all ops, fused", () => expectAgreement(graphCases(seeds)), slow);
  test(
    "modules for f16, in halves where the adapter has them",
    () => expectAgreement([...netCases(2), exampleCase("fm_mobile.net")], true),
    slow,
  );
  // The tier gpu runs all examples, by the same implementation without a browser.
  test.each(["convnext_tiny.net", "fm_mobile.net", "unet.net"])(
    "%s, optimized, at a small size",
    (file) => expectAgreement([exampleCase(file)]),
    slow,
  );

  test(
    "nets of bytes have the bits of the interpreter, with the dot product of WGSL and without",
    async () => {
      const feature = "packed_4x8_integer_dot_product";
      const hasFeature = await adapter!.page.evaluate(`navigator.gpu.wgslLanguageFeatures.has("${feature}")`);
      expect(hasFeature).toBe(true);
      for (let seed = 1; seed <= 2 * seeds; seed += 1) {
        const random = seededRandom(seed);
        const text = randomBytes(random);
        const model = moduleOf(text);
        const { dtype, shape } = inputNodes(model.graph)[0]!.type;
        const count = elements(shape);
        const x = isInteger(dtype) ? drawIntegers(random, dtype, count) : drawValues(random, "normal", count);
        const expected = [...interpret(model, new Map([["x", { shape, data: Float64Array.from(x) }]]))];
        const artifact = compile(model, { target: "wgsl" }).value!;
        const without = { ...artifact, module: artifact.module.replaceAll(feature, "none_of_this_name") };
        for (const made of [artifact, without]) {
          const given = [{ address: adapter!.place(made), inputs: { x: [...x] } }];
          const [result] = await inPage<{ outputs: Record<string, number[]> }[]>(
            adapter!.page,
            "(modules) => runAll(modules)",
            given,
          );
          for (const [name, { data }] of expected)
            expect(Object.values(result!.outputs[name]!), text).toEqual([...Float32Array.from(data)]);
        }
      }
    },
    slow,
  );

  describe("errors have codes", () => {
    const model = moduleOf(
      "net n {\n  input x: f32[1, 2, 2, 4]\n  output y = conv2d(x, filters=4, kernel=1x1) |> exp\n}",
    );
    const artifact = emit(model, { target: "wgsl" });
    const x = [...Array(16).keys()].map((k) => k / 16);
    const codeOf = (on: Page, failure: string, made: Artifact = artifact): Promise<string> =>
      inPage(on, "(...call) => codeOf(...call)", failure, adapter!.place(made), x);

    test("a lost device, after which a new load works", async () => {
      expect(await codeOf(adapter!.page, "lost")).toBe("device-lost");
      expect(await codeOf(adapter!.page, "load")).toBe("none");
    });

    test("refused commands and shaders", async () => {
      expect(await codeOf(adapter!.page, "refused")).toBe("validation");
      const broken = { ...artifact, module: artifact.module.replace("@compute", "@computer") };
      expect(await codeOf(adapter!.page, "load", broken)).toBe("validation");
    });

    test("what the compiler says of a shader is heard by these tests", async () => {
      const warned = artifact.module.replace("@compute", "fn unused() { return; return; }\n\n@compute");
      const address = adapter!.place({ ...artifact, module: warned });
      await inPage(adapter!.page, "(modules) => runAll(modules)", [{ address, inputs: { x } }]);
      await expect.poll(() => adapter!.seen.warnings.splice(0).join()).toContain("unreachable");
    });

    test("memory that cannot be had", async () => {
      expect(await codeOf(adapter!.page, "full")).toBe("out-of-memory");
    });

    test("too small limits", async () => {
      const large = artifact.module.replace(/(maxStorageBuffersPerShaderStage: )\d+/, "$1100");
      expect(await codeOf(adapter!.page, "load", { ...artifact, module: large })).toBe("limits");
    });

    test("a page that is not trusted has no WebGPU, and a browser may have no adapter", async () => {
      const other = await launch({ adapter: false });
      try {
        const visited = await other.newPage();
        await visited.goto(adapter!.server.url);
        await ready(visited, "adapter");
        expect(await codeOf(visited, "load")).toBe("no-adapter");
        await visited.goto(adapter!.server.url.replace("localhost", untrusted));
        await ready(visited, "adapter");
        expect(await codeOf(visited, "load")).toBe("no-webgpu");
      } finally {
        await other.close();
      }
    });
  });
});
