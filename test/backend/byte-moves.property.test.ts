// Ops that move bytes, 16 at a time where a vector has as many: the bits of the interpreter on js and wasm, and under the checker.

import { expect, test } from "vitest";
import { wasmTarget } from "#backend/wasm/target.js";
import { compile } from "#compile/compile.js";
import { load } from "#compile/load.js";
import { lowerModule } from "#compile/lower-module.js";
import { optimize } from "#compile/optimize.js";
import { interpret } from "#interpret/interpret.js";
import { inputNodes } from "#ir/graph.js";
import { elements } from "#ir/type.js";
import { checkProgram } from "#kernel/check/check.js";
import { drawIntegers } from "#ops/distributions.js";
import { seededRandom } from "#ops/random.js";
import { moduleOf } from "../schedule/module-of.js";

/** Calls on x `[2, 5, 6, CHANNELS]`. */
const calls: Readonly<Record<string, string>> = {
  max_pool: "max_pool(x, kernel=3, stride=1, padding=same)",
  "max_pool, no border": "max_pool(x, kernel=2, stride=2)",
  "max_pool, dilated": "max_pool(x, kernel=2, stride=1, dilation=2, padding=[1, 0, 0, 1])",
  "concat, last": "concat(x, max_pool(x, kernel=1), x, axis=3)",
  "concat, before": "concat(x, x, axis=1)",
  pad: "pad(x, before=[0, 1, 2, 0], after=[0, 0, 1, 0], value=7)",
  "pad, last": "pad(x, before=[0, 0, 0, 3], after=[0, 0, 0, 17], value=7)",
  "pad, edge": "pad(x, before=[0, 1, 0, 0], after=[0, 2, 1, 0], mode=edge)",
  slice: "slice(x, begin=[0, 1, 1, 0], size=[2, 3, 5, CHANNELS])",
  "slice, last": "slice(x, begin=[0, 0, 0, 1], size=[2, 5, 6, LESS])",
  "slice, every second": "slice(x, begin=[0, 0, 0, 0], size=[2, 5, 6, HALF], stride=[1, 1, 1, 2])",
  transpose: "transpose(x, perm=[0, 2, 1, 3])",
  "transpose, last": "transpose(x, perm=[0, 3, 1, 2])",
  reshape: "reshape(x, shape=[2, 30, CHANNELS])",
  gather: "gather(x, [3, 0, 4, 4], axis=1)",
};

test.each(Object.entries(calls))("%s", async (_name, call) => {
  let registers = 0;
  for (const type of ["i8", "u8"] as const)
    for (const channels of [2, 5, 17, 37, 64]) {
      const text = `net n {
        input x: ${type}[2, 5, 6, ${channels}]
        output y = ${call
          .replace("CHANNELS", `${channels}`)
          .replace("LESS", `${channels - 1}`)
          .replace("HALF", `${Math.floor(channels / 2)}`)}
      }`;
      const module = moduleOf(text);
      const { shape } = inputNodes(module.graph)[0]!.type;
      const data = drawIntegers(seededRandom(channels), type, elements(shape));
      const expected = Float32Array.from(
        interpret(module, new Map([["x", { shape, data: Float64Array.from(data) }]])).get("y")!.data,
      );
      for (const target of ["js", "wasm"] as const) {
        const net = await load(compile(module, { target }).value!, { poison: true });
        expect((await net.run({ x: data })).y, `${target}\n${text}`).toEqual(expected);
        net.dispose();
      }
      const { program } = lowerModule(optimize(module).value!.module, wasmTarget);
      registers += JSON.stringify(program.kernels).includes('"i8x16"') ? 1 : 0;
      const { findings, outputs } = checkProgram(program, new Map([["x", data]]));
      expect(findings, text).toEqual([]);
      expect(outputs.get("y"), text).toEqual(expected);
    }
  // Vectors of 17, 37 and 64 bytes of both types; where elements are scattered, or rows joined, it may be none or all.
  const isMoved = !/perm=\[0, 3|stride=\[1|17\]|reshape|padding/u.test(call);
  if (isMoved) expect(registers).toBe(6);
});
