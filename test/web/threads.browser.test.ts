// Threads of an emitted WebAssembly module in Chromium, in a page and in a worker: the same results bit for bit; and without
// cross-origin isolation a warning and one thread.

import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compile } from "#compile/compile.js";
import { interpret } from "#interpret/interpret.js";
import { firstDifference, longestReduction } from "#interpret/tolerance.js";
import { inputNodes } from "#ir/graph.js";
import { elements } from "#ir/type.js";
import { seededRandom } from "#ops/random.js";
import { readModel } from "../../src/node/index.js";
import type { Server } from "./chromium.js";
import { hasChromium, inPage, isolation, launch, ready, serve, watch } from "./chromium.js";

const { value: model } = readModel(join(import.meta.dirname, "../../examples/fm_resnet16.net"));
const { value: artifact } = compile(model!, { target: "wasm" });

/** What a page or worker does: three samples, twice with `run`, and once with `runSync`; every launch is divided. */
const work = `
import { load } from "/${artifact!.name}.mjs";
export async function work(image, threads) {
  const net = await load({ threads, leastWork: 0, poison: true });
  const inputs = { image: Float32Array.from(image) };
  const results = await Promise.all([net.run(inputs), net.run(inputs)]);
  results.push(net.runSync(inputs));
  net.dispose();
  return { threads: net.threads, results: results.map(({ logits }) => [...logits]) };
}`;

const files: Readonly<Record<string, string | Uint8Array>> = {
  "/": `<!doctype html><link rel="icon" href="data:,"><script type="module">
    import { work } from "/work.mjs";
    globalThis.inPage = work;
    globalThis.inWorker = (...call) => new Promise((resolve, reject) => {
      const worker = new Worker("/worker.mjs", { type: "module" });
      worker.onmessage = ({ data }) => { worker.terminate(); resolve(data); };
      worker.onerror = reject;
      worker.postMessage(call);
    });
  </script>`,
  "/work.mjs": work,
  "/worker.mjs": `import { work } from "/work.mjs";
    addEventListener("message", async ({ data }) => postMessage(await work(...data).catch(String)));`,
  [`/${artifact!.name}.mjs`]: artifact!.module,
  [`/${artifact!.name}.packed.safetensors`]: artifact!.weights!,
};

interface Work {
  readonly threads: number;
  readonly results: readonly (readonly number[])[];
}

describe.skipIf(!hasChromium)("threads in Chromium", () => {
  const random = seededRandom(7);
  const [port] = inputNodes(model!.graph);
  const image = Array.from({ length: 3 * elements(port!.type.shape) }, () => Math.fround(random.normal()));
  let browser: Browser;
  /** What one thread of the browser computes. */
  let single: readonly number[];

  beforeAll(async () => {
    browser = await launch();
    await open(isolation, async (page) => {
      single = (await call(page, "inPage", 1)).results[0]!;
    });
    const size = elements(port!.type.shape);
    const wanted = [0, 1, 2].flatMap((sample) => {
      const data = Float64Array.from(image.slice(sample * size, (sample + 1) * size));
      return [
        ...interpret(model!, new Map([["image", { shape: port!.type.shape, data }]])).get("logits")!.data,
      ];
    });
    expect(firstDifference(single, wanted, longestReduction(model!))).toBe(-1);
  }, 60_000);

  afterAll(() => browser?.close());

  async function open(
    headers: Readonly<Record<string, string>>,
    visit: (page: Page, warnings: readonly string[]) => Promise<void>,
  ): Promise<void> {
    const server: Server = await serve((path) => files[path], headers);
    const context = await browser.newContext();
    try {
      const page = await context.newPage();
      const { problems, warnings } = watch(page);
      await page.goto(server.url);
      await ready(page, "inWorker");
      await visit(page, warnings);
      expect(problems).toEqual([]);
    } finally {
      await context.close();
      server.close();
    }
  }

  const call = (page: Page, where: "inPage" | "inWorker", threads: number): Promise<Work> =>
    inPage(page, `(...call) => ${where}(...call)`, image, threads);

  describe.each(["inPage", "inWorker"] as const)("%s", (where) => {
    test.each([2, 3])("%i threads give what one gives", async (threads) => {
      await open(isolation, async (page, warnings) => {
        expect(await inPage<boolean>(page, "() => crossOriginIsolated")).toBe(true);
        const done = await call(page, where, threads);
        expect(done.threads).toBe(threads);
        expect(done.results).toEqual([single, single, single]);
        expect(warnings).toEqual([]);
      });
    });

    test("without isolation: one thread, and a warning that names the headers", async () => {
      await open({}, async (page, warnings) => {
        expect(await inPage<boolean>(page, "() => crossOriginIsolated")).toBe(false);
        const done = await call(page, where, 2);
        expect(done.threads).toBe(1);
        expect(done.results).toEqual([single, single, single]);
        expect(warnings).toHaveLength(1);
        expect(warnings[0]).toMatch(
          /one thread instead of 2.*Cross-Origin-Opener-Policy.*Cross-Origin-Embedder-Policy/,
        );
      });
    });
  });
});
