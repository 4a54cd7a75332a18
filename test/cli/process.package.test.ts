// The command as a process: effects of a full disk, a signal or a second process on the files that it writes.

import { spawn, spawnSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");
const command = join(root, "dist/src/cli/main.js");
const trained = join(root, "examples/fm_resnet16.net");

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cleave-process-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const net = (filters: number): string =>
  `net tiny {\n  input x: f32[N, 8, 8, 3]\n  output y = x |> conv2d(filters=${filters}, kernel=3x3) |> relu\n}\n`;

describe.skipIf(process.platform === "win32")("results that cannot be written", () => {
  test.each([
    ["inspect", ["inspect", trained, "--format", "json"]],
    ["explain", ["explain", trained]],
    ["ops", ["ops"]],
    ["run", ["run", trained, "--json"]],
  ])("%s on a full disk says so and exits with 1", (_name, argv) => {
    const { status, stderr } = spawnSync(
      "sh",
      ["-c", 'exec "$0" "$@" > /dev/full', process.execPath, command, ...argv],
      { encoding: "utf8" },
    );
    expect(stderr).toContain("error: cannot write the result to stdout: the disk is full\n");
    expect(stderr).not.toMatch(/^ {4}at /m);
    expect(status).toBe(1);
  });

  test("a file that cannot grow is an error, and is not left half-written", () => {
    const out = join(folder, "out.json");
    const { status, stderr } = spawnSync(
      "sh",
      [
        "-c",
        `ulimit -f 8; exec "$0" "$@" > '${out}'`,
        process.execPath,
        command,
        "inspect",
        trained,
        "--format",
        "json",
      ],
      { encoding: "utf8" },
    );
    expect(stderr).toContain("error: cannot write the result to stdout");
    expect(status).toBe(1);
  });

  test("a reader that closes the pipe is not an error", () => {
    const { status, stderr } = spawnSync(
      "bash",
      [
        "-c",
        'set -o pipefail; "$0" "$@" | head -n 1',
        process.execPath,
        command,
        "inspect",
        trained,
        "--format",
        "json",
      ],
      { encoding: "utf8" },
    );
    expect(stderr).toBe("");
    expect(status).toBe(0);
  });

  test("an output that is not a regular file is written directly", () => {
    const { status } = spawnSync(process.execPath, [command, "inspect", trained, "-o", "/dev/null"]);
    expect(status).toBe(0);
    expect(statSync("/dev/null").isCharacterDevice()).toBe(true);
  });
});

describe.skipIf(process.platform === "win32")("a signal while files are written", () => {
  // Many weights, which take seconds to compute.
  const large =
    "net large {\n  input x: f32[1, 2048]\n  repeat 12 { x = x |> dense(units=2048) }\n  output y = x\n}\n";

  test.each([
    ["compile", "SIGINT", ["-o", "."]],
    ["compile", "SIGTERM", ["-o", "."]],
    ["export", "SIGINT", ["-o", "large.onnx"]],
  ] as const)("%s leaves nothing behind at %s", async (name, signal, options) => {
    writeFileSync(join(folder, "large.net"), large);
    const child = spawn(process.execPath, [command, name, "large.net", ...options], {
      cwd: folder,
      stdio: "ignore",
    });
    const ended = new Promise<NodeJS.Signals | null>((resolve) =>
      child.on("exit", (_code, by) => resolve(by)),
    );
    let hasBegun = false;
    const watch = setInterval(() => {
      hasBegun ||= readdirSync(folder).some((one) => one.startsWith(".cleave-"));
      if (hasBegun) child.kill(signal);
    }, 5);
    expect(await ended).toBe(signal);
    clearInterval(watch);
    expect(hasBegun).toBe(true);
    expect(readdirSync(folder)).toEqual(["large.net"]);
  });
});

test("processes that write the same files at once: each set of files is from one process", async () => {
  for (const filters of [4, 5]) writeFileSync(join(folder, `net${filters}.net`), net(filters));
  const out = join(folder, "a/b/out");
  for (let round = 0; round < 3; round += 1) {
    rmSync(join(folder, "a"), { recursive: true, force: true });
    const codes = await Promise.all(
      [4, 5, 4, 5].map(
        (filters) =>
          new Promise((resolve) =>
            spawn(process.execPath, [command, "compile", join(folder, `net${filters}.net`), "-o", out], {
              stdio: "ignore",
            }).on("exit", resolve),
          ),
      ),
    );
    expect(codes).toEqual([0, 0, 0, 0]);
    const module = readFileSync(join(out, "tiny.mjs"), "utf8");
    const weights = readFileSync(join(out, "tiny.packed.safetensors"), "latin1");
    const hash = /hash: "(\w+)"/.exec(module)?.[1];
    expect(hash).toMatch(/^\w{16}$/);
    expect(weights).toContain(hash);
    expect(existsSync(join(out, ".cleave.lock"))).toBe(false);
    expect(readdirSync(out)).toHaveLength(4);
  }
});

test("check reads stdin under a name, for editors: as JSON, and one line for each message", () => {
  const input = "net a {\n  input `a 😀`: f32[1]\n  y = conv2(`a 😀`)\n  weights 3\n}\n";
  const checked = (...options: string[]) =>
    spawnSync(process.execPath, [command, "check", "-", ...options], { input, encoding: "utf8" });
  const short = checked("--short", "--stdin-filename", "sub/a.net");
  expect(short.stdout).toMatch(/^sub\/a\.net:4:11: error: .* \[syntax\]\n$/m);
  expect({ status: short.status, stderr: short.stderr }).toEqual({ status: 1, stderr: "" });
  const [{ file, ok, diagnostics }] = JSON.parse(checked("--json").stdout);
  expect({ file, ok }).toEqual({ file: "stdin", ok: false });
  expect(diagnostics).toContainEqual(
    expect.objectContaining({ code: "syntax", line: 4, column: 11, endLine: 4, endColumn: 12 }),
  );
});

test("stdin is read only up to the limit", () => {
  const zero = openSync("/dev/zero", "r");
  const { status, stderr } = spawnSync(process.execPath, [command, "fmt", "-"], {
    stdio: [zero, "pipe", "pipe"],
  });
  closeSync(zero);
  expect([status, String(stderr)]).toEqual([1, expect.stringContaining("stdin is larger than 64.0 MiB")]);
});

test("an uncaught error of a net names its module, and does not print the text of the module", () => {
  const program = `const { compile, load } = await import(${JSON.stringify(join(root, "dist/src/index.js"))});
    const net = await load(compile(${JSON.stringify(net(4))}).value);
    await net.run({ x: new Float32Array(1) });`;
  const { status, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
    encoding: "utf8",
  });
  expect(status).toBe(1);
  expect(stderr).toContain('tiny: input "x" must be a Float32Array');
  expect(stderr).toContain("cleave:tiny.mjs");
  expect(stderr.length).toBeLessThan(3000);
});
