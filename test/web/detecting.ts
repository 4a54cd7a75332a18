// Tests of the pages that find something in pictures: what they mark, targets, threshold and loading.

import { join } from "node:path";
import type { Page } from "playwright-core";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { testCamera } from "./camera.js";
import { inPage } from "./chromium.js";
import { boxesOf, drawnFaces, findings } from "./finding.js";
import type { Box } from "./found.js";
import { facesIn, linesIn, overlap } from "./found.js";
import type { VisitPage } from "./site.js";
import { choose, desktop, phone, root } from "./site.js";

/** Where the features of the drawn faces are: center and width of a head, in pixels. */
const heads = [
  [150, 225, 190],
  [405, 255, 170],
  [650, 230, 200],
] as const;

export function testDetecting(visit: VisitPage): void {
  describe("faces", () => testFaces(visit));
  describe("lines of text", () => testLines(visit));
  describe("loading", () => testLoading(visit));
  describe("the camera", () => testCamera(visit));
  test.runIf(process.env["SCREENSHOTS"])("screenshots", () => takeScreenshots(visit));
}

function testFaces(visit: VisitPage): void {
  test.for(["auto", "js", "wasm", "wgsl"])(
    "the drawn faces on the target %s, as onnxruntime-web finds them",
    async (target, { skip }) => {
      const png = await sharp(drawnFaces).png().toBuffer();
      const wanted = await facesIn(png);
      expect(wanted).toHaveLength(heads.length);
      await visit(
        async (page) => {
          if (await page.locator(`#targets input[value="${target}"]`).isDisabled()) {
            const why = await page.locator("#notes").textContent();
            if (process.env["CI"]) throw new Error(`the target ${target} does not run: ${why}`);
            console.warn(`\n*** SKIPPED *** the page on the target ${target}: ${why}\n`);
            skip();
          }
          await choose(page, "targets", target);
          await findings(page, (shown) => target === "auto" || shown.target === target);
          await page.setInputFiles("#file", { name: "faces.png", mimeType: "image/png", buffer: png });
          const found = await findings(page, (shown) => shown.frames > 1 && shown.found.length === 3);
          if (target !== "auto") expect(found.target).toBe(target);
          for (const box of wanted)
            expect(Math.max(...boxesOf(found).map((own) => overlap(own, box)))).toBeGreaterThan(0.85);
          // And they are where the heads are: around the eyes, the nose and the mouth, which are below the middle.
          for (const [x, y, width] of heads) {
            const near = {
              left: x - 0.45 * width,
              top: y - 0.4 * width,
              right: x + 0.45 * width,
              bottom: y + 0.5 * width,
            };
            expect(Math.max(...boxesOf(found).map((own) => overlap(own, near)))).toBeGreaterThan(0.75);
            // The six points of each: eyes, nose, mouth and ears, of which the drawn heads have no ears.
            const drawn = [
              [x - 0.18 * width, y - 0.1 * width],
              [x + 0.18 * width, y - 0.1 * width],
              [x, y + 0.1 * width],
              [x, y + 0.32 * width],
            ] as const;
            const far = found.found.map(({ points = [] }) => {
              expect(points).toHaveLength(6);
              return drawn.map(([px, py], at) => Math.hypot(points[at]![0] - px, points[at]![1] - py));
            });
            expect(Math.min(...far.map((some) => Math.max(...some)))).toBeLessThan(0.2 * width);
          }
          expect(await page.locator("#count").textContent()).toBe("3 faces");
          const why = /^(WebGPU|WebAssembly|JavaScript)[ :].*\.$/;
          expect(await page.locator("#why").textContent()).toMatch(target === "auto" ? why : /^$/);
          expect(await page.locator("#facts").textContent()).toMatch(/Time of a picture[\d.]+ m?s/);
        },
        desktop,
        { name: "faces" },
      );
    },
  );

  test("a threshold rejects what is less sure, without another run", async () => {
    await visit(
      async (page) => {
        const before = await findings(page, ({ found }) => found.length === 3);
        const scores = before.found.map(({ score }) => score);
        for (const least of [95, 90, 50, 10]) {
          await setThreshold(page, least);
          const { found, frames } = await findings(page, () => true);
          expect(found.every(({ score }) => score >= least / 100)).toBe(true);
          for (const score of scores)
            expect(found.some((one) => one.score === score)).toBe(score >= least / 100);
          expect(await page.getByRole("slider", { name: `Mark faces from ${least} %` }).count()).toBe(1);
          expect(frames).toBeGreaterThanOrEqual(before.frames);
        }
        await setThreshold(page, 95);
        expect(await page.locator("#count").textContent()).toBe("No face");
        expect(await page.locator("#picture").getAttribute("aria-label")).toContain("No face");
      },
      desktop,
      { name: "faces" },
    );
  });

  test("the picture that was opened last is shown, although an earlier one takes longer; SVG is a picture too", async () => {
    const png = await sharp(drawnFaces).resize(400, 240).png().toBuffer();
    const drawing = Buffer.from(
      `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 20"><rect width="40" height="20" fill="gray" /></svg>`,
    );
    await visit(
      async (page) => {
        await findings(page, ({ found }) => found.length === 3);
        const [slow, fast, svg] = [
          { name: "slow.png", mimeType: "image/png", buffer: png },
          { name: "fast.png", mimeType: "image/png", buffer: await sharp(png).resize(200).png().toBuffer() },
          { name: "drawing.svg", mimeType: "image/svg+xml", buffer: drawing },
        ];
        await page.setInputFiles("#file", slow);
        await page.setInputFiles("#file", fast);
        await findings(page, ({ size }) => size.width === 200);
        await page.evaluate("releaseFirst()");
        await page.setInputFiles("#file", svg);
        await findings(page, ({ size, found }) => size.width === 2 * size.height && found.length === 0);
        expect(await page.locator("#count").textContent()).toBe("No face");
        await page.setInputFiles("#file", slow);
        await findings(page, ({ size }) => size.width === 400);
      },
      desktop,
      {
        name: "faces",
        // The first file is read only when the test says so.
        script: `{
          const read = globalThis.createImageBitmap;
          let first = new Promise((resolve) => (globalThis.releaseFirst = resolve));
          globalThis.createImageBitmap = async (source, ...more) => {
            const before = source instanceof File ? first : undefined;
            if (before) first = undefined;
            await before;
            return read(source, ...more);
          };
        }`,
      },
    );
  });

  test("a high picture on a phone, and one without faces", async () => {
    const tall = await sharp(drawnFaces)
      .extract({ left: 20, top: 40, width: 260, height: 400 })
      .png()
      .toBuffer();
    const gray = await sharp({ create: { width: 300, height: 200, channels: 3, background: "gray" } })
      .png()
      .toBuffer();
    await visit(
      async (page) => {
        await findings(page, ({ found }) => found.length === 3);
        await page.setInputFiles("#file", { name: "tall.png", mimeType: "image/png", buffer: tall });
        const shown = await findings(page, ({ size }) => size.height === 400);
        const [wanted] = await facesIn(tall);
        expect(boxesOf(shown)).toHaveLength(1);
        expect(overlap(boxesOf(shown)[0]!, wanted!)).toBeGreaterThan(0.85);
        await page.setInputFiles("#file", { name: "gray.png", mimeType: "image/png", buffer: gray });
        expect((await findings(page, ({ size }) => size.height === 200)).found).toEqual([]);
        // The page is not wider than the phone.
        expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(360);
        await page.setInputFiles("#file", {
          name: "notes.png",
          mimeType: "image/png",
          buffer: Buffer.from("this is not a picture"),
        });
        await expect.poll(() => page.locator("#message").textContent()).toContain("Cannot read notes.png");
        await page.click("#example");
        await findings(page, ({ found }) => found.length === 3);
        expect(await page.locator("#message").textContent()).toBe("");
      },
      phone,
      { name: "faces" },
    );
  });
}

function testLines(visit: VisitPage): void {
  const texts = [
    { text: "Lines of text", x: 60, y: 90, size: 44 },
    { text: "to be found", x: 300, y: 210, size: 36 },
    { text: "7.30 – 18.00", x: 90, y: 330, size: 30 },
    { text: "END", x: 480, y: 420, size: 64 },
  ];
  const draw = (lines: typeof texts): Promise<Buffer> =>
    sharp(
      Buffer.from(
        `<svg xmlns="http://www.w3.org/2000/svg" width="720" height="480" font-family="sans-serif"><rect width="720" height="480" fill="#f4efe2"/>${lines
          .map(
            ({ text, x, y, size }) =>
              `<text x="${x}" y="${y}" font-size="${size}" fill="#202a44">${text}</text>`,
          )
          .join("")}</svg>`,
      ),
    )
      .removeAlpha()
      .png()
      .toBuffer();
  /** The box around what is drawn. */
  const inkOf = async (png: Buffer): Promise<Box> => {
    const { data, info } = await sharp(png).grayscale().raw().toBuffer({ resolveWithObject: true });
    const dark = [...data.keys()].filter((at) => data[at]! < 128);
    const [xs, ys] = [dark.map((at) => at % info.width), dark.map((at) => Math.floor(at / info.width))];
    const [left, right] = [Math.min(...xs), Math.max(...xs) + 1];
    return { left, right, top: Math.min(...ys), bottom: Math.max(...ys) + 1 };
  };

  test("lines are where they are drawn, and where onnxruntime-web sees them", async () => {
    const png = await draw(texts);
    const seen = await linesIn(png);
    const drawn = await Promise.all(texts.map(async (one) => inkOf(await draw([one]))));
    expect(seen).toHaveLength(drawn.length);
    await visit(
      async (page) => {
        await page.setInputFiles("#file", { name: "lines.png", mimeType: "image/png", buffer: png });
        const shown = await findings(page, ({ size }) => size.width === 720);
        const boxes = boxesOf(shown);
        expect(boxes).toHaveLength(drawn.length);
        for (const box of drawn)
          expect(Math.max(...boxes.map((own) => overlap(own, box)))).toBeGreaterThan(0.6);
        for (const box of seen) {
          const middles = boxes.map((own) => distance(own, box));
          expect(Math.min(...middles)).toBeLessThan(4);
        }
        expect(await page.locator("#count").textContent()).toBe("4 lines of text");
        // From the top down.
        expect(await textsOf(page)).toEqual(["Lines of text", "to be found", "7.30-18.00", "END"]);
        const box = boxesOf({ found: shown.found.filter(({ text }) => text === "END") });
        expect(overlap(box[0]!, drawn[3]!)).toBeGreaterThan(0.6);
      },
      desktop,
      { name: "text" },
    );
  });

  test("the outlines lie as the lines do: the example has turned ones", async () => {
    await visit(
      async (page) => {
        const { found } = await findings(page, (shown) => shown.found.length === 5);
        // Of each line, the angle of its longer side, in degrees.
        const angles = found
          .map(({ corners: [a, b, c] }) => {
            const sides = [
              [b![0] - a![0], b![1] - a![1]],
              [c![0] - b![0], c![1] - b![1]],
            ].sort((p, q) => Math.hypot(q[0]!, q[1]!) - Math.hypot(p[0]!, p[1]!));
            return (Math.atan(sides[0]![1]! / sides[0]![0]!) * 180) / Math.PI;
          })
          .sort((a, b) => a - b);
        for (const angle of angles.slice(0, 4)) expect(Math.abs(angle + 4)).toBeLessThan(2);
        expect(Math.abs(angles[4]! - 12)).toBeLessThan(2);
        await expect
          .poll(() => textsOf(page))
          .toEqual(["BAKERY", "Fresh bread every day", "Monday to Saturday", "7.30-18.00", "OPEN"]);
        // A line from the top down is read as well.
        const png = await sharp(await draw([texts[3]!]))
          .extract({ left: 440, top: 340, width: 280, height: 140 })
          .rotate(90)
          .png()
          .toBuffer();
        await page.setInputFiles("#file", { name: "down.png", mimeType: "image/png", buffer: png });
        await findings(page, ({ size }) => size.height === 280);
        await expect.poll(() => textsOf(page)).toEqual(["END"]);
      },
      phone,
      { name: "text" },
    );
  });
}

function testLoading(visit: VisitPage): void {
  test("a bar shows what has arrived; Cancel ends the download, and Retry begins it again", async () => {
    await visit(
      async (page) => {
        await findings(page, ({ found }) => found.length === 3);
        const session = await page.context().newCDPSession(page);
        const limit = (downloadThroughput: number): Promise<unknown> =>
          session.send("Network.emulateNetworkConditions", {
            offline: false,
            latency: 0,
            downloadThroughput,
            uploadThroughput: -1,
          });
        const panel = page.locator("#loading");
        const said = (): Promise<string | null> => panel.locator("p").textContent();
        await limit(100_000);
        await choose(page, "targets", "js");
        await expect
          .poll(said, { timeout: 20_000, interval: 20 })
          .toMatch(/^Loading the network: 0\.[123] of 0\.5 MiB$/);
        const value = Number(await panel.locator("progress").getAttribute("value"));
        expect(value).toBeGreaterThan(0);
        expect(value).toBeLessThan(1);
        const buttons = (): Promise<string[]> => panel.getByRole("button").allTextContents();
        expect(await buttons()).toEqual(["Cancel"]);
        await panel.getByRole("button", { name: "Cancel" }).press("Enter");
        await expect.poll(said).toBe("Loading was cancelled.");
        expect(await panel.locator("progress").isHidden()).toBe(true);
        expect(await buttons()).toEqual(["Retry"]);
        // Another picture does not start it again.
        await inPage(page, `() => document.getElementById("example").click()`);
        await page.evaluate("cleaveDemo.settled()");
        expect(await said()).toBe("Loading was cancelled.");
        await limit(-1);
        expect(await page.evaluate("document.activeElement.textContent")).toBe("Retry");
        await page.keyboard.press("Enter");
        await findings(page, ({ target, found }) => target === "js" && found.length === 3);
        expect(await panel.isHidden()).toBe(true);
      },
      desktop,
      { name: "faces" },
    );
  });

  test("another choice ends a download under way", async () => {
    await visit(
      async (page) => {
        await findings(page, ({ found }) => found.length === 3);
        await page.route("**/*.js.packed*.safetensors", () => {});
        await choose(page, "targets", "js");
        await expect.poll(() => page.locator("#loading progress").isVisible()).toBe(true);
        await choose(page, "targets", "wasm");
        await findings(page, ({ target, frames }) => target === "wasm" && frames > 1);
        expect(await page.locator("#loading").isHidden()).toBe(true);
      },
      desktop,
      { name: "faces" },
    );
  });

  test.each([
    ["weights", "**/*.js.packed*.safetensors", "cannot read the weights"],
    ["the module", "**/face_detection*.js", "Failed to fetch"],
  ])("%s do not come: the page says why, and Retry works", async (what, files, words) => {
    await visit(
      async (page, { problems }) => {
        await page.route(files, (route) => route.abort());
        // The page itself imports the module; only a new page does so again.
        if (what === "the module") await page.reload();
        await choose(page, "targets", "js");
        await expect.poll(() => page.locator("#loading").textContent()).toContain(words);
        await page.unroute(files);
        await page.locator("#loading").getByRole("button", { name: "Retry" }).click();
        await findings(page, ({ target, found }) => target === "js" && found.length === 3);
        expect(await page.locator("#loading").isHidden()).toBe(true);
        expect(problems.splice(0).every((text) => text.includes("Failed to load resource"))).toBe(true);
      },
      // What a service worker fetches, routes do not see.
      { ...desktop, serviceWorkers: "block" },
      { name: "faces" },
    );
  });

  test("without a connection, nets that were loaded go on; another one loads when the connection is back", async () => {
    await visit(
      async (page, { problems }) => {
        const before = await findings(page, ({ found }) => found.length === 3);
        await page.context().setOffline(true);
        const png = await sharp(drawnFaces).resize(400, 240).png().toBuffer();
        await page.setInputFiles("#file", { name: "small.png", mimeType: "image/png", buffer: png });
        await findings(page, ({ size, target }) => size.width === 400 && target === before.target);
        const other = before.target === "js" ? "wasm" : "js";
        await choose(page, "targets", other);
        await expect
          .poll(() => page.locator("#loading").textContent())
          .toContain("There is no connection, and the network is not loaded yet.");
        await page.context().setOffline(false);
        await findings(page, ({ target }) => target === other);
        expect(await page.locator("#loading").isHidden()).toBe(true);
        // The weights of the first one were kept.
        await page.context().setOffline(true);
        await choose(page, "targets", before.target);
        await findings(page, ({ target }) => target === before.target);
        expect(await page.locator("#loading").isHidden()).toBe(true);
        expect(problems.splice(0).every((text) => text.includes("ERR_INTERNET_DISCONNECTED"))).toBe(true);
      },
      desktop,
      { name: "faces" },
    );
  });
}

function setThreshold(page: Page, least: number): Promise<void> {
  return inPage(
    page,
    `(least) => {
      const slider = document.getElementById("threshold");
      slider.value = least;
      slider.dispatchEvent(new Event("input"));
    }`,
    least,
  );
}

/** Between the middles of two boxes. */
function distance(a: Box, b: Box): number {
  return Math.hypot((a.left + a.right - b.left - b.right) / 2, (a.top + a.bottom - b.top - b.bottom) / 2);
}

/** What the page reads, a line each. The net is not sure of dashes and the spaces around them. */
async function textsOf(page: Page): Promise<string[]> {
  const said = await page.locator("#texts").textContent();
  return (said ?? "").split("\n").map((line) => line.replace(/ *[-–—] */, "-"));
}

async function takeScreenshots(visit: VisitPage): Promise<void> {
  for (const name of ["faces", "text"] as const)
    await visit(
      async (page) => {
        await findings(page, ({ found }) => found.length > 0);
        await page.evaluate("cleaveDemo.settled()");
        const bytes = await page.screenshot();
        await sharp(bytes)
          .png({ palette: true, colors: 128 })
          .toFile(join(root, "docs", `web-${name}-phone.png`));
      },
      { ...phone, colorScheme: "dark" },
      { name },
    );
}
