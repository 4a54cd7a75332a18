// Makes `src/film/page-text.ts`: the script and the style of a film's page as text.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { build, transform } from "esbuild";

const folder = join(import.meta.dirname, "../film/page");

/** The text of `page-text.ts`. */
export async function generateFilmPage(): Promise<string> {
  const bundled = await build({
    entryPoints: [join(folder, "main.ts")],
    bundle: true,
    conditions: ["cleave-source"],
    write: false,
    minify: true,
    format: "iife",
    target: "es2022",
    charset: "ascii",
    legalComments: "none",
  });
  const script = (bundled.outputFiles[0]?.text ?? "").trim();
  if (/<\/script|<!--/i.test(script)) throw new Error("the script would end its element in the page");
  const style = await transform(readFileSync(join(folder, "page.css"), "utf8"), {
    loader: "css",
    minify: true,
  });
  const hash = createHash("sha256").update(script).digest("base64");
  return [
    "// The script and the style of a film's page as text, made from the folder `page` by `npm run generate`. Do not edit.",
    "",
    `export const pageScript = ${JSON.stringify(script)};`,
    "",
    "/** Of the script, in SHA-256 and base64, for the policy of the page. */",
    `export const pageScriptHash = ${JSON.stringify(hash)};`,
    "",
    `export const pageStyle = ${JSON.stringify(style.code.trim())};`,
    "",
  ].join("\n");
}
