// Holds that generated files are what `npm run generate` writes.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { generated } from "../../src/generate/generate.js";

const root = join(import.meta.dirname, "../..");

test.each(generated)("%s is fresh", async (path, text) => {
  expect(readFileSync(join(root, path), "utf8"), `run \`npm run generate\``).toBe(await text());
});
