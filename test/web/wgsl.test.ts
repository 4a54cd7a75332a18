// Emitted modules for WebGPU in Chromium against the interpreter: every op, random nets and graphs, the examples; and every way
// to fail.

import type { Page } from "playwright-core";
import { afterAll, describe, expect, test } from "vitest";
import type { Artifact } from "#backend/artifact.js";
import { emitWgsl } from "#backend/wgsl/emit.js";
import { emit } from "#compile/emit.js";
import { halfKernels } from "#interpret/tolerance.js";
import type { GpuNet } from "#runtime/wgsl.js";
import type { GpuCase } from "../backend/wgsl/cases.js";
import { exampleCase, exampleFiles, graphCases, netCases, opCases } from "../backend/wgsl/cases.js";
import { arraysOf, disagreement } from "../backend/wgsl/programs.js";
import { computingOps } from "../op-module.js";
import { moduleOf } from "../schedule/module-of.js";
import { hasChromium, inPage, launch, ready, serve, untrusted, watch } from "./chromium.js";

const samples = Number(process.env["SAMPLES"] ?? 2);
const seeds = Number(process.env["SEEDS"] ?? 4);
const slow = 300_000;

/** What the page gives for a module. */
interface Result extends Pick<GpuNet, "precision" | "launches"> {
  readonly outputs: Readonly<Record<string, readonly number[]>>;
}

/** The page: runs modules side by side on one device, or does something with one and says the code of the error. */
const script = `
const adapter = await navigator.gpu?.requestAdapter();
const requiredFeatures = ["shader-f16", "subgroups"].filter((feature) => adapter?.features.has(feature));
const device = await adapter?.requestDevice({ requiredFeatures });
device?.addEventListener("uncapturederror", ({ error }) => console.error(error.message));

async function runOne(address, inputs, options) {
  const { load } = await import(address);
  const net = await load(options);
  const arrays = Object.entries(inputs).map(([name, values]) => [name, Float32Array.from(values)]);
  const outputs = await net.run(Object.fromEntries(arrays));
  net.dispose();
  const { precision, launches } = net;
  const lists = Object.entries(outputs).map(([name, values]) => [name, [...values]]);
  return { outputs: Object.fromEntries(lists), precision, launches };
}

globalThis.runAll = (modules) =>
  Promise.all(modules.map(({ address, inputs }) => runOne(address, inputs, { device, poison: true })));

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
globalThis.adapter = adapter?.info.architecture ?? "none";
`;

const files = new Map<string, string | Uint8Array>();
let folders = 0;

const html = `<!doctype html><link rel="icon" href="data:,"><script type="module">${script}</script>`;
const server = await serve((path) => (path === "/" ? html : files.get(path)), {});
const browser = hasChromium ? await launch() : undefined;
afterAll(async () => {
  await browser?.close();
  server.close();
});

const page = await browser?.newPage();
const seen = page && watch(page);
if (page) await page.goto(server.url).then(() => ready(page, "adapter"));
const hasAdapter = page && (await inPage<string>(page, "() => adapter")) !== "none";
if (page && !hasAdapter) {
  const message = "Chromium finds no WebGPU adapter: nothing of the target wgsl runs in it.";
  if (process.env["CI"]) throw new Error(message);
  process.stderr.write(`\n*** SKIPPED *** ${message}\n\n`);
}

describe.skipIf(!hasAdapter)("in Chromium", () => {
  /** Serves what `cleave compile` would write, in a folder of its own; the module's address. */
  function place({ name, module, weights }: Artifact): string {
    const folder = `/${(folders += 1)}`;
    files.set(`${folder}/${name}.mjs`, module);
    if (weights) files.set(`${folder}/${name}.packed.safetensors`, weights);
    return `${folder}/${name}.mjs`;
  }

  async function expectAgreement(cases: readonly GpuCase[], f16 = false): Promise<void> {
    const given = cases.map(({ program, inputs }) => ({
      address: place(emitWgsl(program, { version: "test", f16 })),
      inputs: Object.fromEntries(
        Object.entries(arraysOf(inputs)).map(([name, values]) => [name, [...values]]),
      ),
    }));
    const results = await inPage<Result[]>(page!, "(modules) => runAll(modules)", given);
    for (const [at, one] of cases.entries()) {
      const { outputs, ...net } = results[at]!;
      expect(disagreement(outputs, one, halfKernels(net)), one.name).toBeUndefined();
    }
    expect(seen).toEqual({ problems: [], warnings: [] });
    files.clear();
  }

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
  test.each(exampleFiles)(
    "%s, optimized, at a small size",
    (file) => expectAgreement([exampleCase(file)]),
    slow,
  );

  describe("errors have codes", () => {
    const model = moduleOf(
      "net n {\n  input x: f32[1, 2, 2, 4]\n  output y = conv2d(x, filters=4, kernel=1x1) |> exp\n}",
    );
    const artifact = emit(model, { target: "wgsl" });
    const x = [...Array(16).keys()].map((k) => k / 16);
    const codeOf = (on: Page, failure: string, made: Artifact = artifact): Promise<string> =>
      inPage(on, "(...call) => codeOf(...call)", failure, place(made), x);

    test("a lost device, after which a new load works", async () => {
      expect(await codeOf(page!, "lost")).toBe("device-lost");
      expect(await codeOf(page!, "load")).toBe("none");
    });

    test("refused commands and shaders", async () => {
      expect(await codeOf(page!, "refused")).toBe("validation");
      const broken = { ...artifact, module: artifact.module.replace("@compute", "@computer") };
      expect(await codeOf(page!, "load", broken)).toBe("validation");
    });

    test("memory that cannot be had", async () => {
      expect(await codeOf(page!, "full")).toBe("out-of-memory");
    });

    test("too small limits", async () => {
      const large = artifact.module.replace(/(maxStorageBuffersPerShaderStage: )\d+/, "$1100");
      expect(await codeOf(page!, "load", { ...artifact, module: large })).toBe("limits");
    });

    test("a page that is not trusted has no WebGPU, and a browser may have no adapter", async () => {
      const other = await launch({ adapter: false });
      try {
        const visited = await other.newPage();
        await visited.goto(server.url);
        await ready(visited, "adapter");
        expect(await codeOf(visited, "load")).toBe("no-adapter");
        await visited.goto(server.url.replace("localhost", untrusted));
        await ready(visited, "adapter");
        expect(await codeOf(visited, "load")).toBe("no-webgpu");
      } finally {
        await other.close();
      }
    });
  });
});
