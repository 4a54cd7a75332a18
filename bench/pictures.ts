// Measures how long pictures take to become the values of an input of 224×224×3: in Cleave's modules, and in what its peers have for it.
// `npm run pictures`; with `-- --docs` the table goes into docs/pictures.md.

import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { compile } from "../src/index.js";
import { inPage, isolation, launch, ready, serve } from "../test/web/chromium.js";
import { htmlWith, packageFile } from "./browser/site.js";
import { median } from "./measure.js";
import { between, markdownTable, milliseconds } from "./results.js";

const { values: options } = parseArgs({
  options: { docs: { type: "boolean" }, rounds: { type: "string", default: "5" } },
});

const sizes = [
  [224, 224],
  [640, 480],
  [1280, 720],
  [4000, 3000],
] as const;
const kinds = ["<img>", "ImageBitmap", "ImageData"];

/** What each turn of a maker takes, in milliseconds; the first one is not counted. */
const burst = 250;

const modules = new Map(
  (["wasm", "js", "wgsl"] as const).map((target) => {
    const text = `net pictures {
  input image: f32[1, 224, 224, 3] preprocess(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])
  output means = global_avg_pool(image)
}`;
    const { value, diagnostics } = compile(text, { target });
    if (!value) throw new Error(diagnostics.map(({ message }) => message).join("\n"));
    return [`/${target}.mjs`, value.module];
  }),
);

const server = await serve((path) => {
  if (path === "/") return htmlWith("/", "/page.mjs");
  if (path === "/page.mjs") return readFileSync(join(import.meta.dirname, "browser/pictures-page.mjs"));
  const file = path.startsWith("/packages/") ? packageFile(path.slice("/packages/".length)) : undefined;
  return file === undefined ? modules.get(path) : readFileSync(file);
}, isolation);
const browser = await launch();
try {
  const page = await browser.newPage();
  page.on("pageerror", ({ message }) => console.error(message));
  await page.goto(server.url);
  await ready(page, "time");
  const ask = <T>(name: "make" | "time", ...given: readonly unknown[]): Promise<T> =>
    inPage<T>(page, `(...given) => ${name}(...given)`, ...given);
  let makers: readonly string[] = [];
  const rows: string[][] = [];
  for (const [width, height] of sizes) {
    for (const kind of kinds) {
      makers = await ask<string[]>("make", kind, width, height);
      const medians = new Map<string, number[]>(makers.map((maker) => [maker, []]));
      for (let round = 0; round <= Number(options.rounds); round++)
        for (const [maker, all] of medians) {
          const times = await ask<number[]>("time", maker, burst).catch((cause: unknown) => {
            console.error(`${maker}, ${kind} of ${width}×${height}: ${messageOf(cause)}`);
            medians.delete(maker);
            return [];
          });
          if (round > 0) all.push(median(times));
        }
      rows.push([
        `${width}×${height}`,
        `\`${kind}\``,
        ...makers.map((maker) => (medians.has(maker) ? milliseconds(median(medians.get(maker) ?? [])) : "–")),
      ]);
      console.log(rows.at(-1)?.join("  "));
    }
  }
  const where = `Chromium ${browser.version()}, ${cpus()[0]?.model.trim() ?? ""}`;
  const table = `${markdownTable([["picture", "kind", ...makers], ...rows], 2)}\n\n${where}, medians of ${options.rounds} turns.`;
  console.log(`\n${table}`);
  if (options.docs) {
    const file = join(import.meta.dirname, "../docs/pictures.md");
    const marks = [
      "<!-- times, written by `npm run pictures -- --docs` in bench/ -->",
      "<!-- /times -->",
    ] as const;
    writeFileSync(file, between("docs/pictures.md", readFileSync(file, "utf8"), marks, table));
  }
} finally {
  await browser.close();
  server.close();
}

function messageOf(cause: unknown): string {
  return (cause as Error).message.split("\n")[0] ?? "";
}
