// ONNX's own tests: every one in scope against the interpreter and the emitted WebAssembly module. They come from Debian's
// libonnx-testdata, which CI installs.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { compile } from "#compile/compile.js";
import { load } from "#compile/load.js";
import { operators } from "#import/onnx/operators/index.js";
import { interpret } from "#interpret/interpret.js";
import { elements } from "#ir/type.js";
import { verify } from "#ops/verify.js";
import {
  cases,
  dataOf,
  difference,
  excludedOperators,
  importCase,
  inputsOf,
  isInstalled,
} from "./conformance.js";
import { conformanceText } from "./document.js";

test("CI has the data", () => {
  if (process.env["CI"]) expect(isInstalled).toBe(true);
});

describe.skipIf(!isInstalled)("conformance", () => {
  const all = isInstalled ? cases() : [];
  const inScope = all.filter(({ outOfScope }) => outOfScope === undefined);
  const passed = new Set<string>();

  test.each(inScope.map((one) => [one.name, one] as const))("%s", async (name, one) => {
    const data = dataOf(one);
    const { value, diagnostics } = importCase(one, data);
    if (!value) return expect.fail(diagnostics.map(({ message }) => message).join("\n"));
    expect(verify(value)).toEqual([]);
    const inputs = inputsOf(one, value, data);
    const results = interpret(value, inputs);
    const compared = value.graph.outputs.slice(0, data.outputs.length);
    expect(compared.length).toBeGreaterThan(0);
    // The first counted rows, if the result has counted rows.
    const counted = (
      all: ArrayLike<number>,
      count: ArrayLike<number> | undefined,
      k: number,
    ): ArrayLike<number> => {
      if (count === undefined) return all;
      const { shape } = data.outputs[k]!;
      expect(count[0]).toBe(shape[0]);
      return Array.from(all).slice(0, elements(shape));
    };
    for (const [k, { name: output }] of compared.entries()) {
      const rows = counted(results.get(output)!.data, results.get(`${output}_count`)?.data, k);
      expect(difference(rows, data.outputs[k]!), output).toBeUndefined();
    }
    const compiled = compile(value);
    if (!compiled.value) return expect.fail(compiled.diagnostics.map(({ message }) => message).join("\n"));
    const net = await load(compiled.value);
    const given = [...inputs].map(([input, { data }]) => [input, Float32Array.from(data)] as const);
    const emitted = net.runSync(Object.fromEntries(given));
    for (const [k, { name: output }] of compared.entries()) {
      const rows = counted(emitted[output]!, emitted[`${output}_count`], k);
      expect(difference(rows, data.outputs[k]!), `wasm: ${output}`).toBeUndefined();
    }
    net.dispose();
    passed.add(name);
  });

  test("an operator is imported or out of scope, not both", () => {
    const both = [...excludedOperators().keys()].filter((name) => Object.hasOwn(operators, name));
    expect(both).toEqual([]);
  });

  test("docs/onnx.md has the results", () => {
    const path = join(import.meta.dirname, "../../docs/onnx.md");
    const text = readFileSync(path, "utf8");
    const [start, end] = ["<!-- conformance -->\n\n", "\n\n<!-- end of conformance -->"];
    const [before = "", rest = ""] = text.split(start);
    const [, after = ""] = rest.split(end);
    const fresh = `${before}${start}${conformanceText(all, passed)}${end}${after}`;
    if (process.env["UPDATE"]) writeFileSync(path, fresh);
    else expect(text).toBe(fresh);
    expect(passed.size / inScope.length).toBeGreaterThanOrEqual(0.95);
  });
});
