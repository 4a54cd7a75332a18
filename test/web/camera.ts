// Tests of the page that finds faces in the camera: frames of a film, and every reason why there are none.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launch } from "./chromium.js";
import { boxesOf, drawnFaces, findings } from "./finding.js";
import type { VisitPage } from "./site.js";
import { choose, desktop } from "./site.js";

export function testCamera(visit: VisitPage): void {
  const scratch = mkdtempSync(join(tmpdir(), "cleave-camera-"));
  let browser: Browser;
  /** Its camera is there, and no page may use it. */
  let closed: Browser;

  beforeAll(async () => {
    const film = join(scratch, "faces.y4m");
    writeFileSync(film, await filmOf([0, 10, 20, 30]));
    browser = await launch({
      args: [
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        `--use-file-for-fake-video-capture=${film}`,
      ],
    });
    closed = await launch({ args: ["--use-fake-device-for-media-stream"] });
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await closed?.close();
    rmSync(scratch, { recursive: true, force: true });
  });

  test("faces in frame after frame, until it is stopped", async () => {
    await visit(
      async (page) => {
        const before = await findings(page, ({ found }) => found.length === 3);
        // Twice, before it has started: it starts once.
        await page.evaluate(`for (const time of [1, 2]) document.getElementById("camera").click()`);
        const places = new Set<number>();
        const live = await findings(page, ({ frames, size, found }) => {
          if (size.width === 640) for (const { left } of boxesOf({ found })) places.add(Math.round(left));
          return frames > before.frames + 12 && found.length === 1;
        });
        expect(live.size).toEqual({ width: 640, height: 480 });
        // The head moves to the right, by 10 pixels each frame.
        const [box] = boxesOf(live);
        const middle = (box!.left + box!.right) / 2;
        expect(middle).toBeGreaterThan(300);
        expect(middle).toBeLessThan(370);
        expect(places.size).toBeGreaterThan(1);
        expect(await page.locator("#camera").textContent()).toBe("Stop the camera");
        expect(await page.evaluate("asked.map(({ video }) => video.facingMode)")).toEqual(["user"]);
        expect(await page.locator("#picture.mirrored").count()).toBe(1);
        // The target changes while the camera runs.
        await choose(page, "targets", "js");
        await findings(page, ({ target, found }) => target === "js" && found.length === 1);
        await page.click("#camera");
        expect(await page.locator("#camera").textContent()).toBe("Start the camera");
        const stopped = await findings(page, () => true);
        await page.waitForTimeout(200);
        expect((await findings(page, () => true)).frames).toBeLessThanOrEqual(stopped.frames + 1);
        // And a picture takes the place of the last frame.
        await page.click("#example");
        await findings(page, ({ size, found }) => size.width === 800 && found.length === 3);
        expect(await page.locator("#message").textContent()).toBe("");
        expect(await page.locator("#picture.mirrored").count()).toBe(0);
      },
      desktop,
      {
        name: "faces",
        browser,
        script: `{
          globalThis.asked = [];
          const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
          navigator.mediaDevices.getUserMedia = (wanted) => {
            asked.push(wanted);
            return ask(wanted);
          };
        }`,
      },
    );
  });

  test("a frame that cannot be read stops the camera, with a message; it can be started again", async () => {
    await visit(
      async (page) => {
        const before = await findings(page, ({ found }) => found.length === 3);
        await page.click("#camera");
        await findings(page, ({ frames, size }) => frames > before.frames + 2 && size.width === 640);
        await page.evaluate(`{
          const read = createImageBitmap;
          globalThis.createImageBitmap = () => {
            globalThis.createImageBitmap = read;
            throw new Error("the frame is lost");
          };
        }`);
        await expect.poll(() => page.locator("#message").textContent()).toBe("the frame is lost");
        expect(await page.locator("#camera").textContent()).toBe("Start the camera");
        const stopped = (await page.evaluate("cleaveDemo.settled()")) as { frames: number };
        await page.click("#camera");
        await findings(page, ({ frames }) => frames > stopped.frames + 2);
        expect(await page.locator("#message").textContent()).toBe("");
      },
      desktop,
      { name: "faces", browser },
    );
  });

  const gone = (name: string): string =>
    `navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("", "${name}"))`;

  test.each([
    ["is refused", "", "The camera is not allowed for this page."],
    ["is missing", gone("NotFoundError"), "No camera is connected."],
    ["is in use", gone("NotReadableError"), "The camera is used by another program."],
    ["is hidden", "delete Navigator.prototype.mediaDevices", "its connection is not encrypted"],
    ["fails", gone("TypeError"), "The camera does not start."],
  ])("a camera that %s: a sentence, and pictures still work", async (_, script, words) => {
    await visit(
      async (page) => {
        await findings(page, ({ found }) => found.length === 3);
        await page.click("#camera");
        await expect.poll(() => page.locator("#message").textContent()).toContain(words);
        expect(await page.locator("#message").textContent()).toContain("You can open a picture instead.");
        expect(await page.locator("#camera").textContent()).toBe("Start the camera");
        const png = await sharp(drawnFaces).resize(400, 240).png().toBuffer();
        await page.setInputFiles("#file", { name: "small.png", mimeType: "image/png", buffer: png });
        await findings(page, ({ size, found }) => size.width === 400 && found.length === 3);
        expect(await page.locator("#message").textContent()).toBe("");
      },
      desktop,
      { name: "faces", browser: closed, script },
    );
  });
}

/** A film of one drawn face before a ground as wide as a camera's picture, moved by some pixels in each frame; YUV4MPEG2, 4:2:0. */
async function filmOf(places: readonly number[]): Promise<Buffer> {
  const [width, height] = [640, 480];
  const face = await sharp(drawnFaces)
    .extract({ left: 30, top: 70, width: 240, height: 320 })
    .png()
    .toBuffer();
  const parts: Buffer[] = [Buffer.from(`YUV4MPEG2 W${width} H${height} F10:1 Ip A1:1 C420jpeg\n`)];
  for (const place of places) {
    const rgb = await sharp({ create: { width, height, channels: 3, background: "#7f9fb5" } })
      .composite([{ input: face, left: 200 + place, top: 80 }])
      .removeAlpha()
      .raw()
      .toBuffer();
    const at = (x: number, y: number): readonly number[] => [
      ...rgb.subarray(3 * (y * width + x), 3 * (y * width + x) + 3),
    ];
    const plane = (step: number, weights: readonly number[], zero: number): Buffer =>
      Buffer.from(
        Array.from({ length: (width / step) * (height / step) }, (_, index) => {
          const columns = width / step;
          const color = at((index % columns) * step, Math.floor(index / columns) * step);
          return zero + weights.reduce((sum, weight, channel) => sum + weight * color[channel]!, 0);
        }),
      );
    // ITU-R BT.601.
    parts.push(
      Buffer.from("FRAME\n"),
      plane(1, [0.299, 0.587, 0.114], 0),
      plane(2, [-0.1687, -0.3313, 0.5], 128),
      plane(2, [0.5, -0.4187, -0.0813], 128),
    );
  }
  return Buffer.concat(parts);
}
