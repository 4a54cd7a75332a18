// Progress: a command shows it on a terminal while it works, and nowhere else.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { passes } from "#passes/index.js";
import { run } from "#cli/program.js";
import { calibrating, withProgress } from "#cli/output/progress.js";
import type { Terminal } from "#cli/output/terminal.js";

const folder = mkdtempSync(join(tmpdir(), "cleave-progress-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function recorder(more: Partial<Terminal> = {}): {
  terminal: Terminal;
  written: string[];
  all: () => string;
} {
  const written: string[] = [];
  const write = (text: string | Uint8Array): void => void written.push(String(text));
  return {
    terminal: { out: write, err: write, color: false, outColor: false, interactive: true, ...more },
    written,
    all: () => written.join(""),
  };
}

/** The final text on the screen: `\r ESC [2K` clears the line. */
function screen(text: string): string {
  return text
    .split("\n")
    .map((line) => line.split("\r\u001B[2K").at(-1))
    .join("\n");
}

/** The stages that were shown, in order, each once. */
function stages(text: string): string[] {
  const pieces = text.split("\r\u001B[2K");
  // A part with a line end is output.
  const shown = pieces.filter((piece) => !piece.includes("\n")).map((piece) => piece.replace(/ \d+%$/, ""));
  return shown.filter((stage, at) => stage !== "" && stage !== shown[at - 1]);
}

describe("the line", () => {
  test("is redrawn at most ten times a second during a stage", () => {
    let time = 0;
    const { terminal, written } = recorder();
    const { progress } = withProgress(terminal, () => time);
    for (let step = 0; step <= 100; step += 1) {
      progress.show("packing", step / 100);
      time += 10;
    }
    expect(written).toHaveLength(11);
    expect(screen(written.join(""))).toBe("packing 100%");
    progress.show("writing");
    expect(screen(written.join(""))).toBe("writing");
    progress.end();
    expect(screen(written.join(""))).toBe("");
  });

  test("is cleared before any other output, on either stream", () => {
    const { terminal, all } = recorder();
    const wrapped = withProgress(terminal);
    wrapped.progress.show("reading");
    wrapped.err("a warning\n");
    wrapped.progress.show("packing");
    wrapped.out("a result\n");
    expect(screen(all())).toBe("a warning\na result\n");
  });

  test("is cut to the width of a terminal", () => {
    const { terminal, all } = recorder();
    withProgress(terminal).progress.show("x".repeat(500), 0.5);
    expect(screen(all()).length).toBeLessThan(80);
  });

  test("has no colour unless the terminal takes it", () => {
    const plain = recorder();
    withProgress(plain.terminal).progress.show("reading");
    expect(plain.all()).toBe("\r\u001B[2Kreading");
    const coloured = recorder({ color: true });
    withProgress(coloured.terminal).progress.show("reading");
    expect(coloured.all()).toContain("\u001B[2mreading");
  });

  test("is silent without a terminal", () => {
    const { terminal, all } = recorder({ interactive: false });
    const { progress } = withProgress(terminal);
    progress.show("reading");
    progress.end();
    expect(all()).toBe("");
  });
});

describe("a command", () => {
  test.each([
    ["compile", ["-o", folder], ["making kernels", "packing … of weights"]],
    ["run", [], ["making kernels", "packing … of weights", "running random input, seed 0"]],
    ["verify", [], ["making kernels", "packing … of weights", "running the module", "interpreting"]],
    ["explain", [], ["adding up"]],
  ] as const)("%s shows its stages and leaves nothing of them", async (name, options, last) => {
    const watched = recorder();
    const model = "examples/fm_mobile.net";
    expect(await run([name, model, ...options], watched.terminal)).toBe(0);
    const shown = stages(watched.all()).map((stage) => stage.replace(/packing .* of/, "packing … of"));
    const names = passes.map((pass) => `pass ${pass.name}`);
    expect(shown).toEqual([`reading ${model}`, ...names, ...last]);

    const piped = recorder({ interactive: false });
    expect(await run([name, model, ...options], piped.terminal)).toBe(0);
    expect(screen(watched.all())).toBe(piped.all());
    expect(piped.all()).not.toContain("\r");
  });

  test("that fails leaves only its message", async () => {
    const { terminal, all } = recorder();
    expect(await run(["compile", "none.net"], terminal)).toBe(1);
    expect(screen(all())).toMatch(/^error\b.*cannot read none\.net/);
  });
});

test("the progress of calibration is shown with the time left", () => {
  const shown: string[] = [];
  let now = 0;
  const show = (stage: string, part?: number): void => void shown.push(`${stage} ${part}`);
  const tell = calibrating({ show, end: () => {} }, () => now);
  for (const [seconds, done] of [
    [0, 0],
    [1, 10],
    [10, 25],
    [25, 50],
    [50, 90],
    [1000, 95],
  ] as const) {
    now = 1000 * seconds;
    tell({ stage: "layer c3", done, all: 100 });
  }
  tell({ stage: "layer c4", done: 0, all: 0 });
  expect(shown).toEqual([
    "layer c3 0",
    "layer c3 0.1",
    "layer c3, 30 s left 0.25",
    "layer c3, 30 s left 0.5",
    "layer c3, 6 s left 0.9",
    "layer c3, 50 s left 0.95",
    "layer c4 0",
  ]);
});
