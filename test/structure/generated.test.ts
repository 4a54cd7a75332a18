// Holds that generated files are what `npm run generate` writes.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { generated } from "../../src/generate/generate.js";

const root = join(import.meta.dirname, "../..");

// docs/diagnostics.md runs an example for each code.
test.each(generated)("%s is fresh", { timeout: 240_000 }, async (path, text) => {
  expect(readFileSync(join(root, path), "utf8"), `run \`npm run generate\``).toBe(await text());
});
