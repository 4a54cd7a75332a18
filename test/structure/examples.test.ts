// What the pages on the language show is true: every example of them parses, elaborates, and is a right rule.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { passes } from "#passes/index.js";
import { checkRules } from "#compile/check-rules.js";
import { targetOf } from "#compile/targets.js";
import { elaborate } from "#elaborate/elaborate.js";
import { parse } from "#grammar/reading/parse.js";
import { elements, printType } from "#ir/type.js";
import { opOf, ops } from "#ops/index.js";
import { seededRandom } from "#ops/random.js";
import { compileRules } from "#rewrite/rule/compile/compile-rule.js";
import { ruleFunctions } from "#rewrite/rule/compile/functions.js";
import { compileFusions } from "#rewrite/fusion/fusion.js";
import { openWeightBytes } from "#weights/safetensors.js";
import { writeSafetensors } from "#weights/write-safetensors.js";
import type { OpName } from "#ir/graph.js";

const netBlocks = (page: string): string[] =>
  [...readFileSync(page, "utf8").matchAll(/```net\n([\s\S]*?)```/g)].map(([, text]) => text ?? "");

describe("docs/ops.md: every form of every op elaborates", () => {
  const page = readFileSync("docs/ops.md", "utf8");
  const forms = [...page.matchAll(/^### (\w+)\n\n```net\n([\s\S]*?)```/gm)].flatMap(([, name, text]) =>
    (text ?? "")
      .trim()
      .split("\n")
      .map((form) => [form, name as OpName] as const),
  );

  test("all ops are there", () => {
    expect([...new Set(forms.map(([, name]) => name))].sort()).toEqual(Object.keys(ops).sort());
  });

  test.each(forms)("%s", (form, name) => {
    if (name === "input" || name === "constant") {
      const { diagnostics } = parse(`net n {\n  ${form}\n  output y = 1\n}\n`, "ops.net");
      return expect(diagnostics).toEqual([]);
    }
    // What is written `…` is up to the user: here, what the op draws for its own tests. Some draws need other defaults.
    const said = Array.from({ length: 60 }, (_, seed) => errorsOf(form, name, seed));
    expect(said).toContainEqual([]);
  });
});

/** What is said of a form with operands and attributes that the op draws. */
function errorsOf(form: string, name: OpName, seed: number): string[] {
  const op = opOf(name);
  const { inputs, attributes } = op.sample(seededRandom(seed));
  const names = op.operands.flatMap((operand) =>
    operand.variadic ? inputs.map((_, at) => `${operand.name}${at}`) : [operand.name],
  );
  const layer: Record<string, string> = { filters: "4", units: "4", kernel: "2x2" };
  const call = form
    .replace(/\w+…/, (variadic) => names.filter((one) => one.startsWith(variadic.slice(0, -1))).join(", "))
    .replaceAll(/(\w+)=…/g, (_, key: string) => {
      const value = attributes[key];
      const printed = value === undefined ? layer[key] : op.attributes[key]?.print(value);
      return `${key}=${printed}`;
    });
  const used = names.filter((one) => new RegExp(`[(,] ?${one}[,)]`).test(call));
  const declared = used.map((one) => `  input ${one}: ${printType(inputs[names.indexOf(one)]!)}\n`);
  const parsed = parse(`net n {\n${declared.join("")}  output result = ${call}\n}\n`, "ops.net");
  const made = parsed.value && elaborate(parsed.value);
  return [...parsed.diagnostics, ...(made?.diagnostics ?? [])].map(({ message }) => message);
}

describe("docs/language.md: every example is right", () => {
  const layers = [3, 8, 8, 8].flatMap((inputs, index) => [
    [`layers.${index}.weight`, [8, inputs, 3, 3]] as const,
    [`layers.${index}.bias`, [8]] as const,
  ]);
  const pieces = writeSafetensors(
    [["features.0.weight", [4, 3, 3, 3]] as const, ...layers].map(([name, shape]) => ({
      name,
      shape: [...shape],
      values: () => new Float32Array(elements(shape)),
    })),
  );
  const bytes = new Uint8Array(Buffer.concat([...pieces]));
  const weights = { open: () => openWeightBytes(bytes, "model.safetensors") };

  const blocks = netBlocks("docs/language.md").map(
    (text) => [/^\w+ \w+/m.exec(text)?.[0] ?? text, text] as const,
  );

  test.each(blocks)("%s", (_, text) => {
    const { value, diagnostics } = parse(text, "language.net");
    expect(diagnostics).toEqual([]);
    const { items } = value!;
    for (const item of items) {
      if (item.kind !== "net") continue;
      const made = elaborate(value!, { net: item.name.text, weights });
      // The weight file serves all examples, so each reads only a part of it.
      expect(made.diagnostics.filter(({ code }) => code !== "unread-weights")).toEqual([]);
    }
    expect(compileFusions(items).diagnostics).toEqual([]);
    const rules = compileRules(items);
    expect(rules.diagnostics).toEqual([]);
    const said = checkRules(rules.value!, passes, targetOf().target);
    expect(said.filter(({ severity }) => severity !== "note")).toEqual([]);
    expect(items.length).toBeGreaterThan(0);
  });

  test("the paths of parameters are those that its comments say", () => {
    const text = netBlocks("docs/language.md").find((block) => block.includes("net paths"))!;
    const { graph } = elaborate(parse(text, "language.net").value!).value!;
    const paths = [...graph.nodes.values()].filter(({ op }) => op === "constant").map(({ name }) => name);
    const told = [...text.matchAll(/# (\S+\.kernel)$/gm)].map(([, path]) => path);
    expect(told.length).toBe(4);
    for (const path of told) expect(paths).toContain(path);
  });

  test("its error is what is said", () => {
    const page = readFileSync("docs/language.md", "utf8");
    expect(page).toContain("error[unclosed]: expected `)` to close the arguments of `conv2d`");
    const { diagnostics } = parse(
      "net n {\n  input image: f32[1, 8, 8, 3]\n  x = conv2d(image, filters=3\n}\n",
      "model.net",
    );
    expect(diagnostics[0]).toMatchObject({
      code: "unclosed",
      message: "expected `)` to close the arguments of `conv2d`",
    });
  });
});

describe("docs/rules.md: every function may stand in a rule", () => {
  const example = {
    tensor: "x",
    tensors: "xs",
    list: "[0, 1]",
    number: "1",
    boolean: "true",
    text: "same",
    any: "1",
  };

  test.each(Object.entries(ruleFunctions))("%s", (name, { parameters, result }) => {
    expect(readFileSync("docs/rules.md", "utf8")).toContain(`\`${name}(`);
    const call = `${name}(${parameters.map((one) => example[one]).join(", ")})`;
    const rule =
      result === "boolean"
        ? `rule r: relu(x) => abs(x) when ${call}`
        : `rule r: concat(relu(x), xs.., axis=0) => abs(x) where k = ${call} when k == ${call}`;
    expect(compileRules(parse(rule, "rules.net").value!.items).diagnostics).toEqual([]);
  });
});
