// `cache: true` in Chromium: a download that was cut off goes on where it ended, wrong bytes are thrown away, and where nothing can be kept
// the net loads all the same.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { emit } from "#compile/emit.js";
import { moduleOf } from "../schedule/module-of.js";
import { hasChromium, inPage, launch, ready, untrusted, watch } from "./chromium.js";

const artifact = emit(
  moduleOf("net wide {\n input x: f32[1, 2048]\n output y = dense(x, units=2048, bias=false)\n}"),
  { target: "js" },
);
const file = artifact.weights!;
const piece = 2 ** 22;

const page = `<!doctype html><link rel="icon" href="data:,"><script type="module">
  import { load } from "/wide.mjs";
  globalThis.loadNet = async (until, address) => {
    const stop = new AbortController();
    const told = [];
    try {
      const net = await load({
        cache: true,
        signal: stop.signal,
        ...(address ? { weights: address } : {}),
        onProgress({ loaded, total }) {
          told.push(loaded);
          if (loaded >= until * total) stop.abort(new Error("enough"));
        },
      });
      const { y } = net.runSync({ x: Float32Array.from({ length: 2048 }, (_, at) => Math.sin(at)) });
      net.dispose();
      return { sum: y.reduce((sum, value) => sum + value * value, 0), told };
    } catch (error) {
      return { error: error.message, told };
    }
  };
  globalThis.keys = async () => (await (await caches.open("cleave-weights")).keys()).map(({ url }) => url);
  globalThis.isReady = true;
</script>`;

interface Done {
  readonly sum?: number;
  readonly error?: string;
  readonly told: readonly number[];
}

/** A server that sends files slowly, and remembers what it was asked for. */
async function serveSlowly({ ranges = true } = {}) {
  const asked: string[] = [];
  const files: Readonly<Record<string, Uint8Array>> = {
    "/wide.packed.safetensors": file,
    "/wide.gz": gzipSync(file, { level: 1 }),
  };
  const server = createServer(async (request, response) => {
    const url = request.url ?? "/";
    const body = files[url];
    if (!body) {
      response.setHeader("Content-Type", url.endsWith(".mjs") ? "text/javascript" : "text/html");
      return response.end(url.endsWith(".mjs") ? artifact.module : page);
    }
    const range = request.headers.range ?? "all";
    asked.push(range);
    const from = ranges ? Number(/^bytes=(\d+)-$/.exec(range)?.[1] ?? 0) : 0;
    if (from > 0) response.setHeader("Content-Range", `bytes ${from}-${body.length - 1}/${body.length}`);
    response.writeHead(from > 0 ? 206 : 200, { "Content-Length": body.length - from });
    for (let at = from; at < body.length && !response.destroyed; at += 2 ** 20) {
      response.write(body.subarray(at, at + 2 ** 20));
      await sleep(20);
    }
    return response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
  return {
    asked,
    port: (server.address() as AddressInfo).port,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

describe.skipIf(!hasChromium)("kept weights", () => {
  let browser: Browser;
  beforeAll(async () => void (browser = await launch({ adapter: false })));
  afterAll(() => browser?.close());

  async function visit(
    work: (page: Page, asked: readonly string[], warnings: readonly string[]) => Promise<void>,
    { ranges = true, host = "localhost" } = {},
  ): Promise<void> {
    const server = await serveSlowly({ ranges });
    const context = await browser.newContext();
    try {
      const opened = await context.newPage();
      const { warnings } = watch(opened);
      await opened.goto(`http://${host}:${server.port}`);
      await ready(opened, "isReady");
      await work(opened, server.asked, warnings);
    } finally {
      await context.close();
      server.close();
    }
  }

  const load = (opened: Page, until = 2, address?: string): Promise<Done> =>
    inPage(opened, "(...call) => loadNet(...call)", until, address);
  const keys = (opened: Page): Promise<string[]> => inPage(opened, "() => keys()");

  test.each([
    ["as it is", undefined],
    ["compressed by gzip", "/wide.gz"],
  ])("a download, %s, that is aborted at 30%% goes on where it ended", async (_name, address) => {
    await visit(async (opened, asked, warnings) => {
      const first = await load(opened, 0.3, address);
      expect(first.error).toBe("enough");
      expect(asked).toEqual(["all"]);
      await expect.poll(() => keys(opened)).toHaveLength(1);
      const second = await load(opened, 2, address);
      expect(second.sum).toBeGreaterThan(0);
      expect(asked).toEqual(["all", `bytes=${piece}-`]);
      expect(second.told.at(-1)).toBe(file.length - (file.length % 2 ** 20));
      // From now on nothing is downloaded.
      const third = await load(opened, 2, address);
      expect(third.sum).toBe(second.sum);
      expect(asked).toHaveLength(2);
      expect(warnings).toEqual([]);
    });
  });

  test("a server that knows no ranges sends all again", async () => {
    await visit(
      async (opened, asked) => {
        await load(opened, 0.6);
        await expect.poll(() => keys(opened)).toHaveLength(2);
        const second = await load(opened);
        expect(second.sum).toBeGreaterThan(0);
        expect(asked).toEqual(["all", `bytes=${2 * piece}-`]);
        expect((await load(opened)).sum).toBe(second.sum);
        expect(asked).toHaveLength(2);
      },
      { ranges: false },
    );
  });

  test("kept bytes that are wrong are thrown away, and loaded anew", async () => {
    await visit(async (opened, asked) => {
      const { sum } = await load(opened);
      const spoil = `async (at) => {
        const cache = await caches.open("cleave-weights");
        const [key] = (await cache.keys()).filter(({ url }) => url.endsWith("/" + at));
        await cache.put(key, new Response(new Uint8Array(${piece}).fill(1)));
      }`;
      for (const at of [0, 1, 3]) {
        await inPage(opened, spoil, at);
        expect((await load(opened)).sum).toBe(sum);
        expect((await load(opened)).sum).toBe(sum);
      }
      expect(asked).toEqual(["all", "all", "all", "all"]);
    });
  });

  test("where nothing fits, the net loads, nothing is kept, and a warning says so", async () => {
    await visit(async (opened, _asked, warnings) => {
      await inPage(
        opened,
        `() => {
          const put = Cache.prototype.put;
          let times = 0;
          Cache.prototype.put = function (...given) {
            return ++times > 1 ? Promise.reject(new DOMException("the quota is exceeded", "QuotaExceededError")) : put.apply(this, given);
          };
        }`,
      );
      expect((await load(opened)).sum).toBeGreaterThan(0);
      expect(await keys(opened)).toEqual([]);
      expect(warnings).toEqual(["wide: the weights are not kept: the quota is exceeded"]);
    });
  });

  test("where the browser cannot read what it keeps, the net loads, and a warning says so", async () => {
    await visit(async (opened, asked, warnings) => {
      expect((await load(opened)).sum).toBeGreaterThan(0);
      await inPage(
        opened,
        `() => {
          for (const name of ["match", "delete"])
            Cache.prototype[name] = () => Promise.reject(new DOMException("its files are broken", "UnknownError"));
        }`,
      );
      expect((await load(opened)).sum).toBeGreaterThan(0);
      expect(asked).toEqual(["all", "all"]);
      expect(warnings).toEqual(["wide: the weights are not kept: its files are broken"]);
    });
  });

  test("on a page without the Cache API the net loads, and a warning says so", async () => {
    await visit(
      async (opened, asked, warnings) => {
        expect((await load(opened)).sum).toBeGreaterThan(0);
        expect(asked).toEqual(["all"]);
        expect(warnings).toEqual([
          expect.stringMatching(/^wide: the weights are not kept: there is no Cache API/),
        ]);
      },
      { host: untrusted },
    );
  });
});
