// Operators of graph models that can touch axis 0, under an open batch: on three samples the result is that of TensorFlow.js, shape and
// all, or the model is refused with `--dim` as the way out.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { compile } from "#compile/compile.js";
import { load } from "#compile/load.js";
import { importTfjs } from "#import/tfjs/import-tfjs.js";
import { seededRandom } from "#ops/random.js";
import { verify } from "#ops/verify.js";
import { expectClose } from "../close.js";
import { peerTensors } from "./peer.js";
import { graphModel, openShards } from "./text-model.js";

const samples = 3;

/** Constants that models may name. */
const constants: Readonly<Record<string, string>> = {
  c0: "int [] 0",
  c1: "int [] 1",
  c2: "int [] 2",
  i0: "int [1] 0",
  i1: "int [1] 1",
  i2: "int [1] 2",
  m1: "int [1] -1",
  i0_0: "int [2] 0, 0",
  i0_1: "int [2] 0, 1",
  i0_3: "int [2] 0, 3",
  i1_1: "int [2] 1, 1",
  i1_2: "int [2] 1, 2",
  i1_4: "int [2] 1, 4",
  i1_m1: "int [2] 1, -1",
  i2_1: "int [2] 2, 1",
  i2_2: "int [2] 2, 2",
  m1_0: "int [2] -1, 0",
  m1_2: "int [2] -1, 2",
  m1_4: "int [2] -1, 4",
  m1_2_2: "int [3] -1, 2, 2",
  swap: "int [2] 1, 0",
  turn: "int [3] 1, 0, 2",
  pads_batch: "int [2, 2] 1, 0, 0, 0",
  pads_rest: "int [2, 2] 0, 0, 1, 2",
  one: "positive []",
  row: "weight [1, 4]",
  square: "weight [4, 4]",
};

const parts = readFileSync(join(import.meta.dirname, "batch.txt"), "utf8")
  .split(/^# /m)
  .slice(1);
for (const part of parts) {
  const [group = "", input = "", ...lines] = part.trim().split("\n");
  const extents = JSON.parse(input.slice(2)) as number[];
  describe(group, () => {
    test.each(lines.filter((line) => line !== ""))("%s", async (line) => {
      const [, kind, code = ""] = line.match(/^(right|refused) .*?: (\S.*)$/)!;
      const nodes = code.split("; ");
      const body = [...nodes.slice(0, -1), `y = ${nodes.at(-1)}`];
      const used = Object.entries(constants).filter(([own]) =>
        body.some((one) => new RegExp(`[(, ]${own}[,)]`).test(one)),
      );
      const files = graphModel(
        [
          `x = Placeholder ${JSON.stringify(extents)}`,
          ...used.map(([own, value]) => `${own} = ${value}`),
          ...body,
          "output y",
        ].join("\n"),
      );
      const { value, diagnostics } = importTfjs(JSON.stringify(files.json), { openData: openShards(files) });
      if (kind === "refused") {
        expect(value, "it should be refused").toBeUndefined();
        expect(JSON.stringify(diagnostics)).toContain("--dim N=");
        return;
      }
      expect(diagnostics).toEqual([]);
      expect(verify(value!)).toEqual([]);
      const shape = extents.with(0, samples);
      const random = seededRandom(3);
      const x = Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => random.normal());
      const [wanted] = await peerTensors(files, new Map([["x", { data: x, shape }]]));
      const net = await load(compile(value!, { target: "js" }).value!);
      const { y } = net.runSync({ x });
      expect(net.outputs["y"]!.map((extent) => (extent === "N" ? samples : extent))).toEqual(wanted!.shape);
      net.dispose();
      const numbers = wanted!.dataSync();
      expectClose(y, numbers, (one) => 1e-5 * Math.max(1, Math.abs(one)));
    });
  });
}
