// Pages of Chromium as places for peers.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Page } from "playwright-core";
import { inPage, launch, ready } from "../../test/web/chromium.js";
import type { Answers, Host, Place, Question } from "../place.js";
import type { Setup } from "../running.js";
import { openSite } from "./site.js";

/**
 * Opens a page for each peer, isolated from the others, in a browser that reaches no other host. `folder` is what `prepare` wrote. A page
 * that does not answer for `seconds` is given up.
 */
export async function pageHost(folder: string, setup: Setup, seconds: number): Promise<Host> {
  const site = await openSite(folder, setup, modulesIn(folder));
  try {
    const browser = await launch({ adapter: false });
    return {
      browser: `Chromium ${browser.version()}`,
      measuresMemory: false,
      start: async () => {
        // Contexts share no processes and no cache.
        const context = await browser.newContext();
        try {
          const page = await context.newPage();
          const { url, setup: pageSetup, downloads } = site.open();
          await page.goto(url);
          await ready(page, "answer");
          const ask = asker(page, pageSetup, seconds);
          // It may have ended by itself.
          return { ask, downloads, end: () => context.close().catch(() => {}) };
        } catch (cause) {
          await context.close();
          throw cause;
        }
      },
      close: async () => {
        await browser.close();
        site.close();
      },
    };
  } catch (cause) {
    site.close();
    throw cause;
  }
}

function asker(page: Page, setup: object, seconds: number): Place["ask"] {
  /** The console output of the page, which may explain an early failure. */
  let said = "";
  page.on("console", (message) => {
    if (message.type() === "error") said = message.text();
  });
  page.on("pageerror", (error) => void (said = error.message));
  const why = (text: string): Error => new Error(said === "" ? text : `${text} (${said})`);
  const crashed = new Promise<never>((_, reject) =>
    page.on("crash", () => reject(why("its page has crashed"))),
  );
  crashed.catch(() => {});
  return async <Q extends Question>(question: Q) => {
    const waiting = new AbortController();
    try {
      return await Promise.race([
        inPage<Answers[Q["ask"]]>(page, "(...call) => answer(...call)", question, setup),
        crashed,
        sleep(1000 * seconds, undefined, { signal: waiting.signal }).then(() => {
          throw why(`its page does not answer for ${seconds} seconds`);
        }),
      ]);
    } catch (cause) {
      throw new Error(messageOf(cause), { cause });
    } finally {
      waiting.abort();
    }
  };
}

/** The message without the name of the call and the stack of the page. */
function messageOf(cause: unknown): string {
  const [line = ""] = (cause as Error).message.split("\n");
  return line.replace(/^page\.evaluate: /, "");
}

function modulesIn(folder: string): Record<string, string> {
  const parts = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return Object.fromEntries(
    parts.flatMap(({ name: part }) =>
      readdirSync(join(folder, part))
        .filter((file) => file.endsWith(".mjs"))
        .map((file) => [part, join(folder, part, file)]),
    ),
  );
}
