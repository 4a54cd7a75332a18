// Every operator that can touch axis 0, under an open batch: on three samples the result is onnxruntime's, shape and all, or the model is
// refused with `--dim` as the way out. Bound to three samples, all models that onnxruntime runs are right.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as ort from "onnxruntime-web";
import { describe, expect, test } from "vitest";
import { compile } from "#compile/compile.js";
import { load } from "#compile/load.js";
import { importOnnx } from "#import/onnx/import-onnx.js";
import { seededRandom } from "#ops/random.js";
import { verify } from "#ops/verify.js";
import { expectClose } from "../close.js";
import { modelOf } from "./text-model.js";

ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";

const samples = 3;

/** Constants that models may name. */
const constants: Readonly<Record<string, string>> = {
  c0: "int64[] = 0",
  c1: "int64[] = 1",
  c2: "int64[] = 2",
  c4: "int64[] = 4",
  cm2: "int64[] = -2",
  i0: "int64[1] = 0",
  i1: "int64[1] = 1",
  i2: "int64[1] = 2",
  i3: "int64[1] = 3",
  i4: "int64[1] = 4",
  m1: "int64[1] = -1",
  big: "int64[1] = 9223372036854775807",
  small: "int64[1] = -9223372036854775807",
  m1_m1: "int64[2] = -1, -1",
  i1_1: "int64[2] = 1, 1",
  m1_4: "int64[2] = -1, 4",
  m1_2: "int64[2] = -1, 2",
  m1_1: "int64[2] = -1, 1",
  i0_4: "int64[2] = 0, 4",
  i0_m1: "int64[2] = 0, -1",
  i1_m1: "int64[2] = 1, -1",
  i1_4: "int64[2] = 1, 4",
  i4_m1: "int64[2] = 4, -1",
  thirds: "int64[3] = 1, 1, 1",
  halves: "int64[2] = 2, 2",
  nd: "int64[1, 1] = 0",
  elements: "int64[3, 2] = 0, 1, 2, 3, 0, 1",
  four: "float[1, 4]",
  whole: "float[3, 4]",
  row: "float[1, 4]",
  rows: "float[3, 4]",
  square: "float[4, 4]",
  half_more: "float[] = 1.5",
  four_f: "float[] = 4",
  one_f: "float[] = 1",
  two_f: "float[] = 2",
  off_on: "float[2] = 0, 1",
  pads_batch: "int64[4] = 1, 0, 0, 0",
  pads_rest: "int64[4] = 0, 1, 0, 2",
  pads_cut: "int64[4] = -1, 0, 0, 0",
  fixed: "int64[4] = 3, 2, 8, 8",
  two_scales: "float[4] = 1, 1, 2, 2",
  batch_scales: "float[4] = 2, 1, 1, 1",
  more_scales: "float[4] = 1.5, 1, 1, 1",
  twos: "float[2] = 2, 2",
  one_v: "float[1] = 1",
  zero_v: "float[1] = 0",
  lw: "float[1, 8, 2]",
  lr: "float[1, 8, 2]",
};

interface Case {
  readonly group: string;
  readonly name: string;
  readonly isRight: boolean;
  /** With the given extent of axis 0. */
  readonly text: (batch: string) => string;
  readonly shape: readonly number[];
}

function casesOf(path: string): Case[] {
  return readFileSync(path, "utf8")
    .split(/^# /m)
    .slice(1)
    .flatMap((part) => {
      const [group = "", ...lines] = part.trim().split("\n");
      const opset = lines.find((line) => line.startsWith("opset "))?.slice(6) ?? "17";
      const type = lines.find((line) => line.startsWith("x "))!.slice(2);
      return lines
        .filter((line) => /^(right|refused) /.test(line))
        .map((line): Case => {
          const [, kind, name = "", code = ""] = line.match(/^(right|refused) (.*?): (\S.*)$/)!;
          const nodes = code.split("; ").map((one) => one.trim());
          const body = [...nodes.slice(0, -1), `y = ${nodes.at(-1)}`];
          const used = Object.entries(constants).filter(([own]) =>
            body.some((one) => new RegExp(`[(, ]${own}[,)]`).test(one)),
          );
          const extents = type
            .match(/\[(.*)\]/)![1]!
            .split(", ")
            .slice(1);
          return {
            group,
            name,
            isRight: kind === "right",
            shape: [samples, ...extents.map(Number)],
            text: (batch) =>
              [
                `opset ${opset}`,
                `input x ${type.replace("N", batch)}`,
                ...used.map(([own, value]) => `weight ${own} ${value}`),
                ...body,
                "output y",
              ].join("\n"),
          };
        });
    });
}

const all = casesOf(join(import.meta.dirname, "batch.txt"));
const peer = new Map<Case, ort.Tensor | undefined>();

/** onnxruntime's results for three samples; undefined if it does not run the model. */
async function peerOf(one: Case, x: Float32Array): Promise<ort.Tensor | undefined> {
  if (peer.has(one)) return peer.get(one);
  let result: ort.Tensor | undefined;
  try {
    const session = await ort.InferenceSession.create(modelOf(one.text("N")), { logSeverityLevel: 4 });
    result = (await session.run({ x: new ort.Tensor("float32", x, one.shape) }))["y"];
  } catch {
    result = undefined;
  }
  peer.set(one, result);
  return result;
}

/** The module's results, with the shape that it states. */
async function ownOf(one: Case, batch: string, x: Float32Array): Promise<[number[], Float32Array] | string> {
  const { value, diagnostics } = importOnnx(modelOf(one.text(batch)), { file: "net.onnx" });
  if (!value) return diagnostics.map(({ message, help = [] }) => [message, ...help].join("\n")).join("\n");
  expect(verify(value)).toEqual([]);
  const net = await load(compile(value, { target: "js" }).value!);
  const { y } = net.runSync({ x });
  const shape = net.outputs["y"]!.map((extent) => (extent === "N" ? samples : Number(extent)));
  net.dispose();
  return [shape, y!];
}

function near(actual: Float32Array, wanted: ort.Tensor): void {
  const numbers = Float32Array.from(wanted.data as ArrayLike<number>, Number);
  expectClose(actual, numbers, (one) => 1e-5 * Math.max(1, Math.abs(one)));
}

for (const group of new Set(all.map((one) => one.group)))
  describe(group, () => {
    const own = all.filter((one) => one.group === group);
    test.each(own.map((one) => [one.name, one] as const))("%s", async (_, one) => {
      const random = seededRandom(3);
      const x = Float32Array.from({ length: one.shape.reduce((a, b) => a * b) }, () => random.normal());
      const [wanted, actual] = [await peerOf(one, x), await ownOf(one, "N", x)];
      if (!one.isRight) {
        expect(actual, `it should be refused`).toBeTypeOf("string");
        expect(actual).toContain("--dim N=");
      } else if (typeof actual === "string") expect.fail(actual);
      else {
        expect(actual[0]).toEqual(wanted!.dims);
        near(actual[1], wanted!);
      }
    });

    test.each(own.map((one) => [one.name, one] as const))("%s, three samples", async (_, one) => {
      const random = seededRandom(3);
      const x = Float32Array.from({ length: one.shape.reduce((a, b) => a * b) }, () => random.normal());
      const [wanted, actual] = [await peerOf(one, x), await ownOf(one, `${samples}`, x)];
      if (typeof actual === "string" || !wanted) return;
      expect(actual[0]).toEqual(wanted.dims);
      near(actual[1], wanted);
    });
  });
