// What the pages that find something show, for their tests.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { expect } from "vitest";
import type { Finding } from "../../examples/web/detect/finding.js";
import type { Box } from "./found.js";
import { folder } from "./site.js";

/** The picture of the page that finds faces. */
export const drawnFaces = readFileSync(join(folder, "pictures/faces.svg"));

/** What the page shows, as soon as it is what is wanted. */
export async function findings(page: Page, isWanted: (shown: Finding) => boolean): Promise<Finding> {
  let shown: Finding | undefined;
  await expect
    .poll(
      async () => {
        shown = (await page.evaluate("cleaveDemo.now()")) as Finding | undefined;
        return shown !== undefined && isWanted(shown);
      },
      { interval: 20, timeout: 40_000 },
    )
    .toBe(true);
  return shown!;
}

/** The upright boxes around what is marked. */
export function boxesOf({ found }: Pick<Finding, "found">): Box[] {
  return found.map(({ corners }) => {
    const [xs, ys] = [corners.map(([x]) => x), corners.map(([, y]) => y)];
    return { left: Math.min(...xs), top: Math.min(...ys), right: Math.max(...xs), bottom: Math.max(...ys) };
  });
}
