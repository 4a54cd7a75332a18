// A real browser for tests, and a small server for what it reads. Set CHROMIUM to the path of another one.

import { existsSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Browser, Page } from "playwright-core";
import { chromium } from "playwright-core";

const path = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

/** Whether there is a browser; without one, tests say so and are skipped, but not in CI. */
export const hasChromium = existsSync(path);

if (!hasChromium) {
  const message = `There is no Chromium at ${path}: what needs a browser does not run. Install it (apt-get install chromium), or set CHROMIUM to its path.`;
  if (process.env["CI"]) throw new Error(message);
  console.warn(`\n*** SKIPPED *** ${message}\n`);
}

/** A name of this host that browsers do not trust as they trust localhost. */
export const untrusted = "untrusted.test";

/** Starts Chromium, cut off from every host but this one, with its software adapter for WebGPU, or without; `args` are further switches. */
export function launch({
  adapter = true,
  args = [],
}: { adapter?: boolean; args?: readonly string[] } = {}): Promise<Browser> {
  return chromium.launch({
    executablePath: path,
    args: [
      "--no-sandbox",
      ...(adapter ? ["--enable-unsafe-webgpu"] : []),
      `--host-resolver-rules=MAP ${untrusted} localhost, MAP * ~NOTFOUND, EXCLUDE localhost`,
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      ...args,
    ],
  });
}

/** What went wrong on a page, and what it asked of other hosts. */
export interface Watch {
  readonly problems: string[];
  readonly warnings: string[];
}

/** Listens to a page from its beginning on. */
export function watch(page: Page): Watch {
  const problems: string[] = [];
  const warnings: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error") problems.push(message.text());
    if (message.type() === "warning") warnings.push(message.text());
  });
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("request", (request) => {
    if (!/^(http:\/\/localhost:\d+\/|blob:http:\/\/localhost:|data:)/.test(request.url()))
      problems.push(`a request to ${request.url()}`);
  });
  return { problems, warnings };
}

/** Waits until a page's scripts have set a global. Not by `waitForFunction`, whose `eval` a page's policy may forbid. */
export async function ready(page: Page, name: string): Promise<void> {
  const isReady = `${JSON.stringify(name)} in globalThis`;
  for (const end = Date.now() + 20_000; !(await page.evaluate(isReady)); await sleep(20)) {
    if (Date.now() > end) throw new Error(`the page's scripts set no ${name}`);
  }
}

/** Calls a function, given as text, on the page. */
export function inPage<T>(page: Page, text: string, ...values: readonly unknown[]): Promise<T> {
  return page.evaluate(`(${text})(...${JSON.stringify(values)})`) as Promise<T>;
}

/** The headers with which pages and workers may share memory. */
export const isolation = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

export interface Server {
  /** Without a slash at its end. */
  readonly url: string;
  close(): void;
}

/** Serves what `read` gives for a path; its kind is told by its ending. */
export async function serve(
  read: (path: string) => string | Uint8Array | undefined,
  headers: Readonly<Record<string, string>>,
): Promise<Server> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const body = read(pathname);
    const type = types[pathname.slice(pathname.lastIndexOf("."))] ?? "text/html";
    response.writeHead(body === undefined ? 404 : 200, { ...headers, "Content-Type": type }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

const types: Readonly<Record<string, string>> = {
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
  ".safetensors": "application/octet-stream",
};
