// Group normalization in f32: means far from zero, large and tiny scales, constants, many values.

import { test } from "vitest";
import { parse } from "#grammar/reading/parse.js";
import { elaborate } from "#elaborate/elaborate.js";
import { compile } from "#compile/compile.js";
import { load } from "#compile/load.js";
import { interpret } from "#interpret/interpret.js";
import { elements } from "#ir/type.js";
import { seededRandom } from "#ops/random.js";
import { expectClose } from "../close.js";

const shapes = [
  { shape: [1, 300, 300, 8], groups: 8 },
  { shape: [1, 100, 100, 64], groups: 2 },
  { shape: [2, 37, 10], groups: 10 },
  { shape: [2, 9, 7, 15], groups: 5 },
  { shape: [3, 130, 12], groups: 3 },
  { shape: [1, 8], groups: 2 },
] as const;

/** The value at an index, by the difficulty that it makes. */
const kinds: Readonly<Record<string, (random: ReturnType<typeof seededRandom>) => number>> = {
  "around zero": (random) => random.normal(),
  "far from zero": (random) => 1000 + random.normal(),
  "far below zero": (random) => -3e4 + 10 * random.normal(),
  large: (random) => 1e15 * random.normal(),
  tiny: (random) => 1e-6 * random.normal(),
  "all alike": () => 0.1,
};

test.each(shapes)("$shape in $groups groups", async ({ shape, groups }) => {
  const text = `net t {\n  input x: f32[${shape.join(", ")}]\n  output y = group_norm(x, groups=${groups}) |> relu\n  output z = group_norm(x, groups=${groups})\n}`;
  const module = elaborate(parse(text, "t.net").value!).value!;
  for (const target of ["js", "wasm"] as const) {
    const net = await load(compile(module, { target }).value!);
    for (const [kind, draw] of Object.entries(kinds)) {
      const random = seededRandom(3);
      const x = Float32Array.from({ length: elements(shape) }, () => draw(random));
      const expected = interpret(module, new Map([["x", { shape, data: Float64Array.from(x) }]]));
      const actual = net.runSync({ x });
      for (const name of ["y", "z"]) {
        // Results are about 1, except where the values are equal.
        expectClose(actual[name], expected.get(name)!.data, 2e-5, `${kind}, ${target}, ${name}`);
      }
    }
    net.dispose();
  }
});
