// Tests of the web page: files that are opened and dropped, and broken ones.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import sharp from "sharp";
import { afterAll, expect, test } from "vitest";
import { inPage } from "./chromium.js";
import type { VisitPage } from "./site.js";
import { changed, pixelsOf, settled } from "./site.js";

export function testFiles(visit: VisitPage): void {
  const scratch = mkdtempSync(join(tmpdir(), "cleave-web-"));
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));

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
    const path = join(scratch, `${width}.png`);
    writeFileSync(path, bytes);
    const wanted = await pixelsOf(path);
    await visit(async (page) => {
      const before = await settled(page);
      await page.setInputFiles("#file", { name: "shirt.png", mimeType: "image/png", buffer: bytes });
      const shown = await changed(page, before);
      const levels = shown.pixels.map((value, at) => Math.abs(value - wanted[at]!) * 255);
      expect(Math.max(...levels)).toBeLessThanOrEqual(width === 28 ? 0.01 : 2.01);
      expect(await page.locator("#message").textContent()).toBe("");
    });
  });

  test("a photograph is turned upright", async () => {
    const bytes = await picture(50, 40).withMetadata({ orientation: 6 }).jpeg({ quality: 100 }).toBuffer();
    const path = join(scratch, "turned.jpg");
    writeFileSync(path, bytes);
    const wanted = await pixelsOf(path);
    await visit(async (page) => {
      const before = await settled(page);
      await page.setInputFiles("#file", path);
      const shown = await changed(page, before);
      // Decoders of JPEG round in their own ways.
      for (const [at, value] of shown.pixels.entries())
        expect(Math.abs(value - wanted[at]!)).toBeLessThan(0.03);
    });
  });

  test("a picture that is dropped; one with a light ground is inverted, and the page says so", async () => {
    const dark = await picture(140, 140).jpeg({ quality: 95 }).toBuffer();
    const light = await picture(140, 140, "#ffffff", "#203040").png().toBuffer();
    const dress = { create: { width: 60, height: 80, channels: 3, background: "#203040" } } as const;
    const drawing = await sharp({ create: { width: 140, height: 140, channels: 4, background: "#0000" } })
      .composite([{ input: dress, left: 40, top: 30 }])
      .png()
      .toBuffer();
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
      // A dark drawing on transparent ground is not lost in black.
      await drop(page, "drawing.png", "image/png", drawing);
      const third = await changed(page, second);
      expect(third.pixels[0]).toBe(0);
      expect(third.pixels[14 * 28 + 14]).toBeGreaterThan(0.75);
    });
  });

  test("a broken file gives a message and leaves the picture as it was", async () => {
    const whole = await picture(200, 200).png().toBuffer();
    await visit(async (page) => {
      const before = await settled(page);
      for (const [name, bytes] of [
        ["notes.png", Buffer.from("this is not a picture")],
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
