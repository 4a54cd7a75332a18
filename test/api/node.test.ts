// File access: models with weights in other files, and artifacts that are written completely or not at all.

import {
  linkSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { compile, emit, optimize, verifyArtifact } from "../../src/index.js";
import { readModel, readRules, writeArtifact } from "../../src/node/index.js";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cleave-node-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const seed = `net seed {
  input image: f32[1, 6, 6, 3]
  output y = conv2d(image, filters=5, kernel=4x4, padding=valid, bias=false)
}
`;
const artifact = compile(seed).value!;
const names = ["seed.d.mts", "seed.d.ts", "seed.mjs", "seed.packed.safetensors"];

const examples = join(import.meta.dirname, "../../examples");

test.each(["seed", "fm_mobile", "fm_resnet16"])("%s.net is read, compiled and agrees", async (name) => {
  const { value: model, diagnostics } = readModel(join(examples, `${name}.net`));
  expect(diagnostics).toEqual([]);
  const optimized = optimize(model!, { verify: true }).value!;
  const comparisons = await verifyArtifact(emit(optimized.module), model!);
  expect(comparisons.length).toBeGreaterThan(0);
  for (const comparison of comparisons) expect(comparison).toMatchObject({ agrees: true });
});

test("reading names every file that was read", () => {
  const path = join(examples, "fm_mobile.net");
  const { value } = readModel(path);
  expect(value!.files).toEqual([path, join(examples, "fm_mobile.safetensors")]);
  expect(value!.seeded).toBe(false);
});

test.each([
  ["no file", () => join(folder, "none.net"), /cannot read .*none\.net: the file does not exist/],
  ["a folder", () => folder, /it is a folder/],
  [
    "bytes",
    () => {
      writeFileSync(join(folder, "b.net"), Uint8Array.of(0xff, 0xfe));
      return join(folder, "b.net");
    },
    /is not UTF-8 text/,
  ],
  [
    "more than a text may be",
    () => {
      writeFileSync(join(folder, "large.net"), "");
      truncateSync(join(folder, "large.net"), 2 ** 26 + 1);
      return join(folder, "large.net");
    },
    /large\.net is larger than 64\.0 MiB/,
  ],
] as const)("%s is a diagnostic", (_name, path, message) => {
  const { value, diagnostics } = readModel(path());
  expect(value).toBeUndefined();
  expect(diagnostics[0]?.message).toMatch(message);
});

test("rules are read from several files, and all mistakes are reported", () => {
  const good = join(folder, "good.net");
  const bad = join(folder, "bad.net");
  writeFileSync(good, "rule twice: relu(relu(x)) => relu(x)\nfuse pair: depthwise -> pointwise\n");
  writeFileSync(bad, "rule r: relu(x) => \n");
  const { value } = readRules([good]);
  expect(value?.rules.map((rule) => rule.name)).toEqual(["twice"]);
  expect(value?.fusions.map((fusion) => fusion.name)).toEqual(["pair"]);
  const wrong = readRules([good, bad, join(folder, "none.net")]);
  expect(wrong.value).toBeUndefined();
  expect(wrong.diagnostics.length).toBeGreaterThanOrEqual(2);
});

describe("writing", () => {
  test("makes the folder and returns the files that it wrote; the module runs from there", async () => {
    const target = join(folder, "a/b");
    const { value } = writeArtifact(artifact, target);
    expect(readdirSync(target).toSorted()).toEqual(names);
    expect(value!.map((file) => [file.path, file.bytes])).toEqual(
      value!.map((file) => [file.path, readFileSync(file.path).length]),
    );
    const { load } = await import(pathToFileURL(join(target, "seed.mjs")).href);
    expect((await load()).runSync({ image: new Float32Array(108) }).y).toHaveLength(45);
  });

  test("replaces the files of an earlier run, and leaves no other files", () => {
    writeFileSync(join(folder, "seed.mjs"), "old");
    expect(writeArtifact(artifact, folder).diagnostics).toEqual([]);
    expect(readFileSync(join(folder, "seed.mjs"), "utf8")).toBe(artifact.module);
    expect(readdirSync(folder).toSorted()).toEqual(names);
  });

  test("into a path that is a file is an error", () => {
    writeFileSync(join(folder, "file"), "");
    const { diagnostics } = writeArtifact(artifact, join(folder, "file"));
    expect(diagnostics[0]).toMatchObject({ code: "cannot-write" });
  });

  test.each([
    ["itself", (input: string) => input],
    [
      "through a link",
      (input: string) => {
        symlinkSync(input, join(folder, "link"));
        return join(folder, "link");
      },
    ],
    [
      "through a linked folder",
      () => {
        symlinkSync(folder, join(folder, "here"));
        return join(folder, "here", "seed.packed.safetensors");
      },
    ],
  ] as const)("never overwrites an input, named by %s", (_name, inputOf) => {
    const input = join(folder, "seed.packed.safetensors");
    writeFileSync(input, "precious");
    const { value, diagnostics } = writeArtifact(artifact, folder, [inputOf(input)]);
    expect(value).toBeUndefined();
    expect(diagnostics[0]).toMatchObject({ code: "output-is-input" });
    expect(readFileSync(input, "utf8")).toBe("precious");
    expect(readdirSync(folder)).not.toContain("seed.mjs");
  });

  test("an input that shares its bytes by a hard link keeps them", () => {
    const input = join(folder, "weights.safetensors");
    writeFileSync(input, "precious");
    linkSync(input, join(folder, "seed.packed.safetensors"));
    expect(writeArtifact(artifact, folder, [input]).value).toBeDefined();
    expect(readFileSync(input, "utf8")).toBe("precious");
  });
});
