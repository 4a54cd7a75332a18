// Batches of files: all in their places or none, whatever happens in between, and no other files left.

import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { fileBatch } from "../../src/node/file-batch.js";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cleave-batch-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const at = (name: string): string => join(folder, name);

test("files appear together, and replace old ones", () => {
  writeFileSync(at("a"), "old");
  const batch = fileBatch();
  for (const name of ["a", "b"]) writeFileSync(batch.begin(at(name)), `new ${name}`);
  expect(readFileSync(at("a"), "utf8")).toBe("old");
  batch.commit();
  batch.undo();
  expect(readdirSync(folder)).toEqual(["a", "b"]);
  expect(readFileSync(at("a"), "utf8")).toBe("new a");
});

test.each([1, 2, 3])("of %i files, the old ones come back if one cannot be moved", (count) => {
  const names = ["a", "b", "c"].slice(0, count);
  const last = names.at(-1)!;
  for (const name of names.slice(0, -1)) writeFileSync(at(name), `old ${name}`);
  const batch = fileBatch();
  for (const name of names) writeFileSync(batch.begin(at(name)), `new ${name}`);
  // A folder takes the place of a file meanwhile: it is neither moved nor deleted.
  mkdirSync(join(at(last), "x"), { recursive: true });
  expect(() => batch.commit()).toThrow();
  batch.undo();
  expect(readdirSync(folder)).toEqual(names);
  for (const name of names.slice(0, -1)) expect(readFileSync(at(name), "utf8")).toBe(`old ${name}`);
  expect(readdirSync(at(last))).toEqual(["x"]);
});

test("two batches of the same files do not mix, and the last one stays", () => {
  const batches = ["one", "two"].map((text) => {
    const batch = fileBatch();
    for (const name of ["a", "b"]) writeFileSync(batch.begin(at(name)), text);
    return batch;
  });
  for (const batch of batches) batch.commit();
  expect(["a", "b"].map((name) => readFileSync(at(name), "utf8"))).toEqual(["two", "two"]);
  expect(readdirSync(folder)).toEqual(["a", "b"]);
});

test("the lock of a process that was killed is taken over", () => {
  mkdirSync(at(".cleave.lock"));
  utimesSync(at(".cleave.lock"), 0, 0);
  const batch = fileBatch();
  for (const name of ["a", "b"]) writeFileSync(batch.begin(at(name)), name);
  batch.commit();
  expect(readdirSync(folder)).toEqual(["a", "b"]);
});
