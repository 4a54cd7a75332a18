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
const { value: withFile } = compile(model!, { target: "wasm", workerFile: true });

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

/** The same with a file of the worker's script. */
const filesWithWorker: typeof files = {
  ...files,
  [`/${artifact!.name}.mjs`]: withFile!.module,
  [`/${artifact!.name}.worker.js`]: withFile!.worker!,
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
    visit: (page: Page, warnings: readonly string[], problems: string[]) => Promise<void>,
    served = files,
  ): Promise<void> {
    const server: Server = await serve((path) => served[path], headers);
    const context = await browser.newContext();
    try {
      const page = await context.newPage();
      const { problems, warnings } = watch(page);
      await page.goto(server.url);
      await ready(page, "inWorker");
      await visit(page, warnings, problems);
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

  const policy = (text: string) => ({
    ...isolation,
    "Content-Security-Policy": `default-src 'self' 'unsafe-inline'; img-src data:; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'; ${text}`,
  });
  const { [`/${artifact!.name}.worker.js`]: _, ...withoutWorker } = filesWithWorker;

  test.each<[string, string, typeof files, RegExp]>([
    [
      "a policy that forbids blobs as workers",
      "worker-src 'self'",
      files,
      /one thread instead of 2, since no worker can start: the page's Content-Security-Policy refuses them \(`worker-src`\); allow `blob:` in `worker-src`, or compile with --worker-file/,
    ],
    [
      "a policy that forbids all workers",
      "worker-src 'none'",
      filesWithWorker,
      /one thread instead of 2, since no worker can start: .*\(`worker-src`\); allow the origin of the worker's file/,
    ],
    [
      "a policy that trusts no address of a script",
      "worker-src blob:; require-trusted-types-for 'script'; trusted-types other",
      files,
      /one thread instead of 2, since no worker can start: .*allow a policy named `cleave` in `trusted-types`/,
    ],
    [
      "a policy that trusts no address of a script, with a worker's file",
      "worker-src 'self'; require-trusted-types-for 'script'; trusted-types cleave",
      filesWithWorker,
      /one thread instead of 2, since no worker can start: .*make a default policy that lets the address of the worker's file pass/,
    ],
    [
      "a missing file of the worker",
      "worker-src 'self'",
      withoutWorker,
      /one thread instead of 2, since no worker can start: the worker's file cannot be loaded; is fm_resnet16\.worker\.js there/,
    ],
  ])("%s: one thread, and a warning that names the cause", async (_name, text, served, warning) => {
    await open(
      policy(text),
      async (page, warnings, problems) => {
        const done = await call(page, "inPage", 2);
        expect(done.threads).toBe(1);
        expect(done.results).toEqual([single, single, single]);
        expect(warnings.filter((one) => one.includes("one thread"))).toEqual([
          expect.stringMatching(warning),
        ]);
        // The browser reports what it refused.
        problems.length = 0;
      },
      served,
    );
  });

  test.each<[string, string, typeof files]>([
    ["a worker's file, where blobs are forbidden", "worker-src 'self'", filesWithWorker],
    [
      "the policy `cleave` among trusted types",
      "worker-src blob:; require-trusted-types-for 'script'; trusted-types cleave",
      files,
    ],
  ])("%s: two threads", async (_name, text, served) => {
    await open(
      policy(text),
      async (page, warnings) => {
        const done = await call(page, "inPage", 2);
        expect(done.threads).toBe(2);
        expect(done.results).toEqual([single, single, single]);
        expect(warnings).toEqual([]);
      },
      served,
    );
  });
});
