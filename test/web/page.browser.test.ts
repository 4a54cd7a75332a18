// The web page of examples/web, built as its users build it and driven in Chromium: what it computes against the interpreter,
// its input against that of `cleave run`, drawing, opening and dropping. SCREENSHOTS=1 renews the pictures in docs/.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import sharp from "sharp";
import { createServer } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { targetNames } from "#ir/target.js";
import { interpret } from "#interpret/interpret.js";
import { firstDifference, longestReduction } from "#interpret/tolerance.js";
import type { Shown } from "../../examples/web/shown.js";
import { readModel } from "../../src/node/index.js";
import { hasChromium, inPage, isolation, launch, ready, serve } from "./chromium.js";
import { testDetecting } from "./detecting.js";
import { testDrawing } from "./drawing.js";
import { testFiles } from "./files.js";
import { testPlayground } from "./playing.js";
import type { Site, VisitPage } from "./site.js";
import {
  changed,
  choose,
  configFile,
  desktop,
  folder,
  openSite,
  phone,
  pixelsOf,
  root,
  settled,
} from "./site.js";

const nets = ["fm_resnet16", "fm_mobile"];
/** The example images: their files, and their true classes. */
const images = readFileSync(join(root, "examples/images/labels.txt"), "utf8")
  .trim()
  .split("\n")
  .map((line) => ({ file: line.split(" ")[0]!, label: line.slice(line.indexOf(" ") + 1) }));
/** Answers come within some milliseconds. */
const pollSoon = { interval: 10, timeout: 20_000 };
const classes = readFileSync(join(root, "examples/fashion_mnist.labels.txt"), "utf8").trim().split("\n");

describe.skipIf(!hasChromium)("the web page", () => {
  let site: Site;
  const visit: VisitPage = (...visited) => site.visit(...visited);

  beforeAll(async () => {
    site = await openSite();
  }, 180_000);

  afterAll(() => site?.close());

  describe.each(nets)("%s", (net) => {
    const { value: model } = readModel(join(root, `examples/${net}.net`));
    const expected: { pixels: Float32Array; logits: Float64Array }[] = [];

    beforeAll(async () => {
      for (const { file } of images) {
        const pixels = await pixelsOf(join(root, "examples/images", file));
        const image = { shape: [1, 28, 28, 1], data: Float64Array.from(pixels) };
        const logits = interpret(model!, new Map([["image", image]])).get("logits")!.data;
        expected.push({ pixels, logits: Float64Array.from(logits) });
      }
    }, 120_000);

    test.for(targetNames)(
      "ten images on the target %s: classes, and logits of the interpreter",
      async (target, { skip }) => {
        await visit(async (page) => {
          if (await page.locator(`#targets input[value="${target}"]`).isDisabled()) {
            const why = await page.locator("#notes").textContent();
            if (process.env["CI"]) throw new Error(`the target ${target} does not run: ${why}`);
            console.warn(`\n*** SKIPPED *** the page on the target ${target}: ${why}\n`);
            skip();
          }
          await choose(page, "nets", net);
          await choose(page, "targets", target);
          for (const [index, { pixels, logits }] of expected.entries()) {
            await page.locator("#examples button").nth(index).click();
            const shown = await answerOf(page, net, target, pixels);
            expect(firstDifference(shown.logits!, logits, longestReduction(model!))).toBe(-1);
            expect(shown.label).toBe(images[index]!.label);
            expect(await page.locator("#label").textContent()).toBe(images[index]!.label);
            await checkBars(page, shown.logits!);
          }
          // An answer is shown at once; its time is then taken, if no other picture comes.
          const shown = await settled(page);
          expect(shown.pixels).toEqual([...expected.at(-1)!.pixels]);
          expect(shown.milliseconds).toBeGreaterThan(0);
        });
      },
    );
  });

  test("threads of the page compute the same, bit for bit", async () => {
    await visit(async (page) => {
      const counts = await inPage<string[]>(
        page,
        `() => [...document.querySelectorAll("#threads input")].map(({ value }) => value)`,
      );
      const cores = await inPage<number>(page, "() => navigator.hardwareConcurrency");
      expect(counts).toEqual(["1", "2", "4", "8"].filter((count) => Number(count) <= cores));
      const all: (readonly number[] | undefined)[] = [];
      for (const count of counts) {
        await choose(page, "threads", count);
        all.push((await settled(page)).logits);
      }
      for (const logits of all) expect(logits).toEqual(all[0]);
      expect(all[0]).toHaveLength(10);
    });
  });

  test("the development server shows the same", async () => {
    const development = await createServer({
      root: folder,
      configFile,
      logLevel: "silent",
      server: { host: "localhost", port: 4790 },
    });
    try {
      await development.listen();
      await visit(
        async (page) => {
          for (const target of ["js", "wasm"]) {
            await choose(page, "targets", target);
            const shown = await settled(page);
            expect([shown.target, shown.label]).toEqual([target, images[0]!.label]);
          }
        },
        desktop,
        { address: development.resolvedUrls!.local[0]! },
      );
    } finally {
      await development.close();
    }
  });

  test("a server without the headers: one thread, and the page says why", async () => {
    const dist = join(folder, "dist");
    const plain = await serve((path) => {
      const file = join(dist, path === "/" ? "index.html" : path);
      return existsSync(file) ? readFileSync(file) : undefined;
    }, {});
    try {
      await visit(
        async (page, { warnings }) => {
          const shown = await settled(page);
          expect([shown.threads, shown.label]).toEqual([1, images[0]!.label]);
          expect(await page.locator("#notes").textContent()).toContain("headers");
          expect(warnings).toEqual([]);
        },
        desktop,
        { address: `${plain.url}/` },
      );
    } finally {
      plain.close();
    }
  });

  test("pages that were open before open without a connection, with their networks", async () => {
    const dist = join(folder, "dist");
    const read = (path: string): Uint8Array | undefined => {
      const file = join(dist, path === "/" ? "index.html" : path);
      return existsSync(file) ? readFileSync(file) : undefined;
    };
    const server = await serve(read, isolation);
    const browser = await launch();
    try {
      const page = await (await browser.newContext()).newPage();
      const open = async (name: string): Promise<unknown> => {
        await page.goto(`${server.url}/${name}`);
        await ready(page, "cleaveDemo");
        return page.evaluate("cleaveDemo.settled()");
      };
      const pages = ["index.html", "faces.html"];
      const before: unknown[] = [];
      // Files are kept soon after they were read.
      const missing = `async () => {
        const cache = await caches.open("cleave-pages");
        const files = [location.href, ...performance.getEntriesByType("resource").map(({ name }) => name)];
        const kept = await Promise.all(files.map((file) => cache.match(file)));
        return files.filter((file, at) => !kept[at] && !file.endsWith(".safetensors") && !file.startsWith("blob:"));
      }`;
      for (const name of pages) {
        before.push(await open(name));
        await expect.poll(() => inPage(page, missing), { timeout: 10_000 }).toEqual([]);
      }
      server.close();
      const known = ({ label, found }: Record<string, unknown>): unknown[] => [label, found];
      for (const [at, name] of pages.entries()) {
        const after = await open(name);
        expect(known(after as Record<string, unknown>)).toEqual(known(before[at] as Record<string, unknown>));
        expect(await inPage(page, "() => crossOriginIsolated")).toBe(true);
      }
      await expect(page.goto(`${server.url}/text.html`)).rejects.toThrow("ERR_FAILED");
    } finally {
      server.close();
      await browser.close();
    }
  });

  /** Targets, scripts that take from the browser what they need, and what the page then says. */
  const missing = [
    ["wasm", "delete globalThis.WebAssembly", "This browser has no WebAssembly."],
    ["wgsl", "delete Navigator.prototype.gpu", "This browser has no WebGPU."],
    [
      "wgsl",
      "Object.defineProperty(Navigator.prototype, 'gpu', { value: { requestAdapter: async () => null } })",
      "This browser has WebGPU, but finds no GPU that it may use.",
    ],
  ] as const;

  test.each(missing)(
    "a browser that does not run %s: the page says so, and takes another target",
    async (target, script, words) => {
      await visit(
        async (page) => {
          const shown = await settled(page);
          expect(shown.target).not.toBe(target);
          expect(shown.label).toBe(images[0]!.label);
          expect(await page.locator(`#targets input[value="${target}"]`).isDisabled()).toBe(true);
          expect(await page.locator("#notes").textContent()).toContain(words);
        },
        desktop,
        { script },
      );
    },
  );

  test("a GPU device that is lost: the net is loaded again, and the page goes on", async ({ skip }) => {
    const script = `
      globalThis.devices = [];
      const ask = globalThis.GPUAdapter?.prototype.requestDevice;
      if (ask) GPUAdapter.prototype.requestDevice = async function (...wish) {
        const device = await ask.apply(this, wish);
        devices.push(device);
        return device;
      };`;
    await visit(
      async (page) => {
        if (!process.env["CI"] && (await page.locator('#targets input[value="wgsl"]').isDisabled())) skip();
        await choose(page, "targets", "wgsl");
        const before = await settled(page);
        expect(before.target).toBe("wgsl");
        await inPage(page, "() => devices.at(-1).destroy()");
        await page.locator("#examples button").nth(1).click();
        const after = await changed(page, before);
        expect([after.target, after.label]).toEqual(["wgsl", images[1]!.label]);
        expect(await inPage<number>(page, "() => devices.length")).toBe(2);
        expect(await page.locator("#message").textContent()).toBe("");
      },
      desktop,
      { script },
    );
  });

  describe("drawing", () => testDrawing(visit));

  describe("files", () => testFiles(visit));

  describe("what is found in pictures", () => testDetecting(visit));

  describe("the playground", () => testPlayground(visit));

  test("weights that do not come give a message, and another choice works", async () => {
    await visit(async (page, { problems }) => {
      await settled(page);
      await page.route("**/fm_mobile*.safetensors", (route) => route.abort());
      await choose(page, "nets", "fm_mobile");
      await expect.poll(() => page.locator("#loading").textContent()).toContain("cannot read the weights");
      await choose(page, "nets", "fm_resnet16");
      expect((await settled(page)).label).toBe(images[0]!.label);
      expect(await page.locator("#loading").isHidden()).toBe(true);
      await choose(page, "nets", "fm_mobile");
      await expect.poll(() => page.locator("#loading").textContent()).toContain("cannot read the weights");
      await page.unroute("**/fm_mobile*.safetensors");
      await page.locator("#loading").getByRole("button", { name: "Retry" }).click();
      await expect.poll(async () => (await settled(page)).net).toBe("fm_mobile");
      // The browser itself tells of the file that failed.
      expect(problems.splice(0).every((text) => text.includes("Failed to load resource"))).toBe(true);
    });
  });

  test.runIf(process.env["SCREENSHOTS"])("screenshots", async () => {
    for (const [name, options] of [
      ["web-desktop", { ...desktop, deviceScaleFactor: 1.5 }],
      ["web-phone", { ...phone, colorScheme: "dark" as const }],
    ] as const) {
      await visit(async (page) => {
        await page.locator("#examples button").nth(4).click();
        await expect.poll(async () => (await settled(page)).label).toBe(images[4]!.label);
        await page.mouse.move(0, 0);
        await inPage(page, "() => scrollTo(0, 0)");
        const bytes = await page.screenshot({ fullPage: name === "web-desktop" });
        await sharp(bytes)
          .png({ palette: true, colors: 128 })
          .toFile(join(root, "docs", `${name}.png`));
      }, options);
    }
  });
});

/** What the page shows as soon as a net on a target answers to an input. */
async function answerOf(page: Page, net: string, target: string, pixels: Float32Array): Promise<Shown> {
  let shown: Shown | undefined;
  await expect
    .poll(async () => {
      shown = (await page.evaluate("cleaveDemo.now()")) as Shown | undefined;
      return shown && { net: shown.net, target: shown.target, pixels: shown.pixels };
    }, pollSoon)
    .toEqual({ net, target, pixels: [...pixels] });
  return shown!;
}

/** The bars say the softmax of the logits, in percent. */
async function checkBars(page: Page, logits: readonly number[]): Promise<void> {
  const rows = await inPage<[string, number, boolean][]>(
    page,
    `() => [...document.querySelectorAll("#bars li")].map((row) => [
      row.querySelector("span").textContent,
      Number(row.querySelector("b").textContent),
      row.classList.contains("best"),
    ])`,
  );
  const powers = logits.map((value) => Math.exp(value - Math.max(...logits)));
  const sum = powers.reduce((total, power) => total + power, 0);
  const best = logits.indexOf(Math.max(...logits));
  expect(rows.map(([label]) => label)).toEqual(classes);
  for (const [index, [, said, isBest]] of rows.entries()) {
    expect(Math.abs(said - (100 * powers[index]!) / sum)).toBeLessThanOrEqual(0.0501);
    expect(isBest).toBe(index === best);
  }
}
