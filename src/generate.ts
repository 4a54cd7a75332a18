// Rewrites the files that are made from others: `npm run generate`. Tests hold that they are fresh.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { generateRuntimeText } from "#runtime/generate.js";

/** Each file, relative to the repository, with the function that makes its text. */
const files: readonly (readonly [path: string, make: () => string | Promise<string>])[] = [
  ["src/runtime/text.ts", generateRuntimeText],
];

for (const [path, make] of files) {
  // One after another: a later file may be made from an earlier one.
  // oxlint-disable-next-line no-await-in-loop
  writeFileSync(join(import.meta.dirname, "..", path), await make());
}
