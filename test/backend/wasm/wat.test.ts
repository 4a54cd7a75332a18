// The text of a kernel's function is WebAssembly: assembled again, it has the same bytes.

import { expect, test } from "vitest";
import wabt from "wabt";
import { wasmKernelTexts } from "#backend/wasm/emit.js";
import { functionsOf } from "#backend/wasm/functions.js";
import { printKernel } from "#backend/wasm/print.js";
import { wasmTarget } from "#backend/wasm/target.js";
import { lowerModule } from "#compile/lower-module.js";
import { optimize } from "#compile/optimize.js";
import { moduleOf } from "../../schedule/module-of.js";

const { parseWat } = await wabt();

test.each([
  [
    "a fused kernel",
    "h = conv2d(x, filters=8, kernel=3x3, padding=same) |> relu6\n  output y = dense(global_avg_pool(h), units=3)",
  ],
  ["functions", "output y = softmax(tanh(x) + erf(x) * sin(x))"],
  ["a table and lanes", "output y = resize(x, size=9x9, method=bilinear)"],
])("%s", (_, body) => {
  const module = moduleOf(`net t {\n  input x: f32[1, 6, 6, 4]\n  ${body}\n}\n`);
  const { program } = lowerModule(optimize(module, { target: "wasm" }).value!.module, wasmTarget);
  const functions = functionsOf(program.kernels);
  const texts = wasmKernelTexts(program);
  expect(texts.length).toBeGreaterThan(0);
  for (const [at, text] of texts.entries()) {
    const types = (names: readonly string[], word: string): string =>
      names.map((one) => ` (${word} ${one})`).join("");
    const called = [...functions.imports, ...functions.helpers].map(
      ({ parameters, results }, index) =>
        `(import "host" "${index}" (func $${functions.names[index]}${types(parameters, "param")}${types(results, "result")}))`,
    );
    const wat = `(module ${called.join(" ")} (import "host" "memory" (memory 1)) ${text})`;
    const { buffer } = parseWat("kernel.wat", wat, { simd: true }).toBinary({});
    const { body: expected } = printKernel(program.kernels[at]!, {
      lanes: program.lanes,
      relaxed: false,
      functions,
    });
    const bytes = Buffer.from(buffer);
    expect(bytes.includes(Buffer.from(expected)), text.slice(0, 400)).toBe(true);
  }
});
