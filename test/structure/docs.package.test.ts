// The examples of the API page and the commands of README, run as they stand, in an installed package.

import { execFileSync, spawnSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "cleave-package-"));
const bin = join(folder, "node_modules/.bin/cleave");

beforeAll(() => {
  // What a user gets: the packed files, with the dependencies that this checkout has.
  const packed = execFileSync("npm", ["pack", "--ignore-scripts", "--silent", "--pack-destination", folder], {
    encoding: "utf8",
  });
  execFileSync("tar", ["xzf", packed.trim().split("\n").at(-1) ?? ""], { cwd: folder });
  const modules = join(folder, "node_modules");
  mkdirSync(join(modules, ".bin"), { recursive: true });
  cpSync(join(folder, "package"), join(modules, "cleave"), { recursive: true });
  for (const name of dependenciesOf("package.json")) {
    cpSync(join("node_modules", name), join(modules, name), { recursive: true });
  }
  writeFileSync(bin, `#!/bin/sh\nexec node "${join(modules, "cleave/dist/src/cli/main.js")}" "$@"\n`, {
    mode: 0o755,
  });
  // Not the web page, which another test may be building.
  cpSync("examples", join(folder, "examples"), {
    recursive: true,
    filter: (path) => path !== join("examples", "web"),
  });
}, 120_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }), 60_000);

test("the examples of docs/api.md run", () => {
  const blocks = [...readFileSync("docs/api.md", "utf8").matchAll(/```js\n([\s\S]*?)```/g)].map(
    (match) => match[1] ?? "",
  );
  expect(blocks.length).toBeGreaterThan(4);
  const text = blocks.join("\n");
  writeFileSync(join(folder, "api.mjs"), text);
  const out = execFileSync("node", ["api.mjs"], { cwd: folder, encoding: "utf8" });
  // A comment behind a `console.log` says what it prints.
  for (const [, said] of text.matchAll(/console\.log\(.*\); \/\/ (\S.*)$/gm)) {
    if (/^[\d\w[\]-]/.test(said ?? "") && !said?.includes(" the ") && !said?.startsWith("the "))
      expect(normal(out)).toContain(normal(said ?? ""));
  }
});

test("the commands and the program of docs/pictures.md run", () => {
  const page = readFileSync("docs/pictures.md", "utf8");
  const [, command = ""] = /^ {4}cleave (compile examples.*)$/m.exec(page) ?? [];
  execFileSync(bin, command.split(" "), { cwd: folder, stdio: ["ignore", "pipe", "ignore"] });
  const [, code = ""] = /```js\n([\s\S]*?)```/.exec(page) ?? [];
  const link = join(folder, "node_modules/sharp");
  symlinkSync(resolve("node_modules/sharp"), link);
  // What only the package can show: its entry for results.
  const tasks = 'import { topK } from "cleave/tasks";\nconsole.log(topK([1, 3, 2], 1)[0].index);\n';
  writeFileSync(join(folder, "pictures.mjs"), `${tasks}${code}`);
  const out = execFileSync("node", ["pictures.mjs"], { cwd: folder, encoding: "utf8" });
  // Other tests are about a machine without it.
  rmSync(link);
  expect(out).toBe("1\nAnkle boot\n");
});

test("README's model compiles with README's command, and its module runs as README shows", () => {
  const readme = readFileSync("README.md", "utf8");
  const model = /^( {4}# tiny\.net\n[\s\S]*?\n {4}})\n\n\S/m.exec(readme)?.[1];
  expect(model).toBeDefined();
  writeFileSync(join(folder, "tiny.net"), (model ?? "").replaceAll(/^ {4}/gm, ""));
  const command = /^ {4}cleave (compile tiny\.net -o out)$/m.exec(readme)?.[1];
  const out = execFileSync(bin, (command ?? "").split(" "), {
    cwd: folder,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  const printed = /^ {4}(tiny: .* kernels; parameters .*)$/m.exec(readme)?.[1];
  expect(printed).toBeDefined();
  expect(out.split("\n")).toContain(printed);
  expect(readdirSync(join(folder, "out"))).toContain("tiny.mjs");
  const use = /( {4}import \{ load \} from "\.\/out\/tiny\.mjs";[\s\S]*?net\.dispose\(\);)/.exec(readme)?.[1];
  writeFileSync(
    join(folder, "use.mjs"),
    `${(use ?? "").replaceAll(/^ {4}/gm, "")}\nconsole.log(logits.length);\n`,
  );
  expect(execFileSync("node", ["use.mjs"], { cwd: folder, encoding: "utf8" }).trim()).toBe("10");
});

test("built-in rules are in the package: batch norms are folded outside the repository", () => {
  const out = execFileSync(bin, ["inspect", "examples/fm_mobile.net", "--format", "json", "--after", "all"], {
    cwd: folder,
    encoding: "utf8",
  });
  expect(JSON.parse(out).nodes.map((node: { op: string }) => node.op)).not.toContain("batch_norm");
});

test("without sharp, images and PNG pictures name the package, and SVG is drawn", () => {
  const ran = (...argv: string[]) =>
    spawnSync(bin, argv, { cwd: folder, encoding: "utf8", maxBuffer: 1 << 26 });
  for (const argv of [
    ["run", "examples/fm_mobile.net", "examples/images/00_ankle_boot.png"],
    ["inspect", "examples/fm_mobile.net", "--format", "png", "-o", "picture.png"],
  ]) {
    const { status, stderr } = ran(...argv);
    expect(stderr).toMatch(
      /^error\[missing-package\]: .* the package sharp, which is not installed\n.*npm install sharp/,
    );
    expect(status).toBe(1);
  }
  expect(readdirSync(folder)).not.toContain("picture.png");
  expect(ran("inspect", "examples/fm_mobile.net", "--format", "svg").stdout).toContain("<svg");
});

test("the lock file names no host and the version is the package's", () => {
  expect(readFileSync("package-lock.json", "utf8")).not.toMatch(
    /"resolved": "https?:\/\/(?!registry\.npmjs\.org)/,
  );
  const { version } = JSON.parse(readFileSync("package.json", "utf8"));
  expect(execFileSync(bin, ["--version"], { encoding: "utf8" }).trim()).toBe(version);
});

function normal(text: string): string {
  return text.replaceAll(/\s+/g, "");
}

/** The packages that a package needs, directly or not. */
function dependenciesOf(path: string, seen = new Set<string>()): Set<string> {
  const { dependencies = {}, optionalDependencies = {} } = JSON.parse(readFileSync(path, "utf8"));
  for (const name of [...Object.keys(dependencies), ...Object.keys(optionalDependencies)]) {
    if (seen.has(name)) continue;
    try {
      readFileSync(join("node_modules", name, "package.json"));
    } catch {
      continue; // an optional package of another platform
    }
    seen.add(name);
    dependenciesOf(join("node_modules", name, "package.json"), seen);
  }
  return seen;
}
