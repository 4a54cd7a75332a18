// The page of a film in Chromium: steps, search, clicks, blocks, source, code, values, phones, large graphs, hostile text.

import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Optimized } from "#compile/optimize.js";
import { optimize } from "#compile/optimize.js";
import { comparisonOf, filmOf } from "#film/film.js";
import { programOf } from "#film/program.js";
import { parse } from "#grammar/reading/parse.js";
import { quote } from "#grammar/quote.js";
import { elaborate } from "#elaborate/elaborate.js";
import type { Module } from "#ir/weights.js";
import { hasChromium, launch } from "../web/chromium.js";
import { inceptionText } from "./inception.js";
import { boxesOf as boxes, clickBox, textOf, withFilm } from "./open-film.js";
import { readPage } from "./read-page.js";

const text = inceptionText(11);
const module = moduleOf(text);

function moduleOf(source: string): Module {
  return elaborate(parse(source, "inception.net").value!).value!;
}

describe.skipIf(!hasChromium)("in Chromium", () => {
  let browser: Browser;
  let html = "";
  let optimized: Optimized;
  beforeAll(async () => {
    browser = await launch({ adapter: false });
    optimized = optimize(module, { target: "js" }).value!;
    const sources = new Map([["inception.net", text]]);
    const page = await filmOf(module, optimized, {
      made: "target js",
      sources,
      program: programOf(optimized.module, { target: "js", sources }),
      sample: { name: "ramp", values: { image: Float32Array.from({ length: 1083 }, (_, at) => at / 1083) } },
    });
    html = page.value!;
  }, 120_000);
  afterAll(() => browser?.close());

  const withPage = (
    content: string,
    act: (opened: Page) => Promise<void>,
    options?: Parameters<Browser["newContext"]>[0],
  ): Promise<void> => withFilm(browser, content, act, options);

  test("steps forward and back by keys, buttons and the list of passes", () =>
    withPage(html, async (page) => {
      const { film } = readPage(html);
      const last = film.steps.length - 1;
      expect(await textOf(page, "#at")).toBe(`0 / ${last}`);
      expect(await textOf(page, "#what")).toBe("as written");
      await page.keyboard.press("j");
      await page.keyboard.press("ArrowRight");
      expect(await textOf(page, "#at")).toBe(`2 / ${last}`);
      expect(await textOf(page, "#what")).toBe("fold-batch-norm: fold_batch_norm");
      expect(await textOf(page, "#told")).toMatch(/1 changed\s+1 removed/);
      await page.keyboard.press("k");
      await page.click('[data-key="ArrowLeft"]');
      expect(await textOf(page, "#what")).toBe("as written");
      await page.keyboard.press("Shift+ArrowRight");
      const { end } = film.passes.find(({ name }) => name === "fold-batch-norm")!;
      expect(await textOf(page, "#at")).toBe(`${end - 1} / ${last}`);
      await page.keyboard.press("End");
      expect(await textOf(page, "#what")).toMatch(/^fuse: /);
      expect(await textOf(page, "#node .doc")).toMatch(/^A kernel that fuse makes\. /);
      const launches = film.program!.launches.filter(({ setup }) => !setup).length;
      expect(await textOf(page, "#told")).toContain(`${launches} kernels`);
      await page.click("button.rule:has-text('fold_batch_norm')");
      expect(await textOf(page, "button.rule:has-text('fold_batch_norm')")).toContain(
        `1 of ${film.steps.filter(({ rule }) => rule === "fold_batch_norm").length}`,
      );
      expect(page.url()).toContain("#step=1");
      await page.keyboard.press("?");
      expect(await page.isVisible("#help")).toBe(true);
    }));

  test("search finds by name, op, shape and weight; a click on the box selects its node", () =>
    withPage(html, async (page) => {
      await page.keyboard.press("/");
      await page.keyboard.type("avg_pool 10x10");
      expect(await textOf(page, "#found .note")).toBe("11 found");
      for (const width of [1400, 360]) {
        await page.setViewportSize({ width, height: 900 });
        const list = (await page.locator("#found").boundingBox())!;
        expect(list.x).toBeGreaterThanOrEqual(0);
        expect(list.x + list.width).toBeLessThanOrEqual(width);
      }
      await page.setViewportSize({ width: 1400, height: 900 });
      await page.keyboard.press("Tab");
      await page.keyboard.press("/");
      expect(await page.evaluate("getSelection().toString()")).toBe("avg_pool 10x10");
      await page.fill("#search", "mixed3.five.batch_norm.mean");
      expect(await textOf(page, "#found")).toContain("mixed3.five.batch_norm");
      await page.fill("#search", "mixed3.five.conv2d");
      await page.keyboard.press("Enter");
      expect(await textOf(page, "#node h2")).toContain("mixed3.five.conv2d");
      await page.keyboard.press("z");
      await page.keyboard.press("Escape");
      expect(await textOf(page, "#node h2")).not.toContain("mixed3.five.conv2d");
      expect(await clickBox(page, "mixed3.five.conv2d")).toContain("mixed3.five.conv2d");
      const facts = await textOf(page, "#node .facts");
      expect(facts).toMatch(/MACs\s*6,400/);
      expect(facts).toContain("f32[N, 10, 10, 4]");
      expect(await textOf(page, "#node")).toContain("he_normal(");
      await page.keyboard.press("n");
      expect(await textOf(page, "#node h2")).not.toContain("mixed3.five.conv2d");
    }));

  test("lines of the source, both ways", () =>
    withPage(html, async (page) => {
      await page.keyboard.press("/");
      await page.keyboard.type("mixed3.five.conv2d");
      await page.keyboard.press("Enter");
      await page.click("#tab-source");
      const lit = await page.locator("#source .code-line.lit").allInnerTexts();
      expect(lit.some((line) => line.includes("conv2d(x, filters=filters"))).toBe(true);
      await page.click("#source .code-line:has-text('output scores')");
      await page.click("#tab-node");
      expect(await textOf(page, "#node")).toMatch(/3 nodes from line \d+/i);
      await page.click("#tab-source");
      await page.click("#source .code-line:has-text('input image')");
      await page.click("#tab-node");
      expect(await textOf(page, "#node h2")).toContain("image");
    }));

  test("the code of the kernel that a node is in, from any step", () =>
    withPage(html, async (page) => {
      const { film } = readPage(html);
      const { launches, kernels } = film.program!;
      await page.keyboard.press("/");
      await page.keyboard.type("scores.dense");
      await page.keyboard.press("Enter");
      const own = launches.find(({ nodes, setup }) => !setup && nodes.includes("scores.dense"))!;
      await page.click("#tab-code");
      const code = await page.locator("#code .code-line").allInnerTexts();
      const expected = kernels[own.kernel]!.code.split("\n");
      expect(code[0]).toContain(expected[0]!.trim());
      expect(code.join("\n")).toContain(`function ${kernels[own.kernel]!.name}(`);
      await page.click("#code .files button:has-text('kernel IR')");
      expect(await textOf(page, "#code .lines")).toContain(`kernel ${kernels[own.kernel]!.name}(`);
    }));

  test("blocks fold and open, and a step opens those that it changes", () =>
    withPage(html, async (page) => {
      // A large net begins folded.
      expect(await boxes(page)).toBeLessThan(40);
      await page.keyboard.press("e");
      const open = await boxes(page);
      expect(open).toBe(
        readPage(html).film.nodes.filter(({ born, op }) => born === 0 && op !== "constant").length + 1,
      );
      await page.keyboard.press("c");
      const folded = await boxes(page);
      expect(folded).toBeLessThan(30);
      await page.keyboard.press("j");
      expect(await boxes(page)).toBeGreaterThan(folded);
      await page.keyboard.press("k");
      expect(await boxes(page)).toBe(folded);
      await page.keyboard.press("e");
      expect(await boxes(page)).toBe(open);
    }));

  test("values: statistics, and an image of each channel that tells its numbers", () =>
    withPage(html, async (page) => {
      await page.keyboard.press("/");
      await page.keyboard.type("stem");
      await page.keyboard.press("Enter");
      expect(await textOf(page, "#node .stats")).toMatch(/min\s*0/);
      expect(await page.locator("#node .channels canvas").count()).toBe(8);
      await page.locator("#node .channels canvas").nth(3).hover();
      expect(await textOf(page, "#node .told")).toMatch(/^channel 3, row [45], column [45]: /);
    }));

  test("before and after side by side, and two models", async () => {
    await withPage(html, async (page) => {
      await page.keyboard.press("j");
      await page.keyboard.press("b");
      expect(await page.isVisible("#other")).toBe(true);
      expect(await textOf(page, "#left-title")).toBe("before fold-batch-norm: fold_batch_norm");
      expect(await textOf(page, "#right-title")).toBe("after fold-batch-norm: fold_batch_norm");
      await page.keyboard.press("k");
      expect(await textOf(page, "#left-title")).toBe("nothing before");
      expect(await page.getAttribute("#other", "aria-label")).toBe("a graph of 0 boxes");
      await page.keyboard.press("b");
      expect(await page.isVisible("#other")).toBe(false);
    });
    const other = moduleOf(inceptionText(3));
    const page = await comparisonOf([module, other], ["eleven.net", "three.net"], { made: "in a test" });
    await withPage(page.value!, async (opened) => {
      expect(await textOf(opened, "#what")).toBe("eleven.net ⟷ three.net");
      expect(await opened.isVisible("#other")).toBe(true);
      expect(await textOf(opened, "#told")).toContain("removed");
    });
  });

  test("a phone: taps, and nothing wider than the screen", () =>
    withPage(
      html,
      async (page) => {
        await page.tap("#tab-steps");
        await page.tap("button.rule:has-text('fold_batch_norm')");
        expect(await textOf(page, "#what")).toBe("fold-batch-norm: fold_batch_norm");
        await page.tap("#tab-node");
        await page.tap(".nodes.changed button");
        expect(await textOf(page, "#node h2")).toContain("stem.batch_norm");
        expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
      },
      { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true },
    ));

  test("2,000 nodes: the page has no more elements than that of a small net", async () => {
    const lines = Array.from({ length: 625 }, (_, at) => {
      const [from, to] = [at === 0 ? "x" : `y${at}`, `y${at + 1}`];
      return `  h${at} = conv2d(${from}, filters=4, kernel=1x1, bias=false) |> relu\n  ${to} = ${from} + h${at}${at % 5 === 0 ? " + 0" : ""}`;
    });
    const source = `net large {\n  input x: f32[1, 4, 4, 4]\n${lines.join("\n")}\n  output y = y625\n}\n`;
    const large = moduleOf(source);
    const page = await filmOf(large, optimize(large).value!, {
      made: "in a test",
      sources: new Map([["inception.net", source]]),
    });
    const steps = readPage(page.value!).film.steps.length;
    expect(steps).toBeGreaterThan(125);
    await withPage(page.value!, async (opened) => {
      await opened.keyboard.press("e");
      expect(await boxes(opened)).toBe(2002);
      await opened.click("#tab-source");
      for (const key of ["j", "j", "j", "f", "Shift+ArrowRight", "Shift+ArrowRight", "End", "Home"])
        await opened.keyboard.press(key);
      await opened.keyboard.press("End");
      expect(await textOf(opened, "#at")).toBe(`${steps - 1} / ${steps - 1}`);
      const count = Number(await opened.evaluate("document.querySelectorAll('*').length"));
      expect(count).toBeLessThan(700);
      await opened.keyboard.press("/");
      await opened.keyboard.type("conv2d");
      expect(await opened.locator("#found button").count()).toBe(80);
      expect(await textOf(opened, "#found .note")).toBe("and 545 more");
    });
  }, 120_000);

  test("text of a model does nothing on the page", async () => {
    const payload = `<img src=x onerror="alert(1)"></script><script>globalThis.pwned = 1</script>`;
    const name = quote(payload, "`");
    const source = `net ${name} {\n  input x: f32[1, 4]  # ${payload}\n  ${name} = relu(x)\n  output y = ${name} + 1\n}\n`;
    const hostile = moduleOf(source);
    const page = await filmOf(hostile, optimize(hostile).value!, {
      made: payload,
      sources: new Map([["inception.net", source]]),
      sample: { name: payload, values: { x: new Float32Array(4) } },
    });
    await withPage(page.value!, async (opened) => {
      await opened.keyboard.press("n");
      await opened.keyboard.press("n");
      expect(await textOf(opened, "#node h2")).toContain("<img src=x");
      for (const tab of ["source", "code", "node"]) await opened.click(`#tab-${tab}`);
      await opened.fill("#search", "<img");
      await opened.keyboard.press("End");
      expect(await opened.evaluate("'pwned' in globalThis")).toBe(false);
      expect(await opened.locator("img").count()).toBe(0);
    });
  });
});
