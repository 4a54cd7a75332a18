// The files that the command loads at its start: the options of its subcommands, and nothing of the compiler.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");
const dist = join(root, "dist");
const commands = readdirSync(join(root, "src/cli/commands")).map((file) => file.replace(/\.ts$/, ""));

/** The files that options and messages need. Each imports nothing, or only others of these. */
const light = [
  /^src\/cli\/(main|program)\.js$/,
  /^src\/cli\/(commands|options|output|session)\//,
  /^src\/diagnostic\//,
  /^src\/node\/reason\.js$/,
  /^src\/compile\/version\.js$/,
  /^src\/calibrate\/progress\.js$/,
  // The possible values of `--target`, `--adapter`, `--opset` and `--split`.
  /^src\/ir\/(target|type|units)\.js$/,
  /^src\/backend\/(wgsl\/adapter|format)\.js$/,
  /^src\/export\/onnx\/opsets\.js$/,
  /^src\/ir\/(compact|preprocess)\.js$/,
  /^src\/split\/request\.js$/,
  /^passes\/split\/(form|report)\.js$/,
];

/** The files of `dist` and the packages that a command line loads. V8 lists all scripts of a process for its coverage. */
function loadedBy(argv: readonly string[]): { readonly files: string[]; readonly packages: Set<string> } {
  const folder = mkdtempSync(join(tmpdir(), "cleave-start-"));
  try {
    const { status, stderr } = spawnSync(process.execPath, [join(dist, "src/cli/main.js"), ...argv], {
      encoding: "utf8",
      env: { ...process.env, NODE_V8_COVERAGE: folder },
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const scripts = readdirSync(folder)
      .flatMap((file) => JSON.parse(readFileSync(join(folder, file), "utf8")).result as { url: string }[])
      .filter(({ url }) => url.startsWith("file:"))
      .map(({ url }) => fileURLToPath(url).replaceAll("\\", "/"));
    return {
      files: scripts.filter((path) => !path.includes("/node_modules/")).map((path) => relative(dist, path)),
      packages: new Set(
        scripts.flatMap((path) => /\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? []),
      ),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test.each([["--version"], ["--help"], ...commands.map((name) => [name, "--help"])])(
  "cleave %s %s loads nothing of the compiler",
  (...argv) => {
    const { files, packages } = loadedBy(argv);
    expect(files.length).toBeGreaterThan(30);
    expect(files.filter((file) => !light.some((pattern) => pattern.test(file)))).toEqual([]);
    // The last two name what was probably meant, and paint.
    expect([...packages].sort()).toEqual(["commander", "fastest-levenshtein", "picocolors"]);
  },
);

test("the list of loaded files is complete: a command that does work loads the compiler", () => {
  const { files } = loadedBy(["ops"]);
  expect(files).toContain("src/cli/actions/ops.js");
  expect(files).toContain("src/ops/index.js");
});

test("each command has one action of its name", () => {
  const actions = readdirSync(join(root, "src/cli/actions")).map((file) => file.replace(/\.ts$/, ""));
  expect(actions).toEqual(commands);
});
