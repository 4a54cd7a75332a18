// ARCHITECTURE.md names files that exist.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");

test("every path of ARCHITECTURE.md is there", () => {
  const text = readFileSync(join(root, "ARCHITECTURE.md"), "utf8");
  const paths = [...text.matchAll(/`((?:src|grammar|passes|test|examples|docs|bench)\/[\w./-]*)`/g)].map(
    ([, path]) => path!,
  );
  expect(paths.length).toBeGreaterThan(60);
  expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([]);
});
