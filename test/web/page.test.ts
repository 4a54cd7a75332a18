// The web page of examples/web, built as its users build it and driven in Chromium: what it computes against the interpreter,
// its input against that of `cleave run`, drawing, opening and dropping. SCREENSHOTS=1 renews the pictures in docs/.

import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { PreviewServer } from "vite";
import { createServer, preview } from "vite";
import { readImage } from "#cli/image.js";
import { targetNames } from "#compile/targets.js";
import { interpret } from "#interpret/interpret.js";
import { firstDifference, longestReduction } from "#interpret/tolerance.js";
import type { Shown } from "../../examples/web/shown.js";
import { readModel } from "../../src/node.js";
import type { Watch } from "./chromium.js";
import { hasChromium, inPage, launch, serve, watch } from "./chromium.js";

const root = join(import.meta.dirname, "../..");
const folder = join(root, "examples/web");
const nets = ["fm_resnet16", "fm_mobile"];
const trueLabels = readFileSync(join(root, "examples/images/labels.txt"), "utf8")
  .trim()
  .split("\n")
  .map((line) => line.slice(line.indexOf(" ") + 1));
const classes = readFileSync(join(root, "examples/fashion_mnist.labels.txt"), "utf8").trim().split("\n");

const desktop: BrowserContextOptions = { viewport: { width: 1120, height: 900 } };
const phone: BrowserContextOptions = {
  viewport: { width: 360, height: 740 },
  deviceScaleFactor: 2,
  isMobile: true,
  hasTouch: true,
};

const scratch = mkdtempSync(join(tmpdir(), "cleave-web-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe.skipIf(!hasChromium)("the web page", () => {
  let browser: Browser;
  let server: PreviewServer;
  let url: string;

  beforeAll(async () => {
    execFileSync("npm", ["run", "--silent", "web:build"], { cwd: root, stdio: "ignore" });
    server = await preview({
      root: folder,
      configFile: join(folder, "vite.config.ts"),
      logLevel: "silent",
      preview: { host: "localhost", port: 4780 },
    });
    url = server.resolvedUrls?.local[0] ?? "";
    browser = await launch();
  }, 180_000);

  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  /** Opens the page, does something with it, and sees that nothing went wrong. */
  async function visit(
    work: (page: Page, seen: Watch) => Promise<void>,
    options = desktop,
    { address = url, script = "" } = {},
  ): Promise<void> {
    const context = await browser.newContext(options);
    try {
      const page = await context.newPage();
      await page.addInitScript(script);
      const seen = watch(page);
      await page.goto(address);
      await page.waitForFunction("globalThis.cleaveDemo");
      await work(page, seen);
      expect(seen.problems).toEqual([]);
    } finally {
      await context.close();
    }
  }

  describe.each(nets)("%s", (net) => {
    const { value: model } = readModel(join(root, `examples/${net}.net`));
    const expected: { pixels: Float32Array; logits: Float64Array }[] = [];

    beforeAll(async () => {
      for (const [index] of trueLabels.entries()) {
        const pixels = await pixelsOf(join(root, `examples/images/0${index}.png`));
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
            const shown = await shownFor(page, pixels);
            expect([shown.net, shown.target]).toEqual([net, target]);
            expect(firstDifference(shown.logits!, logits, longestReduction(model!))).toBe(-1);
            expect(shown.label).toBe(trueLabels[index]);
            expect(await page.locator("#label").textContent()).toBe(trueLabels[index]);
            expect(shown.milliseconds).toBeGreaterThan(0);
            await checkBars(page, shown.logits!);
          }
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
      expect(counts.length).toBeGreaterThan(1);
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
      configFile: join(folder, "vite.config.ts"),
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
            expect([shown.target, shown.label]).toEqual([target, trueLabels[0]]);
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
          expect([shown.threads, shown.label]).toEqual([1, trueLabels[0]]);
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

  const missing: Readonly<Record<string, string>> = {
    wasm: "delete globalThis.WebAssembly",
    wgsl: "Object.defineProperty(Navigator.prototype, 'gpu', { value: { requestAdapter: async () => null } })",
  };

  test.for(targetNames.filter((target) => missing[target] !== undefined))(
    "a browser that does not run %s: the page says so, and takes another target",
    async (target) => {
      await visit(
        async (page) => {
          const shown = await settled(page);
          expect(shown.target).not.toBe(target);
          expect(shown.label).toBe(trueLabels[0]);
          expect(await page.locator(`#targets input[value="${target}"]`).isDisabled()).toBe(true);
          expect(await page.locator("#notes").textContent()).toMatch(
            /This browser has (no WebA|WebGPU, but finds no)/,
          );
        },
        desktop,
        { script: missing[target]! },
      );
    },
  );

  describe("drawing", () => {
    test("with the mouse: where it goes, the net sees white, and the answer changes", async () => {
      await visit(async (page) => {
        const before = await settled(page);
        await page.locator("#clear").click();
        const black = await settled(page);
        expect(black.pixels.every((value) => value === 0)).toBe(true);
        expect(black.logits).toBeUndefined();
        expect(await page.locator("#label").textContent()).toBe("Nothing yet");

        const { x, y, width } = (await page.locator("#pad").boundingBox())!;
        const at = (column: number, row: number) =>
          [x + (column / 28) * width, y + (row / 28) * width] as const;
        // Two legs.
        for (const column of [10, 18]) {
          await page.mouse.move(...at(column, 5));
          await page.mouse.down();
          await page.mouse.move(...at(column, 23), { steps: 8 });
          await page.mouse.up();
        }
        const drawn = await settled(page);
        const value = (column: number, row: number) => drawn.pixels[row * 28 + column];
        for (const row of [5, 14, 22]) {
          expect([value(9, row), value(10, row), value(18, row)]).toEqual([1, 1, 1]);
          expect([value(2, row), value(14, row), value(25, row)]).toEqual([0, 0, 0]);
        }
        expect(drawn.logits).toHaveLength(10);
        expect(drawn.logits).not.toEqual(before.logits);
        expect(drawn.label).toBe("Trouser");
        const seen = await inPage<number[]>(
          page,
          `() => [...document.getElementById("preview").getContext("2d").getImageData(0, 0, 28, 28).data].filter((_, at) => at % 4 === 0)`,
        );
        expect(seen).toEqual(drawn.pixels.map((one) => Math.round(one * 255)));

        await page.locator("#invert").click();
        const inverted = await settled(page);
        expect(inverted.pixels[14 * 28 + 10]).toBe(0);
        expect(inverted.pixels[14 * 28 + 2]).toBe(1);
      });
    });

    test("shade and size of the brush", async () => {
      await visit(async (page) => {
        await page.locator("#clear").click();
        await choose(page, "shades", "140");
        await page.locator("#diameter").fill("8");
        await page.locator("#pad").click();
        const { pixels } = await settled(page);
        expect(pixels[14 * 28 + 14]).toBeCloseTo(140 / 255, 6);
        // A disc of diameter 8.
        expect(pixels.reduce((sum, value) => sum + value, 0)).toBeCloseTo((16 * Math.PI * 140) / 255, 0);
      });
    });

    test("with a finger, on a phone: the page does not scroll, and fits", async () => {
      await visit(async (page) => {
        const wide = await inPage<number>(page, "() => document.documentElement.scrollWidth");
        expect(wide).toBeLessThanOrEqual(360);
        await page.locator("#clear").tap();
        await page.locator("#pad").scrollIntoViewIfNeeded();
        const box = (await page.locator("#pad").boundingBox())!;
        const before = await inPage<number>(page, "() => scrollY");
        const session = await page.context().newCDPSession(page);
        const touch = (type: "touchStart" | "touchMove" | "touchEnd", share?: number) =>
          session.send("Input.dispatchTouchEvent", {
            type,
            touchPoints:
              share === undefined ? [] : [{ x: box.x + box.width / 2, y: box.y + share * box.height }],
          });
        await touch("touchStart", 0.8);
        for (const share of [0.7, 0.6, 0.5, 0.4, 0.3]) await touch("touchMove", share);
        await touch("touchEnd");
        const { pixels } = await settled(page);
        for (const row of [10, 14, 18, 22]) expect(pixels[row * 28 + 14]).toBe(1);
        expect(pixels[4 * 28 + 14]).toBe(0);
        expect(await inPage<number>(page, "() => scrollY")).toBe(before);
      }, phone);
    });

    test("with a pen: the harder, the wider", async () => {
      await visit(async (page) => {
        const session = await page.context().newCDPSession(page);
        const { x, y, width } = (await page.locator("#pad").boundingBox())!;
        const sums: number[] = [];
        for (const force of [0.1, 1]) {
          await page.locator("#clear").click();
          const point = {
            x: x + width / 2,
            y: y + width / 2,
            pointerType: "pen" as const,
            button: "left" as const,
            force,
          };
          await session.send("Input.dispatchMouseEvent", {
            ...point,
            type: "mousePressed",
            buttons: 1,
            clickCount: 1,
          });
          await session.send("Input.dispatchMouseEvent", {
            ...point,
            type: "mouseReleased",
            buttons: 0,
            clickCount: 1,
          });
          sums.push((await settled(page)).pixels.reduce((sum, value) => sum + value, 0));
        }
        expect(sums[1]).toBeGreaterThan(2 * sums[0]!);
      });
    });

    test("with the keyboard, which reaches everything else too", async () => {
      await visit(async (page) => {
        await page.locator("#clear").press("Enter");
        await page.locator("#pad").focus();
        for (let step = 0; step < 6; step++) await page.keyboard.press("Shift+ArrowLeft");
        const { pixels } = await settled(page);
        for (const column of [8, 10, 13]) expect(pixels[14 * 28 + column]).toBe(1);
        expect(pixels[14 * 28 + 20]).toBe(0);
        const reached = new Set<string>();
        for (let step = 0; step < 40; step++) {
          await page.keyboard.press("Tab");
          reached.add(
            await inPage<string>(
              page,
              "() => document.activeElement.id || document.activeElement.name || document.activeElement.alt || document.activeElement.tagName",
            ),
          );
        }
        for (const wanted of ["pad", "shades", "diameter", "file", "invert", "clear", "nets", "targets"])
          expect(reached).toContain(wanted);
      });
    });
  });

  describe("files", () => {
    /** A light shirt-like shape before a dark ground, in color. */
    const picture = (width: number, height: number, ground = "#101820", shape = "#e8c9a0") =>
      sharp(
        Buffer.from(
          `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 10 10" preserveAspectRatio="none"><rect width="10" height="10" fill="${ground}"/><path d="M3 1 L7 1 L9 3 L8 5 L7 4 L7 9 L3 9 L3 4 L2 5 L1 3 Z" fill="${shape}"/></svg>`,
        ),
      ).removeAlpha();

    test.each([
      [28, 28],
      [64, 64],
      [300, 200],
      [1000, 1400],
    ])("a picture of %i×%i that is chosen becomes what `cleave run` makes of it", async (width, height) => {
      const bytes = await picture(width, height).png().toBuffer();
      const wanted = await pixelsOf(written(`${width}.png`, bytes));
      await visit(async (page) => {
        const before = await settled(page);
        await page.setInputFiles("#file", { name: "shirt.png", mimeType: "image/png", buffer: bytes });
        const shown = await changed(page, before);
        const levels = shown.pixels.map((value, at) => Math.abs(value - wanted[at]!) * 255);
        expect(Math.max(...levels)).toBeLessThanOrEqual(width === 28 ? 0.01 : 2.01);
        expect(await page.locator("#message").textContent()).toBe("");
      });
    });

    test("a picture that is dropped; one with a light ground is inverted, and the page says so", async () => {
      const dark = await picture(140, 140).jpeg({ quality: 95 }).toBuffer();
      const light = await picture(140, 140, "#ffffff", "#203040").png().toBuffer();
      await visit(async (page) => {
        const before = await settled(page);
        await drop(page, "shirt.jpg", "image/jpeg", dark);
        const first = await changed(page, before);
        expect(first.logits).not.toEqual(before.logits);
        await drop(page, "light.png", "image/png", light);
        const second = await changed(page, first);
        expect(await page.locator("#message").textContent()).toContain("Inverted");
        expect(second.pixels[0]).toBe(0);
        expect(second.pixels[14 * 28 + 14]).toBeGreaterThan(0.75);
      });
    });

    test("a broken file gives a message and leaves the picture as it was", async () => {
      const whole = await picture(200, 200).png().toBuffer();
      await visit(async (page) => {
        const before = await settled(page);
        for (const [name, bytes] of [
          ["notes.png", Buffer.from("this is no picture")],
          ["empty.png", Buffer.alloc(0)],
          ["cut.png", whole.subarray(0, 60)],
        ] as const) {
          await drop(page, name, "image/png", bytes);
          await expect.poll(() => page.locator("#message").textContent()).toContain(`Cannot read ${name}`);
        }
        expect((await settled(page)).pixels).toEqual(before.pixels);
        // And all goes on.
        await page.locator("#examples button").nth(2).click();
        await changed(page, before);
        expect(await page.locator("#message").textContent()).toBe("");
      });
    });
  });

  test("weights that do not come give a message, and another choice works", async () => {
    await visit(async (page, { problems }) => {
      await settled(page);
      await page.route("**/fm_mobile*.safetensors", (route) => route.abort());
      await choose(page, "nets", "fm_mobile");
      await expect.poll(() => page.locator("#message").textContent()).toContain("cannot read the weights");
      await choose(page, "nets", "fm_resnet16");
      expect((await settled(page)).label).toBe(trueLabels[0]);
      expect(await page.locator("#message").textContent()).toBe("");
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
        await expect.poll(async () => (await settled(page)).label).toBe(trueLabels[4]);
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

/** What the page shows once it has nothing more to do. */
function settled(page: Page): Promise<Shown> {
  return page.evaluate("cleaveDemo.settled()") as Promise<Shown>;
}

/** What the page shows for an input. */
async function shownFor(page: Page, pixels: Float32Array): Promise<Shown> {
  let shown = await settled(page);
  await expect
    .poll(async () => (shown = await settled(page)).pixels, { timeout: 10_000 })
    .toEqual([...pixels]);
  return shown;
}

/** What the page shows when it shows another input than before. */
async function changed(page: Page, before: Shown): Promise<Shown> {
  let shown = before;
  await expect
    .poll(async () => (shown = await settled(page)).pixels, { timeout: 10_000 })
    .not.toEqual(before.pixels);
  return shown;
}

async function choose(page: Page, group: string, value: string): Promise<void> {
  await page.locator(`#${group} label:has(input[value="${value}"])`).click();
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

function drop(page: Page, name: string, type: string, bytes: Buffer): Promise<void> {
  return inPage(
    page,
    `(name, type, bytes) => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([Uint8Array.from(bytes)], name, { type }));
      document.getElementById("pad").dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
    }`,
    name,
    type,
    [...bytes],
  );
}

/** The input that `cleave run` makes of an image file. */
async function pixelsOf(path: string): Promise<Float32Array> {
  const { value, diagnostics } = await readImage(path, [1, 28, 28, 1], {
    scale: 1 / 255,
    mean: [0],
    std: [1],
  });
  if (!value) throw new Error(diagnostics.map((one) => one.message).join("\n"));
  return value;
}

function written(name: string, bytes: Uint8Array): string {
  const path = join(scratch, name);
  writeFileSync(path, bytes);
  return path;
}
