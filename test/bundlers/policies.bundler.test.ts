// Modules in service workers, and under content security policies with and without isolation: what a policy forbids, a message names.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasChromium, inPage, isolation, launch, ready, serve } from "../web/chromium.js";
import type { Ran } from "./fixture.js";
import { expectResult, filesOf, isInstalled, page, program, write, writeNet } from "./fixture.js";

const folder = mkdtempSync(join(tmpdir(), "cleave-policies-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const service = `
import { load } from "./net/small.mjs";
self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
const ready = load();
self.addEventListener("fetch", (event) => {
  if (!event.request.url.endsWith("/answer")) return;
  event.respondWith(
    (async () => {
      const x = Float32Array.from({ length: 1024 }, (_, at) => (at % 7) / 7);
      const { y } = await (await ready).run({ x });
      return Response.json([...y]);
    })(),
  );
});
`;

const askService = `
globalThis.inPage = async () => {
  const registration = await navigator.serviceWorker.register("/service.js", { type: "module" });
  await navigator.serviceWorker.ready;
  if (!navigator.serviceWorker.controller)
    await new Promise((resolve) => navigator.serviceWorker.addEventListener("controllerchange", resolve, { once: true }));
  const y = await (await fetch("/answer")).json();
  await registration.unregister();
  return { y, loaded: 1, threads: 1 };
};
`;

writeNet(join(folder, "net"));
write(folder, {
  "index.html": page('<script type="module" src="/main.js"></script>'),
  "main.js": program("./net/small.mjs"),
  "service/index.html": page('<script type="module" src="/ask.js"></script>'),
  "ask.js": askService,
  "service.js": service,
});

/** What happened on a page: the result, or the message of the error, and the warnings. */
interface Told {
  readonly ran?: Ran;
  readonly error?: string;
  readonly warnings: readonly string[];
}

let browser: Browser;
beforeAll(async () => {
  if (hasChromium) browser = await launch({ adapter: false });
}, 60_000);
afterAll(() => browser?.close());

async function open(path: string, headers: Readonly<Record<string, string>>, options: object): Promise<Told> {
  const server = await serve(filesOf(folder), headers);
  const context = await browser.newContext();
  try {
    const opened = await context.newPage();
    const warnings: string[] = [];
    opened.on("console", (message) => {
      if (message.type() === "warning") warnings.push(message.text());
    });
    await opened.goto(`${server.url}${path}`);
    await ready(opened, "inPage");
    const told = await inPage<{ ran?: Ran; error?: string }>(
      opened,
      "(options) => inPage(options).then((ran) => ({ ran }), (error) => ({ error: error.message }))",
      options,
    );
    return { ...told, warnings };
  } finally {
    await context.close();
    server.close();
  }
}

const policy = (rules: string): Record<string, string> => ({
  "Content-Security-Policy": `default-src 'none'; img-src data:; ${rules}`,
});
const enough = policy("script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; worker-src blob:");
const withoutWorkers = policy("script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; worker-src 'none'");
const withoutWasm = policy("script-src 'self'; connect-src 'self'; worker-src blob:");
const withoutFetch = policy("script-src 'self' 'wasm-unsafe-eval'; connect-src 'none'; worker-src blob:");

const threaded = { threads: 2, leastWork: 0 };

describe.skipIf(!hasChromium || !isInstalled)("in Chromium", () => {
  test("a service worker loads and runs the net", async () => {
    const { ran, error } = await open("/service/", {}, {});
    expect(error).toBeUndefined();
    expectResult(ran!.y);
  }, 60_000);

  test.each([
    ["no policy", {}, 2],
    ["a policy with all that is needed", enough, 2],
    ["a policy without workers", withoutWorkers, 1],
  ] as const)(
    "%s, isolated",
    async (_, headers, threads) => {
      const { ran, error, warnings } = await open("/", { ...headers, ...isolation }, threaded);
      expect(error).toBeUndefined();
      expectResult(ran!.y);
      expect(ran!.threads).toBe(threads);
      expect(warnings.filter((text) => text.includes("thread"))).toHaveLength(threads === 1 ? 1 : 0);
    },
    60_000,
  );

  test.each([
    ["no policy", {}],
    ["a policy with all that is needed", enough],
    ["a policy without workers", withoutWorkers],
  ] as const)(
    "%s, not isolated: one thread, and a warning",
    async (_, headers) => {
      const { ran, error, warnings } = await open("/", headers, threaded);
      expect(error).toBeUndefined();
      expectResult(ran!.y);
      expect(ran!.threads).toBe(1);
      expect(warnings.filter((text) => text.includes("thread"))).toHaveLength(1);
    },
    60_000,
  );

  test.each([{}, isolation])(
    "a policy without WebAssembly: the message names the rule that is missing",
    async (headers) => {
      const { error } = await open("/", { ...withoutWasm, ...headers }, {});
      expect(error).toContain("wasm-unsafe-eval");
    },
    60_000,
  );

  test("a policy that forbids the download: the message names the rule that is missing", async () => {
    const { error } = await open("/", withoutFetch, {});
    expect(error).toContain("connect-src");
  }, 60_000);
});
