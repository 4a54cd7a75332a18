// The film of the real InceptionV3, a model of Keras with flat names, in Chromium: blocks, steps, search, clicks, the code of a kernel.

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { optimize } from "#compile/optimize.js";
import type { Film } from "#film/data.js";
import { filmOf } from "#film/film.js";
import { programOf } from "#film/program.js";
import { readModel } from "../../src/node/index.js";
import { hasChromium, launch } from "../web/chromium.js";
import { boxesOf, clickBox, textOf, withFilm } from "./open-film.js";
import { readPage } from "./read-page.js";

const require = createRequire(join(import.meta.dirname, "../../bench/package.json"));
const scripts = scriptsOf("nsfwjs");

if (scripts === undefined)
  console.warn("\n*** SKIPPED *** The film of InceptionV3 takes the package nsfwjs: npm ci --prefix bench\n");

/** The folder in which the package has the files of the model, as scripts that return their content. */
function scriptsOf(name: string): string | undefined {
  try {
    // Its main file is dist/cjs/index.js.
    return join(dirname(require.resolve(name)), "../models/inception_v3");
  } catch {
    return undefined;
  }
}

describe.skipIf(!hasChromium || scripts === undefined)("in Chromium", () => {
  const folder = mkdtempSync(join(tmpdir(), "cleave-inception-"));
  let browser: Browser;
  let html = "";
  let film: Film;

  beforeAll(async () => {
    browser = await launch({ adapter: false });
    const contentOf = (file: string): unknown => {
      const content = require(join(scripts!, file)) as { readonly default?: unknown };
      return content.default ?? content;
    };
    for (const file of readdirSync(scripts!).filter((one) => one.startsWith("group")))
      writeFileSync(
        join(folder, file.replace(".min.js", "")),
        Buffer.from(String(contentOf(file)), "base64"),
      );
    const path = join(folder, "model.json");
    writeFileSync(path, JSON.stringify(contentOf("model.min.js")));
    const model = readModel(path).value!;
    const optimized = optimize(model, { target: "wasm" }).value!;
    const program = programOf(optimized.module, { target: "wasm", sources: new Map() });
    html = (await filmOf(model, optimized, { made: "target wasm", program })).value!;
    ({ film } = readPage(html));
  }, 120_000);
  afterAll(async () => {
    rmSync(folder, { recursive: true, force: true });
    await browser?.close();
  });

  test("folds into its modules", () =>
    withFilm(browser, html, async (page) => {
      await page.keyboard.press("c");
      // The input, a stem, 11 modules, what classifies, and the output.
      expect(await boxesOf(page)).toBe(15);
      await page.keyboard.press("e");
      expect(await boxesOf(page)).toBeGreaterThan(310);
      const blocks = new Set(film.nodes.flatMap(({ blocks = [] }) => blocks.slice(0, 1)));
      for (let module = 0; module <= 10; module += 1) expect(blocks).toContain(`mixed${module}`);
    }));

  test("steps through the rules and the kernels", () =>
    withFilm(browser, html, async (page) => {
      const norms = film.steps.filter(({ rule }) => rule === "fold_batch_norm");
      expect(norms).toHaveLength(94);
      await page.click("button.rule:has-text('fold_batch_norm')");
      expect(await textOf(page, "#what")).toBe("fold-batch-norm: fold_batch_norm");
      await page.keyboard.press("ArrowRight");
      expect(await textOf(page, "button.rule:has-text('fold_batch_norm')")).toContain("2 of 94");
      expect(await textOf(page, "#told")).toMatch(/1 changed\s+1 removed/);
      await page.keyboard.press("End");
      expect(await textOf(page, "#what")).toMatch(/^fuse: /);
    }));

  test("finds a layer, whose box shows it, with the code of its kernel", () =>
    withFilm(browser, html, async (page) => {
      await page.keyboard.press("End");
      await page.keyboard.press("/");
      await page.keyboard.type("batch_normalization_62");
      await page.keyboard.press("Enter");
      await page.keyboard.press("z");
      await page.keyboard.press("Escape");
      expect(await textOf(page, "#node h2")).not.toContain("batch_normalization_62");
      expect(await clickBox(page, "batch_normalization_62")).toContain("batch_normalization_62");
      expect(await textOf(page, "#node .facts")).toMatch(/f32\[N, 17, 17, 192\]/);
      const { launches, kernels } = film.program!;
      const own = launches.find(({ nodes, setup }) => !setup && nodes.includes("batch_normalization_62"))!;
      await page.click("#tab-code");
      const code = await page.locator("#code .code-line").allInnerTexts();
      const shown = code.map((line) => line.replace(/^\d+\s*/, "").trim());
      expect(shown[0]).toContain(kernels[own.kernel]!.code.split("\n")[0]!.trim());
      await page.click("#code .files button:has-text('kernel IR')");
      expect(await textOf(page, "#code .lines")).toContain(`kernel ${kernels[own.kernel]!.name}(`);
    }));
});
