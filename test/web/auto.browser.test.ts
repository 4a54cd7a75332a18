// Modules for several targets in Chromium: what a page's policy and its adapter allow decides.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { optimize } from "#compile/optimize.js";
import { runToEnd } from "#diagnostic/interruptible.js";
import { writeAutoSteps } from "#node/write-module.js";
import type { ChosenTarget } from "#runtime/auto.js";
import { hasChromium, inPage, launch, ready, serve, watch } from "./chromium.js";
import { moduleOf } from "../schedule/module-of.js";

const folder = mkdtempSync(join(tmpdir(), "cleave-auto-page-"));
const net = moduleOf(
  "net small {\n  input x: f32[1, 6, 6, 4]\n  h = conv2d(x, filters=8, kernel=3x3, padding=same) |> relu\n  output y = dense(global_avg_pool(h), units=3)\n}\n",
);
const modules = (["wgsl", "wasm", "js"] as const).map((target) => ({
  target,
  module: optimize(net, { target }).value!.module,
}));
runToEnd(writeAutoSteps(modules, folder, { order: "given" }));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const script = `
import { load } from "/small.mjs";
globalThis.inPage = async (options) => {
  const net = await load(options);
  const { y } = await net.run({ x: Float32Array.from({ length: 144 }, (_, at) => (at % 7) / 7) });
  net.dispose();
  return { target: net.target, y: [...y] };
};`;

interface Ran {
  readonly target: ChosenTarget;
  readonly y: readonly number[];
}

describe.skipIf(!hasChromium)("in Chromium", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launch({ adapter: false });
  }, 60_000);
  afterAll(() => browser?.close());

  const read = (path: string): string | Uint8Array | undefined => {
    if (path === "/")
      return `<!doctype html><link rel="icon" href="data:,"><script type="module" src="/page.mjs"></script>`;
    if (path === "/page.mjs") return script;
    const name = path.slice(1);
    return readdirSync(folder).includes(name) ? readFileSync(join(folder, name)) : undefined;
  };

  test.each([
    ["no policy", undefined, "wasm"],
    [
      "a policy with WebAssembly",
      "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src data:",
      "wasm",
    ],
    ["a policy without WebAssembly", "default-src 'self'; img-src data:", "js"],
  ])(
    "%s",
    async (_, policy, wanted) => {
      const server = await serve(read, policy === undefined ? {} : { "Content-Security-Policy": policy });
      const context = await browser.newContext();
      try {
        const page = await context.newPage();
        const seen = watch(page);
        const asked: string[] = [];
        page.on("request", (request) => asked.push(new URL(request.url()).pathname));
        await page.goto(server.url);
        await ready(page, "inPage");
        const { target, y } = await inPage<Ran>(page, "(options) => inPage(options)", {});
        expect(target.name).toBe(wanted);
        expect(target.reason).toMatch(/^wgsl: (there is no WebGPU|WebGPU finds no adapter); /);
        expect(asked.filter((path) => path.endsWith(".safetensors"))).toEqual([
          `/small.${target.name}.packed.safetensors`,
        ]);
        const plain = await inPage<Ran>(page, "(options) => inPage(options)", { target: "js" });
        expect(plain.target).toEqual({ name: "js", reason: "js is asked for" });
        for (const [at, value] of y.entries()) expect(value).toBeCloseTo(plain.y[at]!, 5);
        expect(y).toHaveLength(3);
        if (wanted === "wasm") expect(seen.problems).toEqual([]);
      } finally {
        await context.close();
        server.close();
      }
    },
    60_000,
  );
});
