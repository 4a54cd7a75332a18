// Writes the generated files of the repository: `npm run generate`. A test checks that they are up to date.

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { apiReference } from "./api-reference.js";
import { diagnosticsDoc } from "./diagnostics-doc.js";
import { generateFilmPage } from "./film-page.js";
import { opsDoc } from "#report/ops-doc.js";
import { targetOf } from "#compile/targets.js";
import { targetNames } from "#ir/target.js";
import { rulesDoc } from "#report/rules-doc.js";
import { opCallsText } from "./op-calls.js";
import { textMateGrammar } from "./textmate.js";
import { generateRuntimeText } from "./runtime-text.js";

/** A generated file: its path from the repository's root, and the function that makes its text. */
export type Generated = readonly [path: string, text: () => string | Promise<string>];

/** All generated files. To add one, add a row. */
export const generated: readonly Generated[] = [
  // Others run modules, which fail where this part of them is stale; a second call then succeeds.
  ["src/runtime/text.ts", generateRuntimeText],
  ["src/build/op-calls.ts", opCallsText],
  ["docs/api-reference.md", apiReference],
  ["grammar/cleave.tmLanguage.json", textMateGrammar],
  ["src/film/page-text.ts", generateFilmPage],
  ["docs/ops.md", opsDoc],
  ["docs/diagnostics.md", diagnosticsDoc],
  ["docs/rules.md", () => rulesDoc(targetNames.map((name) => targetOf(name).target))],
];

if (process.argv[1] === import.meta.filename) {
  const root = join(import.meta.dirname, "../..");
  for (const [path, text] of generated) {
    const target = join(root, path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, await text());
    process.stdout.write(`${path}\n`);
  }
}
