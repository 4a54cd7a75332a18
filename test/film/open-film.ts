// Opens the page of a film in Chromium, and reads what it shows.

import type { Browser, Page } from "playwright-core";
import { expect } from "vitest";
import { serve } from "../web/chromium.js";

/** Opens a page, and closes it after `act`. Nothing may be wrong with it, and it may ask for nothing. */
export async function withFilm(
  browser: Browser,
  content: string,
  act: (page: Page) => Promise<void>,
  options: Parameters<Browser["newContext"]>[0] = {},
): Promise<void> {
  const server = await serve((path) => (path === "/film.html" ? content : undefined), {});
  const context = await browser.newContext({
    viewport: { width: 1400, height: 900 },
    reducedMotion: "reduce",
    ...options,
  });
  try {
    const page = await context.newPage();
    const problems: string[] = [];
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") problems.push(message.text());
    });
    page.on("pageerror", (error) => problems.push(String(error)));
    page.on("dialog", () => problems.push("a dialog"));
    page.on("request", (request) => {
      if (!/\/film\.html$|\/favicon\.ico$/.test(request.url()))
        problems.push(`a request to ${request.url()}`);
    });
    await page.goto(`${server.url}/film.html`);
    await page.waitForSelector("body.ready");
    await act(page);
    expect(problems.filter((one) => !one.includes("favicon") && !one.includes("404"))).toEqual([]);
  } finally {
    await context.close();
    server.close();
  }
}

export function textOf(page: Page, selector: string): Promise<string> {
  return page.innerText(selector);
}

/** The number of boxes of the graph. */
export async function boxesOf(page: Page): Promise<number> {
  return Number(/\d+/.exec((await page.getAttribute("#graph", "aria-label")) ?? "")?.[0]);
}

/**
 * Clicks the box of a node that was moved into sight, and returns the heading of the panel then. A view does not go beyond the edge of its graph:
 * such a box is in the middle along one axis at least.
 */
export async function clickBox(page: Page, name: string): Promise<string> {
  const { x, y, width, height } = (await page.locator("#graph").boundingBox())!;
  const steps = Array.from({ length: 24 }, (_, at) => (at % 2 === 0 ? 1 : -1) * Math.ceil(at / 2));
  const middle = { x: x + width / 2, y: y + height / 2 };
  const places = [
    ...steps.map((step) => ({ x: middle.x + (step * width) / 26, y: middle.y })),
    ...steps.map((step) => ({ x: middle.x, y: middle.y + (step * height) / 26 })),
  ];
  for (const place of places) {
    await page.mouse.click(place.x, place.y);
    const heading = await textOf(page, "#node h2");
    if (heading.includes(name)) return heading;
  }
  return "";
}
