// The web page of examples/web, built as its users build it, served, and opened in Chromium.

import { execFileSync } from "node:child_process";
import { join } from "node:path";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { preview } from "vite";
import { expect } from "vitest";
import { preprocessFor } from "#cli/options/image.js";
import { readImage } from "#cli/inputs/image.js";
import type { Shown } from "../../examples/web/shown.js";
import type { Watch } from "./chromium.js";
import { launch, ready, watch } from "./chromium.js";

export const root = join(import.meta.dirname, "../..");
export const folder = join(root, "examples/web");
export const configFile = join(folder, "vite.config.ts");

export const desktop: BrowserContextOptions = { viewport: { width: 1120, height: 900 } };
export const phone: BrowserContextOptions = {
  viewport: { width: 360, height: 740 },
  deviceScaleFactor: 2,
  isMobile: true,
  hasTouch: true,
};

interface Visit {
  /** The page's address, if it is not that of the built page. */
  readonly address?: string;
  /** The page of the site; the one that classifies by default. */
  readonly name?: "faces" | "text" | "playground";
  /** The part of the address behind `#`, with it. */
  readonly hash?: string;
  /** Runs before the page's own scripts. */
  readonly script?: string;
  /** Where it is opened, if not in the browser of the site. */
  readonly browser?: Browser;
}

/** Opens the page, does something with it, and sees that nothing went wrong. */
export type VisitPage = (
  work: (page: Page, seen: Watch) => Promise<void>,
  options?: BrowserContextOptions,
  visit?: Visit,
) => Promise<void>;

export interface Site {
  readonly visit: VisitPage;
  close(): Promise<void>;
}

/** Builds the page and serves the build. */
export async function openSite(): Promise<Site> {
  execFileSync("npm", ["run", "--silent", "web:build"], { cwd: root, stdio: "pipe" });
  const server = await preview({
    root: folder,
    configFile,
    logLevel: "silent",
    preview: { host: "localhost", port: 4780 },
  });
  const browser = await launch();
  return {
    async visit(
      work,
      options = desktop,
      {
        address = server.resolvedUrls?.local[0] ?? "",
        name,
        hash = "",
        script = "",
        browser: other = browser,
      } = {},
    ) {
      const context = await other.newContext(options);
      try {
        const page = await context.newPage();
        await page.addInitScript(script);
        const seen = watch(page);
        await page.goto(`${address}${name ? `${name}.html` : ""}${hash}`);
        await ready(page, "cleaveDemo");
        await work(page, seen);
        expect(seen.problems).toEqual([]);
      } finally {
        await context.close();
      }
    },
    async close() {
      await browser.close();
      await server.close();
    },
  };
}

/** What the page shows once it has nothing more to do. */
export function settled(page: Page): Promise<Shown> {
  return page.evaluate("cleaveDemo.settled()") as Promise<Shown>;
}

/** What the page shows when it shows another input than before. */
export async function changed(page: Page, before: Shown): Promise<Shown> {
  let shown = before;
  await expect
    .poll(async () => (shown = await settled(page)).pixels, { timeout: 10_000 })
    .not.toEqual(before.pixels);
  return shown;
}

export async function choose(page: Page, group: string, value: string): Promise<void> {
  await page.locator(`#${group} label:has(input[value="${value}"])`).click();
}

/** The input that `cleave run` makes of an image file. */
export async function pixelsOf(path: string): Promise<Float32Array> {
  const port = { name: "image", shape: [1, 28, 28, 1] };
  const { value, diagnostics } = await readImage(path, port, preprocessFor({}, port));
  if (!value) throw new Error(diagnostics.map((one) => one.message).join("\n"));
  return value;
}
