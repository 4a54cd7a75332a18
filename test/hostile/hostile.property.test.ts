// Text of a model never acts: fifty texts as all names of a model, through every command, format and target.

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { create, toBinary } from "@bufbuild/protobuf";
import { init, parse as parseModule } from "es-module-lexer";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { elaborate } from "#elaborate/elaborate.js";
import { parse } from "#grammar/reading/parse.js";
import { quote } from "#grammar/quote.js";
import { sameGraph } from "#ir/compare.js";
import {
  AttributeProto_AttributeType,
  ModelProtoSchema,
  OperatorSetIdProtoSchema,
  StringStringEntryProtoSchema,
} from "#onnx/proto/onnx_pb.js";
import type { FittedReport } from "#report/fitted.js";
import { fittedText } from "#report/fitted.js";
import { fittedPage, fittedPicture } from "#report/fitted-page.js";
import type { Net } from "#runtime/types.js";
import { readModel } from "../../src/node/index.js";
import { cleave } from "../cli/terminal.js";
import { nullDevice } from "../backend/wgsl/device.js";
import { payloads } from "./payloads.js";

const folder = mkdtempSync(join(tmpdir(), "cleave-hostile-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeAll(() => init);
const device = await nullDevice();

/**
 * The first character that a terminal obeys, but for line ends and tabs, or that reorders text or ends lines. Found by its number, so
 * that the test does not share a mistake.
 */
function obeyedIn(text: string): string | undefined {
  return Array.from(text).find((one) => {
    const code = one.codePointAt(0) ?? 0;
    const isControl = code < 0x20 || (code >= 0x7f && code <= 0x9f);
    const isOrder =
      code === 0x61c || code === 0x200e || code === 0x200f || (code >= 0x2028 && code <= 0x202e);
    return (isControl && one !== "\n" && one !== "\t") || isOrder || (code >= 0x2066 && code <= 0x2069);
  });
}

const name = (text: string): string => quote(text, "`");

/** A net in which a text stands wherever a text of the author's can. */
function netOf(text: string): string {
  const [input, value, next, output] = ["", " v", " w", " out"].map((end) => name(text + end));
  return `block ${name(`${text} b`)}(${name(`${text} p`)}) { return relu(${name(`${text} p`)}) }
const ${name(`${text} k`)} = 4
net ${name(text)} {
  input ${input}: f32[${name(`${text} N`)}, 5, 5, 4]
  param ${name(`${text} s`)}: f32[4] = [1, 2, 3, 4]
  ${value} = conv2d(${input}, filters=${name(`${text} k`)}, kernel=3x3, name=${quote(text, '"')}) * ${name(`${text} s`)}
  ${next} = ${name(`${text} b`)}(${value}) # ${text.replaceAll(/[\r\n]/g, " ")}
  kernel ${name(`${text} kernel`)} elementwise(fusion=${name(`${text} rule`)}) {
    ${name(`${text} x`)} = relu(${next})
    ${name(`${text} y`)} = abs(${name(`${text} x`)})
  }
  output ${output} = ${name(`${text} y`)}
}
`;
}

/** Files that are wrong in many places, each with the text in it. */
function mistakesOf(text: string): string {
  return `net ${name(text)} {
  input ${name(text)}: ${name(text)}[${name(text)}, 4]
  x = ${name(text)}(${name(`${text}?`)})
  y = dense(${name(text)}, units=${quote(text, '"')}, ${name(text)}=3)
  y = relu(x, y, ${name(text)})
  ${name(text)} = "${text.replaceAll(/[\r\n"\\]/g, " ")}" + 1
  output ${name(text)}
}
rule ${name(text)}: ${name(text)}(x, ..a) => x
fuse ${name(text)}: ${name(text)} -> relu when ${name(text)}
`;
}

function plainText(text: string, where: string): void {
  expect(obeyedIn(text), where).toBeUndefined();
}

/** Runs a command, whose texts must be plain; gives its code and results. */
async function command(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const done = await cleave(...argv);
  const where = argv.filter((one) => !one.includes(folder)).join(" ");
  plainText(done.out, `stdout of ${where}`);
  plainText(done.err, `stderr of ${where}`);
  expect([0, 1, 2], `${where}: ${done.err}`).toContain(done.code);
  // A line that looks like a diagnostic is one; what stands on the command line is not the model's.
  if (!argv.some((one) => one.includes("[fake]")))
    for (const line of `${done.out}\n${done.err}`.split("\n")) expect(line).not.toMatch(/^error\[fake\]/);
  return done;
}

async function jsonOf(...argv: string[]): Promise<unknown> {
  const { out, err } = await command(...argv);
  expect(err).not.toContain("bug");
  return JSON.parse(out);
}

const graphOf = (text: string, store?: Parameters<typeof elaborate>[1]) => {
  const { value, diagnostics } = parse(text, "dump.net");
  expect(diagnostics).toEqual([]);
  const made = elaborate(value!, store);
  expect(made.diagnostics).toEqual([]);
  return made.value!;
};

describe.each(payloads.map((text, at) => [JSON.stringify(text), text, at] as const))(
  "%s",
  (_shown, text, at) => {
    const path = join(folder, `m${at}.net`);
    const out = join(folder, `out${at}`);
    mkdirSync(out, { recursive: true });
    writeFileSync(path, netOf(text));

    test("as the names of a net: reports, tables and JSON", { timeout: 60_000 }, async () => {
      for (const argv of [
        ["check", path],
        ["fmt", path, "--stdout"],
        ["explain", path],
        ["explain", path, "--schedule"],
        ["explain", path, "--split", "structural"],
        ["run", path],
        ["inspect", path, "--diff", "all"],
        ["inspect", path, "--format", "kernels"],
        ["inspect", path, "--format", "dot"],
        ["inspect", path, "--print-after", "all"],
        ["compile", path, "-o", out, "--dim", `${text} N=3`],
        ["compile", path, "-o", out, "--net", `${text}!`],
        ["run", path, `${text}=none.npy`],
      ])
        await command(...argv);
      const verified = await command("verify", path);
      expect(verified.out).toContain(" out: largest difference ");
      expect(await jsonOf("check", path, "--json")).toMatchObject([{ ok: true }]);
      expect(await jsonOf("explain", path, "--json")).toMatchObject({
        name: text,
      });
      expect(await jsonOf("verify", path, "--json")).toMatchObject([{ output: `${text} out` }]);
      expect(await jsonOf("inspect", path, "--json")).toMatchObject({ name: text, batch: `${text} N` });
      expect(await jsonOf("run", path, "--json")).toHaveLength(1);
      await jsonOf("inspect", path, "--diff", "all", "--json");
    });

    test("a dump is read as the same graph", async () => {
      const model = readModel(path).value!;
      const dump = (await command("inspect", path)).out;
      expect(sameGraph(model, graphOf(dump, { store: model.weights }))).toBeUndefined();
      const formatted = (await command("fmt", path, "--stdout")).out;
      expect(sameGraph(model, graphOf(formatted))).toBeUndefined();
    });

    test.each(["js", "wasm", "wgsl"])(
      "a module for %s exports one function, and knows its tensors",
      async (target) => {
        const done = await command("compile", path, "-o", out, "--target", target, "--json");
        expect(done.code).toBe(0);
        const { files } = JSON.parse(done.out) as { files: string[] };
        const file = files.find((one) => one.endsWith(".mjs"))!;
        const module = readFileSync(file, "utf8");
        expect(obeyedIn(module)).toBeUndefined();
        expect(module).not.toMatch(/\t|<\/script|<!--/i);
        const [imports, exports] = parseModule(module);
        expect(imports.filter(({ type }) => type !== "import-meta")).toEqual([]);
        expect(exports.map((one) => ("name" in one ? one.name : one))).toEqual(["load"]);
        expect(module).not.toMatch(/\/[/*][#@] source/);
        const types = readFileSync(file.replace(/\.mjs$/, ".d.ts"), "utf8");
        plainText(types, "types");
        writeFileSync(join(out, `${target}.d.ts`), types);
        if (target === "wgsl") {
          for (const shader of shadersOf(module)) device.createShaderModule({ code: shader });
          return;
        }
        // The same file is written for every target: without the query it would be the one that is loaded already.
        const { load } = (await import(`${pathToFileURL(file).href}?${target}`)) as { load(): Promise<Net> };
        const net = await load();
        expect(Object.keys(net.inputs)).toEqual([text]);
        const results = await net.run(Object.fromEntries([[text, new Float32Array(100)]]));
        expect(Object.keys(results)).toEqual([`${text} out`]);
        expect(net.name).toBe(text);
        net.dispose();
        expect(globalThis).not.toHaveProperty("pwned");
      },
    );

    test("what is wrong is said in lines that are its own", async () => {
      const wrong = join(folder, `wrong${at}.net`);
      writeFileSync(wrong, mistakesOf(text));
      expect((await command("check", wrong)).code).toBe(1);
      const told = await cleave("check", wrong, "--json");
      plainText(told.out, "JSON");
      expect(JSON.parse(told.out)).toMatchObject([{ ok: false }]);
      const rules = join(folder, `rules${at}.net`);
      writeFileSync(
        rules,
        `rule ${name(text)}: relu(relu(${name(`${text} x`)})) => relu(${name(`${text} x`)})\n`,
      );
      await command("check", rules);
      await command("compile", path, "-o", out, "--rules", rules);
      if (!text.includes("\0")) await command("check", join(folder, `none ${text.replaceAll("/", "")}.net`));
    });

    test("as the names of an ONNX model", { timeout: 60_000 }, async () => {
      const onnx = join(folder, `m${at}.onnx`);
      expect((await command("export", path, "-o", onnx)).code).toBe(0);
      expect((await command("verify", onnx)).out).toContain(" out: largest difference ");
      expect((await command("explain", onnx)).code).toBe(0);
      const imported = join(folder, `i${at}.net`);
      expect((await command("import", onnx, "-o", imported)).code).toBe(0);
      expect((await command("verify", imported)).out).toContain(" out: largest difference ");
      writeFileSync(onnx, refusedModel(text));
      expect((await command("check", onnx)).code).toBe(1);
      await command("import", onnx, "-o", imported, "--outputs", `${text},${text}!`);
    });

    test("as the names of TensorFlow.js models", async () => {
      for (const [kind, model] of Object.entries(tfjsModels(text))) {
        const json = join(folder, `m${at}.json`);
        writeFileSync(json, JSON.stringify(model));
        const done = await command("check", json);
        if (kind === "refused") expect(done.code).toBe(1);
        await command("explain", json);
        await command("check", json, "--outputs", text);
      }
    });
  },
);

// What every object of JavaScript has, and what formats keep for themselves.
test.each([
  "toString",
  "valueOf",
  "hasOwnProperty",
  "isPrototypeOf",
  "__defineGetter__",
  "prototype",
  "then",
  "toJSON",
  "length",
  "name",
  "packed",
  "__metadata__",
])("%s is a name like any other", async (text) => {
  const path = join(folder, `named ${text}.net`);
  writeFileSync(path, netOf(text));
  expect((await command("verify", path)).out).toContain(" out: largest difference ");
  expect(await jsonOf("run", path, "--json")).toMatchObject([
    { outputs: { [`${text} out`]: expect.anything() } },
  ]);
  expect(await jsonOf("inspect", path, "--json")).toMatchObject({ name: text });
  writeFileSync(path, mistakesOf(text));
  expect((await command("check", path)).code).toBe(1);
  const json = join(folder, `named ${text}.json`);
  for (const model of Object.values(tfjsModels(text))) {
    writeFileSync(json, JSON.stringify(model));
    expect((await command("check", json)).err).not.toMatch(/\[object|native code/);
  }
});

test("declarations are TypeScript, and declare these names", { timeout: 120_000 }, () => {
  const lines = payloads.flatMap((text, at) =>
    ["js", "wasm", "wgsl"].flatMap((target) => {
      const own = `m${at}${target}`;
      const is = (type: string, wanted: string): string =>
        `true satisfies ([${type}] extends [${wanted}] ? [${wanted}] extends [${type}] ? true : false : false);`;
      return [
        `import * as ${own} from "./out${at}/${target}.js";`,
        is(`keyof typeof ${own}`, '"load"'),
        is(`keyof ${own}.Inputs`, JSON.stringify(text)),
        is(`keyof ${own}.Outputs`, JSON.stringify(`${text} out`)),
      ];
    }),
  );
  writeFileSync(join(folder, "all.ts"), lines.join("\n"));
  const config = {
    compilerOptions: { strict: true, noEmit: true, module: "nodenext", types: [] },
    files: ["all.ts"],
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  const done = spawnSync(join(import.meta.dirname, "../../node_modules/.bin/tsc"), ["-p", folder], {
    encoding: "utf8",
  });
  expect(done.stdout).toBe("");
  expect(done.status).toBe(0);
});

test("a picture is XML that holds texts alone", { timeout: 120_000 }, async () => {
  const path = join(folder, "all.net");
  const inputs = payloads.map((text, at) => `  ${name(text)} = relu(x${at === 0 ? "" : ` + ${at}`})`);
  writeFileSync(
    path,
    `net ${name(payloads.join(" "))} {\n  input x: f32[1, 4]\n${inputs.join("\n")}\n${payloads.map((text) => `  output ${name(text)}`).join("\n")}\n}\n`,
  );
  const { code, out } = await command("inspect", path, "--format", "svg");
  expect(code).toBe(0);
  const tags = [...out.replaceAll(/<!--[^]*?-->|<[?!][^>]*>/g, "").matchAll(/<\/?([^\s>]+)([^>]*)>/g)];
  expect(tags.length).toBeGreaterThan(payloads.length);
  const kinds = new Set(tags.map(([, kind]) => kind));
  expect([...kinds].toSorted()).toEqual(
    ["g", "path", "rect", "svg", "text", "title"].filter((kind) => kinds.has(kind)),
  );
  const attributes = new Set(tags.flatMap(([, , rest = ""]) => rest.match(/[\w:-]+(?==")/g) ?? []));
  expect([...attributes].filter((one) => /^on|href|^style$/i.test(one))).toEqual([]);
  // librsvg refuses what is not well-formed.
  expect((await sharp(Buffer.from(out)).png().toBuffer()).length).toBeGreaterThan(0);
  for (const text of ["<script>alert(1)</script>", "&lt;&#27;&amp;&quot;", "*/globalThis.pwned=1;/*"])
    expect(out.replaceAll("&#45;", "-").replaceAll("&#39;", "'")).toContain(
      text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;"),
    );
});

test("the page and the picture of a split net are markup of ours alone", () => {
  const page = (text: string): string => {
    const cost = { parameters: 1, macs: 2, bytes: 3, seconds: 4 };
    const outputs = [{ name: text, samples: 1, loss: 0.1, meanDifference: 0, largestDifference: 0 }];
    const report: FittedReport = {
      name: text,
      target: "wasm",
      limit: "macs=0.5",
      samples: 1,
      seed: 0,
      before: cost,
      after: cost,
      layers: [{ name: text, shape: [3, 3, 1, 1], groups: 1, before: cost, after: cost, reason: text }],
      left: [{ name: text, reason: text }],
      net: { before: cost, after: cost },
      outputs,
      predicted: [],
      sweep: [{ options: text, macs: 1, time: 1, outputs, chosen: true }],
    };
    expect(obeyedIn(fittedText(report))).toBeUndefined();
    return fittedPage(report) + fittedPicture(report);
  };
  const tags = (text: string): string[] => text.match(/<[^>]*>/g) ?? [];
  const plain = tags(page("plain"));
  for (const text of payloads) {
    const made = page(text);
    expect(obeyedIn(made)).toBeUndefined();
    expect(tags(made).length, text).toBe(plain.length);
    expect(tags(made).filter((tag, at) => tag.split(" ")[0] !== plain[at]?.split(" ")[0])).toEqual([]);
  }
});

test("there are fifty, and each would act somewhere", () => {
  expect(new Set(payloads).size).toBe(50);
  for (const text of payloads)
    expect(obeyedIn(text) !== undefined || /[^\w ]|^__proto__$|^constructor$/.test(text)).toBe(true);
});

/** The WGSL texts in an emitted module, as JavaScript reads them. */
function shadersOf(module: string): string[] {
  const table = /const shaders = (\[[^]*?\n\]);\n/.exec(module)?.[1] ?? "[]";
  const rows = new Function(`return ${table}`)() as [string, string, string, boolean?][];
  expect(rows.length).toBeGreaterThan(0);
  return rows.map(
    ([, text, , subgroup]) =>
      `${subgroup ? "enable subgroups;\n" : ""}alias E4 = vec4f;\nfn E4_of(value: vec4f) -> E4 {\n  return value;\n}\n${text}`,
  );
}

/** An ONNX model that cannot be imported, with the text wherever a text can stand. */
function refusedModel(text: string): Uint8Array {
  const type = {
    value: {
      case: "tensorType" as const,
      value: {
        elemType: 1,
        shape: {
          dim: [
            { value: { case: "dimParam" as const, value: text } },
            { value: { case: "dimParam" as const, value: `${text}2` } },
          ],
        },
      },
    },
  };
  const attribute = {
    name: text,
    type: AttributeProto_AttributeType.STRING,
    s: new TextEncoder().encode(text),
  };
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: 8n,
      producerName: text,
      producerVersion: text,
      domain: text,
      docString: text,
      opsetImport: [
        create(OperatorSetIdProtoSchema, { domain: "", version: 17n }),
        create(OperatorSetIdProtoSchema, { domain: text, version: 1n }),
      ],
      metadataProps: [create(StringStringEntryProtoSchema, { key: text, value: text })],
      graph: {
        name: text,
        docString: text,
        node: [
          {
            name: text,
            opType: text,
            domain: text,
            docString: text,
            input: [text, `${text} w`],
            output: [`${text} a`],
            attribute: [attribute],
          },
          { name: text, opType: text, input: [`${text} a`], output: [`${text} b`] },
          {
            name: `${text} pad`,
            opType: "Conv",
            input: [text, `${text} w`],
            output: [`${text} c`],
            attribute: [{ ...attribute, name: "auto_pad" }],
          },
          {
            name: `${text} sum`,
            opType: "Sum",
            input: [`${text} b`, `${text} c`, `${text} gone`],
            output: [`${text} out`],
          },
        ],
        input: [{ name: text, type, docString: text }],
        output: [{ name: `${text} out`, type }],
        initializer: [
          {
            name: `${text} w`,
            dims: [1n],
            dataType: 1,
            dataLocation: 1,
            externalData: [
              { key: "location", value: text },
              { key: text, value: text },
            ],
          },
        ],
      },
    }),
  );
}

/** A graph model that can be imported, one with a node of no known operator, and layers, with the text as their names. */
function tfjsModels(text: string): Record<string, object> {
  const shape = { shape: { dim: [{ size: "-1" }, { size: "4" }] } };
  const placeholder = { name: text, op: "Placeholder", attr: { dtype: { type: "DT_FLOAT" }, shape } };
  const graph = (node: object, more: object = {}): object => ({
    format: "graph-model",
    generatedBy: text,
    signature: { outputs: { [text]: { name: `${text}r`, dtype: "DT_FLOAT" } } },
    modelTopology: {
      node: [placeholder, { name: `${text}r`, op: "Relu", input: [text], attr: {}, ...node }],
    },
    weightsManifest: [],
    ...more,
  });
  const input = {
    class_name: "InputLayer",
    name: text,
    config: { name: text, batch_input_shape: [null, 4] },
    inbound_nodes: [],
  };
  const layers = (kind: string, config: object): object => ({
    format: "layers-model",
    modelTopology: {
      keras_version: text,
      backend: text,
      model_config: {
        class_name: "Model",
        config: {
          name: text,
          layers: [
            input,
            {
              class_name: kind,
              name: `${text} d`,
              config: { name: `${text} d`, ...config },
              inbound_nodes: [[[text, 0, 0, {}]]],
            },
          ],
          input_layers: [[text, 0, 0]],
          output_layers: [[`${text} d`, 0, 0]],
        },
      },
    },
    weightsManifest: [{ paths: [text], weights: [{ name: text, shape: [4, 4], dtype: "float32" }] }],
  });
  return {
    graph: graph({}),
    refused: graph({ op: text, attr: { [text]: { s: text } } }),
    cast: graph({ op: "Cast", attr: { DstT: { type: text } } }),
    weights: graph(
      {},
      { weightsManifest: [{ paths: [text], weights: [{ name: text, shape: [1], dtype: text }] }] },
    ),
    layer: layers("ReLU", {}),
    kind: layers(text, {}),
    activation: layers("Dense", { units: 4, activation: text }),
    field: layers("Dense", { units: text, data_format: text, [text]: text }),
  };
}
