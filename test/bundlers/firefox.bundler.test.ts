// Modules in Firefox: all targets, and threads.

import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compile } from "#compile/compile.js";
import { writeArtifact } from "../../src/node/index.js";
import type { Server } from "../web/chromium.js";
import { isolation, serve } from "../web/chromium.js";
import type { Ran } from "./fixture.js";
import { expectResult, filesOf, isInstalled, page, program, require, write, writeNet } from "./fixture.js";

const path = process.env["FIREFOX"] ?? "/usr/bin/firefox-esr";
const hasFirefox = existsSync(path);
if (!hasFirefox) {
  const message = `There is no Firefox at ${path}. Install it (apt-get install firefox-esr), or set FIREFOX to its path.`;
  if (process.env["CI"]) throw new Error(message);
  console.warn(`\n*** SKIPPED *** ${message}\n`);
}

const folder = mkdtempSync(join(tmpdir(), "cleave-firefox-"));
const targets = ["wasm", "js"] as const;
for (const target of targets) {
  writeNet(join(folder, target), { target });
  write(folder, {
    [`${target}.html`]: page(`<script type="module" src="/${target}.js"></script>`),
    [`${target}.js`]: program(`./${target}/small.mjs`),
  });
}
const picture = compile(
  "net picture { input image: f32[1, 32, 32, 3] preprocess(scale=1)\n output y = relu(image) }",
  { target: "js" },
).value!;
writeArtifact(picture, folder);
write(folder, { "picture.html": page("") });
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Page {
  goto(address: string): Promise<unknown>;
  evaluate<T>(text: string): Promise<T>;
  close(): Promise<void>;
}
interface Firefox {
  newPage(): Promise<Page>;
  close(): Promise<void>;
}

describe.skipIf(!hasFirefox || !isInstalled)("in Firefox", () => {
  let browser: Firefox;
  let server: Server;
  beforeAll(async () => {
    const { default: puppeteer } = (await import(require.resolve("puppeteer-core"))) as {
      default: { launch(options: object): Promise<Firefox> };
    };
    browser = await puppeteer.launch({ browser: "firefox", executablePath: path, headless: true });
    server = await serve(filesOf(folder), isolation);
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  test.each([
    ["wasm", {}, 1],
    ["wasm", { simd: "simd" }, 1],
    ["wasm", { threads: 2, leastWork: 0 }, 2],
    ["js", {}, 1],
  ] as const)(
    "%s %o",
    async (target, options, threads) => {
      const opened = await browser.newPage();
      try {
        await opened.goto(`${server.url}/${target}.html`);
        const ran = await opened.evaluate<Ran>(
          `(async () => { while (!globalThis.inPage) await new Promise((next) => setTimeout(next, 20)); return inPage(${JSON.stringify(options)}); })()`,
        );
        expectResult(ran.y);
        expect(ran.threads).toBe(threads);
      } finally {
        await opened.close();
      }
    },
    60_000,
  );

  test("every pixel counts of a picture that is much larger than the input", async () => {
    const opened = await browser.newPage();
    try {
      await opened.goto(`${server.url}/picture.html`);
      const [given, drawn] = await opened.evaluate<number[][]>(`(async () => {
        const canvas = new OffscreenCanvas(1024, 600);
        const context = canvas.getContext("2d");
        for (let x = 0; x < 1024; x += 7) context.fillRect(x, 0, 3, 600);
        context.fillStyle = "red";
        for (let y = 0; y < 600; y += 11) context.fillRect(0, y, 1024, 4);
        const { load } = await import("/picture.mjs");
        const net = await load();
        const pictures = [context.getImageData(0, 0, 1024, 600), await createImageBitmap(canvas)];
        const results = [];
        for (const image of pictures) results.push([...(await net.run({ image })).y]);
        return results;
      })()`);
      expect(drawn).toEqual(given);
      // All have nearly the color of the whole.
      expect(Math.max(...given!.filter((_, at) => at % 3 === 0))).toBeLessThan(120);
    } finally {
      await opened.close();
    }
  }, 60_000);
});
