// Modules in the hands of bundlers: they find the weights without configuration, and the page runs in Chromium.

import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { build, createServer } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { CompileOptions } from "#compile/compile.js";
import { hasChromium, inPage, isolation, launch, ready, serve, watch } from "../web/chromium.js";
import type { Ran } from "./fixture.js";
import { expectResult, filesOf, isInstalled, page, program, require, write, writeNet } from "./fixture.js";

const folder = mkdtempSync(join(tmpdir(), "cleave-bundlers-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let browser: Browser;
beforeAll(async () => {
  if (hasChromium) browser = await launch({ adapter: false });
}, 60_000);
afterAll(() => browser?.close());

/** Opens an address, and expects that the net of the page gives the right result, with weights that were read. */
async function expectPage(address: string, threads = 1, warning?: RegExp): Promise<void> {
  const context = await browser.newContext();
  try {
    const opened = await context.newPage();
    const seen = watch(opened);
    await opened.goto(address);
    await ready(opened, "inPage");
    const ran = await inPage<Ran>(opened, "(options) => inPage(options)", { threads, leastWork: 0 });
    expectResult(ran.y);
    expect(ran.loaded).toBeGreaterThan(0);
    expect(ran.threads).toBe(warning ? 1 : threads);
    expect(seen.warnings).toEqual(warning ? [expect.stringMatching(warning)] : []);
    expect(seen.problems).toEqual([]);
  } finally {
    await context.close();
  }
}

/** Serves a folder that a bundler wrote, below `base`, and expects its page to work. No bundle has a path of this machine. */
async function expectBuilt(built: string, base = "/", threads = 1, warning?: RegExp): Promise<void> {
  const texts = readdirSync(built, { recursive: true, encoding: "utf8" }).filter((name) =>
    /\.m?js$/.test(name),
  );
  expect(texts.length).toBeGreaterThan(0);
  for (const name of texts) expect(readFileSync(join(built, name), "utf8")).not.toContain(folder);
  const read = filesOf(built);
  const server = await serve(
    (path) => (path.startsWith(base) ? read(`/${path.slice(base.length)}`) : undefined),
    threads > 1 ? isolation : {},
  );
  try {
    await expectPage(`${server.url}${base}`, threads, warning);
  } finally {
    server.close();
  }
}

/** A project of its own: a page, its script, and the net in `net/` or in the package `dep`. */
function project(
  name: string,
  from: "./net/small.mjs" | "dep",
  script = '<script type="module" src="/main.js"></script>',
): string {
  const root = join(folder, name);
  write(root, {
    "package.json": JSON.stringify({ name: "app", private: true, type: "module" }),
    "index.html": page(script),
    "main.js": program(from),
  });
  if (from === "dep") {
    const dep = join(root, "node_modules/dep");
    writeNet(dep);
    write(dep, {
      "package.json": JSON.stringify({ name: "dep", version: "1.0.0", type: "module", main: "small.mjs" }),
    });
  } else writeNet(join(root, "net"));
  return root;
}

describe.skipIf(!hasChromium || !isInstalled)("in Chromium", () => {
  test.each(["./net/small.mjs", "dep"] as const)(
    "a build of Vite, %s",
    async (from) => {
      const root = project(`vite-${from === "dep" ? "dep" : "own"}`, from);
      for (const base of ["/", "/sub/"]) {
        await build({ root, base, logLevel: "silent", configFile: false, build: { assetsInlineLimit: 0 } });
        await expectBuilt(join(root, "dist"), base);
      }
      // Small files become `data:` addresses by default.
      await build({ root, logLevel: "silent", configFile: false });
      await expectBuilt(join(root, "dist"));
    },
    60_000,
  );

  test.each(["./net/small.mjs", "dep"] as const)(
    "the development server of Vite, %s",
    async (from) => {
      const root = project(`vite-dev-${from === "dep" ? "dep" : "own"}`, from);
      const server = await createServer({
        root,
        logLevel: "silent",
        configFile: false,
        server: { port: 0, host: "localhost" },
      });
      try {
        await server.listen();
        await expectPage(server.resolvedUrls?.local[0] ?? "");
      } finally {
        await server.close();
      }
    },
    60_000,
  );

  test.each(["./net/small.mjs", "dep"] as const)(
    "webpack 5, %s",
    async (from) => {
      const root = project(
        `webpack-${from === "dep" ? "dep" : "own"}`,
        from,
        '<script defer src="/main.js"></script>',
      );
      const webpack = require("webpack") as (
        config: object,
        done: (
          error: Error | null,
          stats: { toJson(options: object): { errors: unknown[]; warnings: unknown[] } },
        ) => void,
      ) => void;
      const built = join(root, "dist");
      const told = await new Promise<{ errors: unknown[]; warnings: unknown[] }>((resolve, reject) => {
        webpack(
          {
            context: root,
            mode: "production",
            entry: "./main.js",
            output: { path: built, filename: "main.js" },
          },
          (error, stats) =>
            error ? reject(error) : resolve(stats.toJson({ all: false, errors: true, warnings: true })),
        );
      });
      expect(told).toMatchObject({ errors: [], warnings: [] });
      cpSync(join(root, "index.html"), join(built, "index.html"));
      await expectBuilt(built);
    },
    60_000,
  );

  test.each([
    ["esm", '<script type="module" src="/main.js"></script>'],
    ["iife", '<script defer src="/main.js"></script>'],
  ] as const)(
    "esbuild, %s, with the weights beside the page",
    async (format, script) => {
      const root = project(`esbuild-${format}`, "./net/small.mjs", script);
      const esbuild = require("esbuild") as { build(options: object): Promise<{ errors: unknown[] }> };
      const built = join(root, "dist");
      mkdirSync(built);
      await esbuild.build({
        entryPoints: [join(root, "main.js")],
        bundle: true,
        format,
        minify: true,
        outfile: join(built, "main.js"),
        logLevel: "silent",
      });
      cpSync(join(root, "index.html"), join(built, "index.html"));
      cpSync(join(root, "net/small.packed.safetensors"), join(built, "small.packed.safetensors"));
      await expectBuilt(built);
    },
    60_000,
  );

  test.each<[string, object, CompileOptions, RegExp?]>([
    ["a bundle for old engines", { target: "es2016" }, {}],
    ["a bundle for old engines, and a file of the workers", { target: "es2016" }, { workerFile: true }],
    ["a file of the workers, beside a script that has no address", { format: "iife" }, { workerFile: true }],
    ["names that are kept", { keepNames: true }, {}, /no worker can start: .*compile with --worker-file/],
    ["names that are kept, and a file of the workers", { keepNames: true }, { workerFile: true }],
  ])(
    "two threads in a bundle of esbuild: %s",
    async (name, options, compiled, warning) => {
      const root = project(`threads ${name}`, "./net/small.mjs");
      writeNet(join(root, "net"), compiled);
      const built = join(root, "dist");
      mkdirSync(built);
      await require("esbuild").build({
        entryPoints: [join(root, "main.js")],
        bundle: true,
        format: "esm",
        minify: true,
        outdir: built,
        logLevel: "silent",
        ...options,
      });
      cpSync(join(root, "index.html"), join(built, "index.html"));
      for (const file of readdirSync(join(root, "net")))
        if (/worker|packed/.test(file)) cpSync(join(root, "net", file), join(built, file));
      await expectBuilt(built, "/", 2, warning);
    },
    60_000,
  );

  test("a classic script, without a bundler", async () => {
    const root = join(folder, "classic");
    writeNet(join(root, "net"), { format: "iife" });
    write(root, {
      "index.html": page('<script src="net/small.js"></script><script src="main.js"></script>'),
      "main.js": program("./x").replace(/import .*;/, "const { load } = cleave.small;"),
    });
    await expectBuilt(root);
    await expectBuilt(root, "/deep/er/");
  }, 60_000);

  test("a plain server, without a bundler", async () => {
    const root = project("plain", "./net/small.mjs", '<script type="module" src="main.js"></script>');
    await expectBuilt(root);
    await expectBuilt(root, "/deep/er/");
  }, 60_000);
});
