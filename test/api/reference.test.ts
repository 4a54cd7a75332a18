// docs/api-reference.md lists exactly what the package exports; `test/structure/generated.test.ts` holds that its text is fresh.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import * as api from "../../src/index.js";
import * as node from "../../src/node/index.js";
import * as tasks from "../../src/tasks/index.js";

const page = readFileSync("docs/api-reference.md", "utf8");

/** The values of the sections with such a second line, each with the first word of its declaration. */
function documented(line: RegExp): { readonly name: string; readonly kind: string }[] {
  return page
    .split(/^## /m)
    .filter((section) => line.test(section))
    .flatMap((section) => section.split(/^### /m).slice(1))
    .map((part) => ({
      name: /^\w+/.exec(part)?.[0] ?? "",
      kind: /^```ts\n(\w+)/m.exec(part)?.[1] ?? "",
    }))
    .filter(({ kind }) => kind === "function" || kind === "const" || kind === "class");
}

test.each([
  ["cleave", api],
  ["cleave/node", node],
  ["cleave/tasks", tasks],
])("every value that %s exports is documented, and nothing else", (entry, exported) => {
  const names = documented(new RegExp(`^\`${entry}\`, `, "m")).map(({ name }) => name);
  expect(names.toSorted()).toEqual(Object.keys(exported).toSorted());
});

test("every link of the page leads to a heading", () => {
  const seen = new Map<string, number>();
  const anchors = [...page.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => {
    const slug = heading
      .toLowerCase()
      .replaceAll(/[^\w -]/g, "")
      .replaceAll(" ", "-");
    const count = seen.get(slug) ?? 0;
    seen.set(slug, count + 1);
    return count === 0 ? slug : `${slug}-${count}`;
  });
  const links = [...page.matchAll(/\]\(#([\w-]+)\)/g)].map(([, anchor = ""]) => anchor);
  expect(links.length).toBeGreaterThan(200);
  expect(links.filter((anchor) => !anchors.includes(anchor))).toEqual([]);
});

test("docs/api.md names every stable function", () => {
  const guide = readFileSync("docs/api.md", "utf8");
  const stable = documented(/^`cleave`, stable$/m)
    .filter(({ kind }) => kind === "function")
    .map(({ name }) => name);
  expect(stable.length).toBeGreaterThan(20);
  expect(stable.filter((name) => !new RegExp(`\\b${name}\\b`).test(guide))).toEqual([]);
});
