// Processes of commands that calibrate, interrupted: the same command continues where it stopped, and writes the same files.

import { spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { seededRandom } from "#ops/random.js";
import { writeNpy } from "#weights/npy.js";

const command = join(import.meta.dirname, "../../dist/src/cli/main.js");
const folder = mkdtempSync(join(tmpdir(), "cleave-interrupted-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string): string => join(folder, name);

const net = `net small {
  input x: f32[N, 10, 10, 8]
  repeat 2 { x = conv2d(x, filters=8, kernel=3x3, padding=same) |> relu }
  output y = x |> global_avg_pool |> dense(units=4)
}
`;

const checkpoints = (): string[] => {
  const cache = at("cache/cleave");
  if (!existsSync(cache)) return [];
  return readdirSync(cache, { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith("-.checkpoint"),
  );
};

const argvOf = (name: string, ...more: string[]): string[] => [
  command,
  name,
  "small.net",
  "--calibrate",
  "samples.npy",
  "--split",
  "macs=0.4",
  "--threads",
  "1",
  ...more,
];
const options = {
  cwd: folder,
  encoding: "utf8",
  env: { ...process.env, XDG_CACHE_HOME: at("cache") },
} as const;

function runWhole(name: string, ...more: string[]) {
  const { status, stderr } = spawnSync(process.execPath, argvOf(name, ...more), options);
  expect(stderr).not.toContain("bug in Cleave");
  expect(status).toBe(0);
  return stderr;
}

/** Ends the command after so many checkpoints; returns its output. */
async function interrupt(name: string, most: number, signal: NodeJS.Signals, ...more: string[]) {
  const child = spawn(process.execPath, argvOf(name, ...more), {
    ...options,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let err = "";
  child.stderr.on("data", (text) => void (err += text));
  const ended = new Promise<NodeJS.Signals | null>((resolve) => child.on("close", (_, by) => resolve(by)));
  const watch = setInterval(() => {
    if (checkpoints().length >= most) child.kill(signal);
  }, 2);
  expect(await ended).toBe(signal);
  clearInterval(watch);
  return err;
}

const written = (name: string): Buffer[] =>
  readdirSync(at(name))
    .toSorted()
    .map((file) => readFileSync(at(`${name}/${file}`)));

beforeAll(() => {
  writeFileSync(at("small.net"), net);
  const random = seededRandom(2);
  const data = Float32Array.from({ length: 12 * 10 * 10 * 8 }, () => random.normal());
  writeFileSync(at("samples.npy"), writeNpy({ shape: [12, 10, 10, 8], data }));
  expect(runWhole("split", "-o", "whole")).not.toContain("goes on");
  expect(checkpoints()).toEqual([]);
}, 120_000);

beforeEach(() => {
  for (const name of ["cache", "again"]) rmSync(at(name), { recursive: true, force: true });
});

describe.skipIf(process.platform === "win32")("split", () => {
  test.each([
    ["SIGINT", 1],
    ["SIGKILL", 2],
  ] as const)(
    "ended by %s goes on",
    async (signal, most) => {
      const err = await interrupt("split", most, signal, "-o", "again");
      if (signal !== "SIGKILL") expect(err).toMatch(/^interrupted; the same command goes on from here$/m);
      expect(err).not.toMatch(/^ {4}at |bug in Cleave/m);
      expect(existsSync(at("again"))).toBe(false);
      expect(checkpoints().length).toBeGreaterThanOrEqual(most);
      const second = runWhole("split", "-o", "again");
      expect(second).toMatch(
        /^goes on after (?:layer \d+ of \d+|all layers) \((?:trying splits|fitting layers)\)$/m,
      );
      expect(written("again")).toEqual(written("whole"));
      expect(checkpoints()).toEqual([]);
    },
    120_000,
  );

  test("starts again with --fresh", async () => {
    await interrupt("split", 2, "SIGTERM", "-o", "again");
    expect(runWhole("split", "-o", "again", "--fresh")).not.toContain("goes on");
    expect(checkpoints()).toEqual([]);
  }, 120_000);

  test("starts again with damaged checkpoints", async () => {
    await interrupt("split", 2, "SIGINT", "-o", "again");
    const cache = at("cache/cleave");
    for (const name of checkpoints())
      writeFileSync(join(cache, name), readFileSync(join(cache, name)).subarray(0, 99));
    expect(runWhole("split", "-o", "again")).not.toContain("goes on");
    expect(written("again")).toEqual(written("whole"));
  }, 120_000);

  test("warns once if it cannot store checkpoints, and continues without", () => {
    mkdirSync(at("cache"));
    writeFileSync(at("cache/cleave"), "not a folder");
    const err = runWhole("split", "-o", "again");
    expect(err.match(/warning\[no-checkpoints\]/g)).toHaveLength(1);
    expect(err).toContain("a part of its path is not a folder");
    rmSync(at("cache/cleave"));
  });

  test("a shell sees 130 for Ctrl-C", () => {
    const { stdout } = spawnSync(
      "sh",
      [
        "-c",
        '"$0" "$@" > /dev/null 2>&1 & child=$!; while ! ls cache/cleave/*/*-.checkpoint > /dev/null 2>&1; do sleep 0.01; done; kill -INT $child; wait $child; echo $?',
        process.execPath,
        ...argvOf("split", "-o", "again"),
      ],
      options,
    );
    // A shell lets background jobs ignore SIGINT; the command handles it anyway.
    expect(stdout.trim()).toBe("130");
  });
});

test.skipIf(process.platform === "win32")(
  "compile goes on",
  async () => {
    runWhole("compile", "-o", "module");
    await interrupt("compile", 3, "SIGKILL", "-o", "again");
    expect(runWhole("compile", "-o", "again")).toMatch(/^goes on after /m);
    expect(written("again")).toEqual(written("module"));
  },
  120_000,
);

test.skipIf(process.platform === "win32")("bisect ends at once, and leaves no files", () => {
  const filters = (count: number): string => `conv2d(filters=${count}, kernel=3x3, padding=same) |> relu`;
  writeFileSync(
    at("wrong.net"),
    `rule wrong: relu(x) => abs(x)\nnet wrong {\n  input x: f32[N, 96, 96, 8]\n  output y = x |> ${filters(16)} |> ${filters(16)}\n}\n`,
  );
  const before = readdirSync(folder);
  const { stdout } = spawnSync(
    "sh",
    [
      "-c",
      '"$0" "$@" > /dev/null 2>&1 & child=$!; sleep 1; kill -INT $child; wait $child; echo $?',
      process.execPath,
      command,
      "bisect",
      "wrong.net",
      "--trust-rules",
      "-o",
      "small.net",
    ],
    options,
  );
  expect(stdout.trim()).toBe("130");
  expect(readdirSync(folder)).toEqual(before);
});
