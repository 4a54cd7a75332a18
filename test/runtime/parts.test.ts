// The parts of emitted modules together: no two of them may declare the same name.

import { expect, test } from "vitest";
import { runtimeTexts } from "#runtime/text.js";

test("no name is declared by two parts", () => {
  // Modules contain the script of workers, and that is a file too.
  const { worker: _, ...parts } = runtimeTexts;
  const owners = new Map<string, string[]>();
  for (const [part, text] of Object.entries(parts)) {
    for (const [, name] of text.matchAll(/^(?:async )?(?:function\*?|const|let|class) (\w+)/gm)) {
      owners.set(name!, [...(owners.get(name!) ?? []), part]);
    }
  }
  const machines = new Set(["js", "wasm", "wgsl"]);
  const twice = [...owners].filter(
    ([, of]) => of.length > 1 && !(new Set(of).size === of.length && of.every((part) => machines.has(part))),
  );
  expect(owners.size).toBeGreaterThan(100);
  expect(twice).toEqual([]);
});
