// The shipped examples: their size against the literature, their form, their values, and their files.

import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { parse } from "#grammar/reading/parse.js";
import { print } from "#grammar/printing/print.js";
import { inputNodes, nodeOf } from "#ir/graph.js";
import { printType } from "#ir/type.js";
import { interpret } from "#interpret/interpret.js";
import { explain } from "#report/explain.js";
import { openWeightFile } from "#weights/file.js";
import { compile, verifyArtifact } from "../../src/index.js";
import { readModel } from "../../src/node/index.js";
import { cases } from "../cases.js";
import { smallDims } from "./small.js";

const folder = join(import.meta.dirname, "../../examples");
const nets = readdirSync(folder).filter((file) => file.endsWith(".net"));
const trained = ["fm_resnet16", "fm_mobile"];

cases(import.meta.dirname, "counts.txt", (input) => {
  const [name = "", ...dims] = input.trim().split(" ");
  const sizes = dims.map((dim) => [dim.split("=")[0]!, Number(dim.split("=")[1])] as const);
  const model = read(name, new Map(sizes));
  const { parameters, macs, ops } = explain(model);
  const ports = [
    ...inputNodes(model.graph).map((node) => `${node.name} ${printType(node.type)}`),
    ...model.graph.outputs.map(
      (output) => `${output.name} ${printType(nodeOf(model.graph, output.node).type)}`,
    ),
  ];
  return `${ports.join(" → ")}\n${ops} ops, ${parameters} parameters, ${macs} MACs`;
});

test("every example is counted", () => {
  const counted = readFileSync(join(import.meta.dirname, "counts.txt"), "utf8").split("\n");
  for (const file of nets) expect(counted).toContain(file.replace(".net", ""));
});

describe.each(nets)("%s", (file) => {
  const text = readFileSync(join(folder, file), "utf8");

  test("is formatted, and its first line is a description", () => {
    const { value, diagnostics } = parse(text, file);
    expect(diagnostics).toEqual([]);
    expect(print(value!)).toBe(text);
    expect(text).toMatch(/^# \S.{20,}\n/);
  });

  test("has a line in README.md", () => {
    expect(readFileSync(join(folder, "README.md"), "utf8")).toContain(`| \`${file}\` |`);
  });
});

const small = ["efficientnet_b0", "mobilenet_v3_small", "shufflenet_v2", "unet", "convnext_tiny"];

test.each(small)("%s at a small size computes what the interpreter does", async (name) => {
  const model = read(name, smallDims(`${name}.net`));
  const { value, diagnostics } = compile(model, { target: "wasm" });
  expect(diagnostics).toEqual([]);
  const [comparison] = await verifyArtifact(value!, model, { kinds: ["normal"] });
  expect(comparison).toMatchObject({ agrees: true });
});

describe.each(trained)("%s", (name) => {
  test("uses every tensor of its weight file", () => {
    const entries = openWeightFile(join(folder, `${name}.safetensors`)).value!.entries;
    const model = read(name);
    const used = [...model.weights.entries.values()].flatMap(({ source }) =>
      source.kind === "file" ? [source.key] : [],
    );
    expect(used.toSorted()).toEqual([...entries.keys()].toSorted());
    expect(model.seeded).toBe(false);
  });

  test("gives the true class of the ten images", async () => {
    const model = read(name);
    const classes = lines("fashion_mnist.labels.txt");
    const said: string[] = [];
    for (const line of lines("images/labels.txt")) {
      const file = line.slice(0, line.indexOf(" "));
      const pixels = await sharp(join(folder, "images", file))
        .toColourspace("b-w")
        .raw()
        .toBuffer();
      const data = Float64Array.from(pixels, (pixel) => pixel / 255);
      const logits = interpret(model, new Map([["image", { shape: [1, 28, 28, 1], data }]])).get("logits")!;
      const best = logits.data.indexOf(Math.max(...logits.data));
      said.push(`${file} ${classes[best]}`);
    }
    expect(said).toEqual(lines("images/labels.txt"));
  });
});

function read(name: string, dims: ReadonlyMap<string, number> = new Map()) {
  const { value, diagnostics } = readModel(join(folder, `${name}.net`), { dims });
  expect(diagnostics).toEqual([]);
  return value!;
}

function lines(file: string): string[] {
  return readFileSync(join(folder, file), "utf8").trim().split("\n");
}
