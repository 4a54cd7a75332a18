// Without file access, the public API runs in a browser: none of its modules imports a module of Node.

import { existsSync, readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { join, relative } from "node:path";
import { init, parse } from "es-module-lexer";
import { expect, test } from "vitest";
import { transformSync } from "amaro";

const root = join(import.meta.dirname, "../..");

test("src/index.ts reaches no module of Node", async () => {
  await init();
  const seen = new Set<string>();
  const wrong: string[] = [];
  const visit = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    // Strips types first: an import of types alone is not an import.
    const { code } = transformSync(readFileSync(file, "utf8"), { mode: "strip-only" });
    for (const { specifier } of parse(code)[0]) {
      if (typeof specifier !== "string") continue;
      const target = resolve(file, specifier);
      if (target) visit(target);
      else if (specifier.startsWith("node:") || builtinModules.includes(specifier)) {
        wrong.push(`${relative(root, file)} imports ${specifier}`);
      }
    }
  };
  visit(join(root, "src/index.ts"));
  expect(wrong).toEqual([]);
  expect(seen.size).toBeGreaterThan(50);
});

/** The source file that a private or relative specifier names; undefined for a package. */
function resolve(from: string, specifier: string): string | undefined {
  if (specifier.startsWith(".")) return existing(join(from, "..", specifier));
  const match = /^#(grammar|passes)\/(.*)$/.exec(specifier) ?? /^#()(.*)$/.exec(specifier);
  if (!match) return undefined;
  return existing(join(root, match[1] ? match[1] : "src", match[2] ?? ""));
}

function existing(path: string): string {
  const source = path.replace(/\.js$/, ".ts");
  expect(existsSync(source), source).toBe(true);
  return source;
}
