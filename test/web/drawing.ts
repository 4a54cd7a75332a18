// Tests of the web page: drawing with mouse, finger, pen and keys.

import { expect, test } from "vitest";
import { inPage } from "./chromium.js";
import type { VisitPage } from "./site.js";
import { choose, phone, settled } from "./site.js";

export function testDrawing(visit: VisitPage): void {
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
}
