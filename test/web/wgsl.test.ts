// Emitted modules for WebGPU in Chromium against the interpreter: every op, random nets and graphs, the examples; and every way
// to fail.

import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Artifact } from "#backend/artifact.js";
import { emitWgsl } from "#backend/wgsl/emit.js";
import type { GpuCase } from "../backend/wgsl/cases.js";
import { exampleCase, exampleFiles, graphCases, netCases, opCases } from "../backend/wgsl/cases.js";
import { arraysOf, disagreement } from "../backend/wgsl/programs.js";
import { computingOps } from "../op-module.js";
import type { Server, Watch } from "./chromium.js";
import { hasChromium, inPage, launch, ready, serve, watch } from "./chromium.js";

const samples = Number(process.env["SAMPLES"] ?? 2);
const seeds = Number(process.env["SEEDS"] ?? 4);
const slow = 300_000;

/** The page: runs modules, each from an address of its own, side by side on one device; says what a module's failure is. */
const script = `
const adapter = await navigator.gpu?.requestAdapter();
const device = await adapter?.requestDevice();
device?.addEventListener("uncapturederror", ({ error }) => console.error(error.message));
globalThis.runAll = (modules) => Promise.all(modules.map(async ({ address, inputs }) => {
  const { load } = await import(address);
  const net = await load({ device, poison: true });
  const arrays = Object.entries(inputs).map(([name, values]) => [name, Float32Array.from(values)]);
  const outputs = await net.run(Object.fromEntries(arrays));
  net.dispose();
  return Object.fromEntries(Object.entries(outputs).map(([name, values]) => [name, [...values]]));
}));
globalThis.codeOf = (promise) => promise.then(() => "none", (error) => error.name === "GpuError" ? error.code : String(error));
globalThis.adapter = adapter?.info.architecture ?? "none";
`;

describe.skipIf(!hasChromium)("in Chromium", () => {
  const files = new Map<string, string | Uint8Array>();
  let folders = 0;
  let browser: Browser;
  let server: Server;
  let page: Page;
  let seen: Watch;

  beforeAll(async () => {
    server = await serve(
      (path) =>
        path === "/"
          ? `<!doctype html><link rel="icon" href="data:,"><script type="module">${script}</script>`
          : files.get(path),
      {},
    );
    browser = await launch();
    page = await browser.newPage();
    seen = watch(page);
    await page.goto(server.url);
    await ready(page, "adapter");
    expect(await inPage(page, "() => adapter"), "Chromium finds no adapter").not.toBe("none");
  }, slow);

  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  /** Serves what `cleave compile` would write, in a folder of its own; the module's address. */
  function place({ name, module, weights }: Artifact): string {
    const folder = `/${(folders += 1)}`;
    files.set(`${folder}/${name}.mjs`, module);
    if (weights) files.set(`${folder}/${name}.packed.safetensors`, weights);
    return `${folder}/${name}.mjs`;
  }

  async function expectAgreement(cases: readonly GpuCase[]): Promise<void> {
    const given = cases.map(({ program, inputs }) => ({
      address: place(emitWgsl(program, { version: "test" })),
      inputs: Object.fromEntries(
        Object.entries(arraysOf(inputs)).map(([name, values]) => [name, [...values]]),
      ),
    }));
    const results = await inPage<Record<string, number[]>[]>(page, "(modules) => runAll(modules)", given);
    for (const [at, one] of cases.entries())
      expect(disagreement(results[at]!, one), one.name).toBeUndefined();
    expect(seen.problems).toEqual([]);
    expect(seen.warnings).toEqual([]);
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
  test.each(exampleFiles)(
    "%s, optimized, at a small size",
    (file) => expectAgreement([exampleCase(file)]),
    slow,
  );
});
