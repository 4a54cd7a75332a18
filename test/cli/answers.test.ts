// The answers of commands on small nets: the lines of stdout, those of stderr marked with `!`, then the exit code.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { takesColor } from "#cli/output/terminal.js";
import { elements } from "#ir/type.js";
import { writeSafetensors } from "#weights/write-safetensors.js";
import { cases } from "../cases.js";
import { cleave } from "./terminal.js";

const folder = mkdtempSync(join(tmpdir(), "cleave-answers-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
mkdirSync(join(folder, "sub"));

const small = `net small {
  weights "small.safetensors"
  input x: f32[1, 4, 4, 2]
  y = depthwise_conv2d(x, kernel=3x3, padding=same, bias=false) |> relu
  output z = conv2d(y, filters=3, kernel=1x1) |> softmax
}
`;

const files: Record<string, string> = {
  "small.net": small,
  "scaled.net":
    "const width = 0.5\nnet scaled {\n  input x: f32[1, 4]\n  input gain: f32[1, 4]\n  h = x * gain\n  output y = h * width\n}\n",
  "gain.json": "[1, 2, 3, 4]",
  "other.net": small.replace("|> softmax", "|> sigmoid"),
  "rules.net":
    "rule sign: neg(x) => x\n\nrule far: relu(x) => tanh(x) when rank(x) > 40\n\nrule approx(0.001) off: gelu(x) => silu(x)\n\nrule twice: relu(relu(x)) => relu(x)\n",
  // The second rule nearly matches twice.
  "why.net":
    "net why {\n  input x: f32[1, 4, 4, 2]\n  y = depthwise_conv2d(x, kernel=3x3, padding=same, bias=false)\n  a = relu(y)\n  b = relu6(y)\n  c = conv2d(a + b, filters=3, kernel=1x1)\n  output z = relu(relu(c))\n}\n",
  "why-rules.net":
    "rule twice: relu(relu(x)) => relu(x)\nrule early: relu(depthwise_conv2d(x, w, b, padding=[1, 1, 1, 1])) => depthwise_conv2d(x, w, b, padding=[1, 1, 1, 1]) when channels(x) == 3 and constant(w)\n",
  "why-fusions.net":
    "fuse big: depthwise -> elementwise* -> pointwise when fits_on_chip and saved_bytes > 100000\nfuse twice: depthwise -> relu -> pointwise -> relu6\n",
  "wrong-rules.net": "rule r: rellu(x) => x\nfuse f: conv2d -> nothing\n",
  "long-rules.net": `rule sum: x => ${"x + ".repeat(4999)}x\nfuse f: elementwise+ when ops > ${"1 + ".repeat(4999)}1\n`,
  "square-of.net":
    "rule bounded: square(x) => min(x * x, 1000000)\n\nnet square_of {\n  input x: f32[1, 2]\n  output y = square(x) |> softmax\n}\n",
  "big.json": "[1000.0625, 1000.03125]",
  "near-sum.net": "rule approx(0.5) near: relu(x) => silu(x)\n",
  "wrong-sum.net": "rule wrong: relu(x) => abs(x)\n",
  "sum.net": "net sum {\n  input x: f32[1, 4]\n  output y = relu(x + 1)\n}\n",
  "seen.net":
    "net seen {\n  input x: f32[1, 2, 2, 3]\n  output y = conv2d(x, filters=4, kernel=1x1)\n  output z = relu(y)\n}\n",
  "square.net":
    "net square {\n  input x: f32[1, 28, 28, 64]\n  y = conv2d(x, filters=64, kernel=3x3, padding=same, bias=false)\n  output z = conv2d(y, filters=8, kernel=3x3, stride=2)\n}\n",
  "two.net":
    'net two {\n  input a: f32[N, 8, 8, 3]\n  input b: f32[N, 8, 8, 1]\n  output y labels("cat", "dog", "owl") = global_avg_pool(a)\n  output z = global_avg_pool(b)\n}\n',
  "two.txt": "cat\ndog\n",
  "pictured.net":
    'net pictured {\n  input a: f32[N, 8, 8, 3] preprocess(scale=1/127.5, mean=1, fit=contain, pad=114, order=bgr)\n  output y labels("c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8", "c9", "c10", "c11", "c\u001b12") = a |> global_avg_pool |> dense(units=13)\n}\n',
  "infinite.net":
    "net infinite {\n  input x: f32[1, 1]\n  output y = clip(x * 0 + 1, low=2)\n  output z = y / (x - x)\n}\n",
  "many.net": `net many {\n  input x: f32[1, 4]\n  param w: f32[4, 5] = [${"[1, 2, 3, 4, 5], ".repeat(4).slice(0, -2)}]\n  output y = dense(x, w) |> relu\n}\n`,
  // The inner value of the kernel is an output too.
  "stale.net":
    "net stale {\n  input x: f32[1, 4]\n  kernel k0 elementwise(saved_bytes=64) {\n    a = tanh(x)\n    b = abs(a)\n  }\n  output a, b\n}\n",
};
for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);

const weight = (name: string, ...shape: number[]) => ({
  name,
  shape,
  values: () => Float32Array.from({ length: elements(shape) }, (_, at) => (at % 5) - 2),
});
const weights = writeSafetensors([
  weight("y.depthwise_conv2d.kernel", 3, 3, 1, 2),
  weight("z.conv2d.kernel", 1, 1, 2, 3),
  weight("z.conv2d.bias", 3),
]);
writeFileSync(join(folder, "small.safetensors"), Buffer.concat([...weights]));

// Each line of a case is a command line; `@` is the folder of these files.
cases(import.meta.dirname, "answers.txt", async (input) => {
  const lines: string[] = [];
  for (const line of input.trim().split("\n")) {
    const { code, out, err } = await cleave(...line.replaceAll("@", folder).split(" "));
    const marked = err === "" ? "" : `${err.trimEnd().replaceAll(/^/gm, "! ")}\n`;
    lines.push(`${out}${marked}exit ${code}`);
  }
  // The sizes of modules change with the runtime.
  return lines
    .join("\n")
    .replaceAll(folder, "@")
    .replaceAll(/(\.(?:mjs|d\.ts|d\.mts) )\(.*?\)/g, "$1(…)")
    .replaceAll(/("moduleBytes": )\d+/g, "$1…");
});

describe("JSON for programs", () => {
  test.each([
    ["explain", "@/small.net", "--json"],
    ["explain", "@/small.net", "--schedule", "--json"],
    ["inspect", "@/small.net", "--json"],
    ["inspect", "@/small.net", "--diff", "fuse", "--json"],
    ["inspect", "@/small.net", "--diff", "@/other.net", "--format", "json"],
    ["check", "@/small.net", "@/rules.net", "@/none.net", "--json"],
    ["run", "@/small.net", "--json"],
    ["verify", "@/small.net", "--json"],
    ["compile", "@/small.net", "-o", "@/out", "--json"],
    ["export", "@/small.net", "-o", "@/small.onnx", "--json"],
    ["ops", "--json"],
    ["ops", "conv2d", "--json"],
  ])("%s %s %s %s %s", async (...argv) => {
    const { out } = await cleave(...argv.filter(Boolean).map((part) => part.replaceAll("@", folder)));
    expect(() => JSON.parse(out)).not.toThrow();
    // One JSON text, in which infinities and NaN do not become null.
    expect(out.trimEnd()).not.toMatch(/: null/);
  });

  test("a kernel has its ops, operands, cost and reason", async () => {
    const { out } = await cleave("explain", join(folder, "small.net"), "--schedule", "--json");
    const report = JSON.parse(out);
    expect(report).toMatchObject({ name: "small", target: "wasm" });
    const [kernel] = report.kernels;
    expect(kernel).toMatchObject({ template: "separable_4x4x3", fusion: "separable", blocks: 1 });
    expect(kernel.ops.map(({ name }: { name: string }) => name)).toEqual([
      "y.depthwise_conv2d",
      "y",
      "z.conv2d",
    ]);
    expect(kernel.ops[0].line).toContain("small.net:4: y = depthwise_conv2d(");
    // 16 positions · (3·3·2 + 2·3) multiply-accumulates; 32 + 18 + 6 + 3 elements read and 48 written.
    expect(kernel.cost).toMatchObject({ macs: 384, steps: 32, bytesRead: 236, bytesWritten: 192 });
    expect(kernel.cost.seconds).toBeGreaterThan(kernel.cost.computeSeconds + kernel.cost.memorySeconds);
  });

  test("check gives lines and columns, also for a file that cannot be read", async () => {
    const argv = ["check", join(folder, "rules.net"), join(folder, "none.net"), "--json"];
    const { code, out, err } = await cleave(...argv);
    expect(err).toBe("");
    expect(code).toBe(1);
    const [rules, none] = JSON.parse(out);
    expect(rules.ok).toBe(false);
    expect(rules.diagnostics[0]).toMatchObject({
      code: "rule-not-equal",
      severity: "error",
      line: 1,
      column: 1,
    });
    expect(rules.diagnostics[1]).toMatchObject({ code: "rule-not-checked", severity: "error", line: 3 });
    expect(none.diagnostics[0]).toMatchObject({ code: "cannot-read" });
  });
});

describe("a dump in another folder", () => {
  test("finds its weights if it was written with -o", async () => {
    const dump = join(folder, "sub", "dump.net");
    expect((await cleave("inspect", join(folder, "small.net"), "--after", "all", "-o", dump)).code).toBe(0);
    expect(await cleave("verify", dump)).toMatchObject({ code: 0, err: "" });
    const [first, second] = [
      await cleave("run", dump, "--json"),
      await cleave("run", join(folder, "small.net"), "--json"),
    ];
    expect(first.out).toBe(second.out);
  });

  test("names the path of the missing weights if it was copied, and takes --weights", async () => {
    const { out } = await cleave("inspect", join(folder, "small.net"));
    const dump = join(folder, "sub", "copied.net");
    writeFileSync(dump, out.replace(folder, "elsewhere"));
    const failed = await cleave("compile", dump, "-o", join(folder, "out2"));
    expect(failed.code).toBe(1);
    expect(failed.err).toContain("elsewhere/small.safetensors");
    expect(failed.err).toContain("--weights FILE");
    const given = await cleave("verify", dump, "--weights", join(folder, "small.safetensors"));
    expect(given).toMatchObject({ code: 0, err: "" });
  });
});

describe.each(["docs/looking-inside.md", "docs/splitting.md", "docs/winograd.md"])("%s", (page) => {
  const lines = [...readFileSync(page, "utf8").matchAll(/^ {4}cleave (.*)$/gm)];
  // The commands with samples run in split.property.test.ts.
  const commands = lines.map(([, line = ""]) => line).filter((line) => !line.includes("--calibrate"));

  test("has commands", () => expect(commands.length).toBeGreaterThan(2));

  test.each(commands)("%s", async (line) => {
    const own = line.replaceAll(/ (dump|small|out|film)(?=\.net|\.html| |$)/g, ` ${folder}/docs/$1`);
    const { code, out, err } = await cleave(...own.split(" "));
    // Counts of rules are beside the result.
    if (!line.includes("--trace")) expect(err).toBe("");
    expect(code).toBe(0);
    expect(out.length).toBeGreaterThan(own === line ? 100 : 10);
  });
});

describe("docs/pictures.md", () => {
  const page = readFileSync("docs/pictures.md", "utf8");
  const lines = [...page.matchAll(/^ {4}cleave (.*)$/gm)].map(([, line = ""]) => line);
  // The command with a face detector runs in test/web/tasks.browser.test.ts.
  const commands = lines.filter((line) => line.includes("examples/"));

  test("has commands", () => expect(commands).toHaveLength(2));

  test.each(commands)("%s", async (line) => {
    const { code, out, err } = await cleave(...line.replace(/ out$/, ` ${folder}/pictures`).split(" "));
    expect(err).toBe("");
    expect(code).toBe(0);
    expect(out).toMatch(/wrote |Ankle boot/);
  });

  test("its net is a net", async () => {
    const [, net = ""] = /```net\n([\s\S]*?)```/.exec(page) ?? [];
    writeFileSync(join(folder, "pictures.net"), net);
    expect(await cleave("check", join(folder, "pictures.net"))).toMatchObject({ code: 0, err: "" });
  });
});

describe("docs/onnx.md", () => {
  const lines = [...readFileSync("docs/onnx.md", "utf8").matchAll(/^ {4}cleave (.*)$/gm)];
  const commands = lines.map(([, line = ""]) => line);

  test("has commands", () => expect(commands.length).toBeGreaterThan(2));

  test.each(commands)("%s", async (line) => {
    const { code, out, err } = await cleave(...line.replaceAll(" out/", ` ${folder}/`).split(" "));
    expect(err).toBe("");
    expect(code).toBe(0);
    const [, path = ""] = /^wrote (\S+) /m.exec(out) ?? [];
    expect(await cleave("check", path)).toMatchObject({ code: 0, err: "" });
  });
});

test.each([
  [{ isTTY: true }, {}, true],
  [{ isTTY: true }, { NO_COLOR: "1" }, false],
  [{ isTTY: true }, { NO_COLOR: "", TERM: "xterm" }, true],
  [{ isTTY: true }, { TERM: "dumb" }, false],
  [{}, {}, false],
  [{}, { FORCE_COLOR: "1" }, true],
  [{ isTTY: true }, { FORCE_COLOR: "0" }, false],
  [{}, { FORCE_COLOR: "1", NO_COLOR: "1" }, false],
])("colours of a stream %j in %j: %s", (stream, environment, expected) => {
  expect(takesColor(stream, environment)).toBe(expected);
});

test("a diff has colours if stdout supports them", async () => {
  const { run } = await import("#cli/program.js");
  let out = "";
  const terminal = {
    out: (text: string | Uint8Array) => void (out += String(text)),
    err: () => {},
    color: false,
    outColor: true,
    interactive: false,
  };
  expect(await run(["inspect", join(folder, "small.net"), "--diff", "fuse"], terminal)).toBe(0);
  expect(out).toContain("\u001B[31m- ");
  expect(out).toContain("\u001B[32m+ ");
});
