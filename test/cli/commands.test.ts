// Every command, on the shipped examples and on wrong input.

import {
  lstatSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { cleave } from "./terminal.js";

const folder = mkdtempSync(join(tmpdir(), "cleave-cli-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const images = readdirSync("examples/images")
  .filter((file) => file.endsWith(".png"))
  .map((file) => `examples/images/${file}`);
const labels = readFileSync("examples/images/labels.txt", "utf8")
  .trim()
  .split("\n")
  .map((line) => line.slice(line.indexOf(" ") + 1));

describe("run", () => {
  test.each(["fm_resnet16", "fm_mobile"])("%s classifies the ten images", async (name) => {
    const { code, out, err } = await cleave(
      "run",
      `examples/${name}.net`,
      ...images,
      "--labels",
      "examples/fashion_mnist.labels.txt",
      "--top",
      "1",
    );
    expect(err).toBe("");
    expect(code).toBe(0);
    const lines = out.trim().split("\n");
    expect(lines[0]).toMatch(
      /^fm_\w+: \d+ ops → \d+ kernels(, and \d+ once at load)?; parameters [\d,]+ → [\d,]+; MACs /,
    );
    const said = lines.slice(1).map((line) => /logits {2}(.*) [-\d.e+]+$/.exec(line)?.[1]);
    // Both networks give the true label of all ten images (checked against onnxruntime).
    expect(said).toEqual(labels);
  });

  test("an architecture runs on random input, with a note that its weights are random", async () => {
    const { code, out, err } = await cleave(
      "run",
      "examples/mobilenet_v2.net",
      "--dim",
      "H=32",
      "--dim",
      "W=32",
    );
    expect(code).toBe(0);
    expect(err).toContain("seeded random values");
    expect(out).toContain("logits");
  });

  test("several threads, and both targets, give the same results", async () => {
    const run = async (...more: string[]) => {
      const net = join(folder, "wide.net");
      writeFileSync(
        net,
        "net wide {\n  input x: f32[1, 40, 40, 16]\n  output y = conv2d(x, filters=64, kernel=3x3) |> global_avg_pool\n}\n",
      );
      const { code, out } = await cleave("run", net, "--json", ...more);
      expect(code).toBe(0);
      return JSON.parse(out)[0].outputs.y as number[];
    };
    const wanted = await run();
    expect(await run("--threads", "2")).toEqual(wanted);
    expect(await run("--target", "wasm")).toEqual(wanted);
    const plain = await run("--target", "js");
    for (const [at, value] of plain.entries()) expect(value).toBeCloseTo(wanted[at]!, 5);
  });

  test("--json gives all values", async () => {
    const { code, out } = await cleave("run", "examples/seed.net", "--json");
    expect(code).toBe(0);
    expect(JSON.parse(out)[0].outputs.y).toHaveLength(45);
  });

  test("a missing image is an error", async () => {
    const { code, err } = await cleave("run", "examples/fm_mobile.net", "nothing.png");
    expect(code).toBe(1);
    expect(err).toContain("nothing.png");
  });

  test("labels are printed next to the outputs that have as many values", async () => {
    const model = join(folder, "heads.net");
    const names = join(folder, "names.txt");
    writeFileSync(
      model,
      "net heads {\n  input x: f32[1, 4]\n  output kind = relu(x)\n  output area = reduce_max(x, axes=[1])\n}\n",
    );
    writeFileSync(names, "\uFEFFred\r\ngreen\r\nblue\r\nblack\r\n");
    const { code, out } = await cleave("run", model, "--labels", names, "--top", "1");
    expect(code).toBe(0);
    expect(out).toContain("heads: 2 ops → ");
    expect(out).toMatch(/kind {2}red \d/);
    expect(out).toMatch(/area {2}0 \d/);
  });

  test("labels that do not fit are an error", async () => {
    const { code, err } = await cleave(
      "run",
      "examples/seed.net",
      "--labels",
      "examples/fashion_mnist.labels.txt",
    );
    expect(code).toBe(1);
    expect(err).toContain("10 labels");
  });
});

describe("compile", () => {
  test("writes a module that gives the results of `run`", async () => {
    const dir = join(folder, "compiled");
    const { code, out } = await cleave("compile", "examples/fm_mobile.net", "-o", dir);
    expect(code).toBe(0);
    expect(out).toContain("wrote");
    expect(readdirSync(dir).toSorted()).toEqual([
      "fm_mobile.d.mts",
      "fm_mobile.d.ts",
      "fm_mobile.mjs",
      "fm_mobile.packed.safetensors",
    ]);
    const module = await import(pathToFileURL(join(dir, "fm_mobile.mjs")).href);
    const net = await module.load();
    const input = Float32Array.from({ length: 784 }, (_, index) => (index % 7) / 7);
    const { logits } = await net.run({ image: input });
    const file = join(folder, "input.json");
    writeFileSync(file, JSON.stringify([...input]));
    const ran = await cleave("run", "examples/fm_mobile.net", file, "--json");
    expect([...logits]).toEqual(JSON.parse(ran.out)[0].outputs.logits);
    expect(() => net.runSync({ image: new Float32Array(5) })).toThrow(TypeError);
    net.dispose();
  });

  test.each(["js", "wasm"])("--target %s is named in the output", async (target) => {
    const dir = join(folder, target);
    const { code, out } = await cleave(
      "compile",
      "examples/seed.net",
      "-o",
      dir,
      "--target",
      target,
      "--json",
    );
    expect(code).toBe(0);
    expect(JSON.parse(out).target).toBe(target);
    expect(readFileSync(join(dir, "seed.mjs"), "utf8")).toContain(
      target === "js" ? "to plain JavaScript" : "to WebAssembly",
    );
  });

  test("--embed-weights writes one module", async () => {
    const dir = join(folder, "embedded");
    expect((await cleave("compile", "examples/seed.net", "-o", dir, "--embed-weights")).code).toBe(0);
    expect(readdirSync(dir).toSorted()).toEqual(["seed.d.mts", "seed.d.ts", "seed.mjs"]);
  });

  test("--weights names the file and the type; embedded weights are the same", async () => {
    const dir = join(folder, "eight bits");
    const model = [
      "examples/fm_mobile.net",
      "--weights",
      "examples/fm_mobile.safetensors",
      "--weights",
      "int8",
    ];
    const { code, out } = await cleave("compile", ...model, "-o", join(dir, "file"), "--json");
    expect(code).toBe(0);
    const { weightBytes, compact, moduleBytes } = JSON.parse(out);
    expect(weightBytes).toBeLessThan(150_000);
    expect(compact.weightType).toBe("int8");
    expect(statSync(join(dir, "file/fm_mobile.packed.safetensors")).size).toBeLessThan(weightBytes + 400);
    const embedded = await cleave(
      "compile",
      ...model,
      "-o",
      join(dir, "embedded"),
      "--embed-weights",
      "--json",
    );
    expect(JSON.parse(embedded.out).moduleBytes).toBeLessThan(moduleBytes + 1.34 * weightBytes + 1000);
    const results = [];
    for (const kind of ["file", "embedded"]) {
      const module = await import(pathToFileURL(join(dir, kind, "fm_mobile.mjs")).href);
      const net = await module.load();
      results.push((await net.run({ image: new Float32Array(784).fill(0.3) })).logits);
    }
    expect(results[1]).toEqual(results[0]);
  });

  test("a wrong model writes nothing", async () => {
    const model = join(folder, "wrong.net");
    const dir = join(folder, "nothing");
    writeFileSync(model, "net wrong {\n  input x: f32[1, 4]\n  output y = dense(x, unit=3)\n}\n");
    const { code, err } = await cleave("compile", model, "-o", dir);
    expect(code).toBe(1);
    expect(err).toContain("did you mean `units`?");
    expect(() => readdirSync(dir)).toThrow("ENOENT");
  });
});

describe("explain", () => {
  test("the worked example of splitting", async () => {
    const { code, out } = await cleave("explain", "examples/seed.net", "--split", "structural", "--json");
    expect(code).toBe(0);
    const { before, after } = JSON.parse(out);
    expect([before.parameters, before.macs]).toEqual([240, 2160]);
    expect([after.parameters, after.macs]).toEqual([63, 567]);
  });

  test.each([
    ["mobilenet_v1", 4_253_864, 568_740_352],
    ["mobilenet_v2", 3_538_984, 300_774_272],
    ["vgg16", 138_357_544, 15_470_264_320],
    ["resnet18", 11_699_112, 1_814_073_344],
    ["xception", 22_910_480, 8_357_403_496],
  ])("%s has the parameters and MACs of the literature", async (name, parameters, macs) => {
    const { code, out } = await cleave(
      "explain",
      `examples/${name}.net`,
      "--passes",
      "eliminate-dead-nodes",
      "--json",
    );
    expect(code).toBe(0);
    const { before } = JSON.parse(out);
    expect(before.parameters).toBe(parameters);
    expect(before.macs).toBe(macs);
  });
});

describe("inspect", () => {
  test.each(["text", "json", "dot", "svg"])("as %s", async (format) => {
    const { code, out, err } = await cleave(
      "inspect",
      "examples/fm_mobile.net",
      "--format",
      format,
      "--after",
      "fuse",
    );
    expect(err).toBe("");
    expect(code).toBe(0);
    expect(out).toContain("s1");
  });

  test("--diff shows the change by a pass", async () => {
    const { code, out } = await cleave("inspect", "examples/fm_mobile.net", "--diff", "fold-batch-norm");
    expect(code).toBe(0);
    expect(out).toMatch(/^- .*batch_norm/m);
  });

  test("an unknown pass is an error with a suggestion", async () => {
    const { code, err } = await cleave("inspect", "examples/fm_mobile.net", "--after", "fold-batchnorm");
    expect(code).toBe(2);
    expect(err).toContain("fold-batch-norm");
  });
});

test.each(
  ["seed", "fm_resnet16", "fm_mobile"].flatMap((name) => ["js", "wasm"].map((target) => [name, target])),
)("verify %s for %s", async (name = "", target = "") => {
  const { code, out } = await cleave("verify", `examples/${name}.net`, "--target", target);
  expect(out).toContain("agrees");
  expect(code).toBe(0);
});

describe("check and fmt", () => {
  const examples = readdirSync("examples")
    .filter((file) => file.endsWith(".net"))
    .map((file) => `examples/${file}`);

  test("the examples have no errors", async () => {
    const { code, err } = await cleave("check", ...examples);
    expect(err).toBe("");
    expect(code).toBe(0);
  });

  test("fmt is idempotent", async () => {
    for (const example of examples) {
      const file = join(folder, "fmt.net");
      writeFileSync(file, readFileSync(example, "utf8"));
      expect((await cleave("fmt", file)).code).toBe(0);
      expect((await cleave("fmt", "--check", file)).code).toBe(0);
    }
  });

  test("fmt keeps a link, and the permissions of its target", async () => {
    const file = join(folder, "real.net");
    const link = join(folder, "link.net");
    writeFileSync(file, "net a { input x: f32[1, 4]\noutput x }\n", { mode: 0o600 });
    symlinkSync(file, link);
    expect((await cleave("fmt", link)).code).toBe(0);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(readFileSync(file, "utf8")).toBe("net a {\n  input x: f32[1, 4]\n  output x\n}\n");
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test("all errors of a file at once", async () => {
    const file = join(folder, "errors.net");
    writeFileSync(file, "net a {\n  input x: f32[1, 4]\n  y = reluu(x)\n  z = dense(x)\n  output y, z\n}\n");
    const { code, err } = await cleave("check", file);
    expect(code).toBe(1);
    expect(err).toContain("reluu");
    expect(err).toContain("units");
  });
});

describe("the command line", () => {
  test("--version", async () => {
    const { code, out } = await cleave("--version");
    expect(code).toBe(0);
    expect(out.trim()).toBe(JSON.parse(readFileSync("package.json", "utf8")).version);
  });

  test.each([["--help"], ["compile", "--help"], ["ops"], ["ops", "conv2d"]])("%s %s", async (...argv) => {
    const { code, out } = await cleave(...argv);
    expect(code).toBe(0);
    expect(out.length).toBeGreaterThan(100);
  });

  test("the help of a command begins with its own options; the others have headings", async () => {
    const headings = async (name: string): Promise<string[]> =>
      [...(await cleave(name, "--help")).out.matchAll(/^([A-Z][^:\n]*):$/gm)].map(
        ([, heading = ""]) => heading,
      );
    const shared = ["Model", "Target", "Passes and rules"];
    expect(await headings("compile")).toEqual(["Arguments", "Options", ...shared, "Pictures", "Samples"]);
    expect(await headings("profile")).toEqual(["Arguments", "Options", ...shared]);
    expect(await headings("fmt")).toEqual(["Arguments", "Options"]);
  });

  test.each([
    [[]],
    [["nothing"]],
    [["compile"]],
    [["run", "examples/seed.net", "--split", "m=0"]],
    [["run", "examples/seed.net", "--threads", "0"]],
    [["run", "examples/seed.net", "--threads", "two"]],
    [["run", "examples/seed.net", "--threads", "2", "--target", "js"]],
    [["verify", "examples/seed.net", "--target", "cuda"]],
    [["explain", "examples/seed.net", "--dim", "H"]],
  ])("wrong usage %j is exit code 2", async (argv) => {
    expect((await cleave(...argv)).code).toBe(2);
  });

  test("a missing model", async () => {
    const { code, err } = await cleave("explain", "nothing.net");
    expect(code).toBe(1);
    expect(err).toContain("nothing.net");
  });
});
