// Small nets from end to end: the checker finds nothing wrong with their kernels, and their modules agree with the interpreter.

import { describe, expect, test } from "vitest";
import { targets } from "#compile/targets.js";
import { checkProgram } from "#kernel/check/check.js";
import { lower } from "#kernel/lower.js";
import { schedule } from "#schedule/schedule-graph.js";
import { elaborate, emit, optimize, parse, render, verifyArtifact } from "../../src/index.js";

const nets: Readonly<Record<string, string>> = {
  worked_example: `net worked_example {
  input image: f32[1, 6, 6, 3]
  output y = conv2d(image, filters=5, kernel=4x4, padding=valid, bias=false)
}`,
  separable: `net separable {
  input image: f32[1, 9, 7, 3]
  x = conv2d(image, filters=6, kernel=3x3, stride=2, padding=same) |> batch_norm |> relu6
  d = depthwise_conv2d(x, kernel=3x3, padding=same, bias=false) |> batch_norm |> relu6
  p = conv2d(d, filters=10, kernel=1x1, bias=false) |> batch_norm |> relu6
  output logits = p |> global_avg_pool |> dense(units=5) |> softmax
}`,
  inverted_residual: `net inverted_residual {
  input image: f32[N, 5, 5, 4]
  e = conv2d(image, filters=12, kernel=1x1) |> relu6
  d = depthwise_conv2d(e, kernel=3x3, padding=same) |> relu6
  p = conv2d(d, filters=4, kernel=1x1)
  output y = p + image
}`,
  branches: `net branches {
  input image: f32[1, 8, 8, 3]
  a = conv2d(image, filters=4, kernel=3x3, padding=same) |> gelu
  b = max_pool(image, kernel=3x3, stride=1, padding=same)
  c = concat(a, b)
  output u = resize(c, size=12x10)
  output v = avg_pool(c, kernel=2x2, stride=2) |> sigmoid
}`,
};

describe.each(Object.entries(nets))("%s", (name, text) => {
  const parsed = parse(text, `${name}.net`);
  const elaborated = parsed.value && elaborate(parsed.value);
  const diagnostics = [...parsed.diagnostics, ...(elaborated?.diagnostics ?? [])];
  const module = elaborated?.value;

  test("is a net", () => {
    expect(render(diagnostics, new Map([[`${name}.net`, text]]), { color: false })).toBe("");
  });

  test.each(
    (["js", "wasm"] as const).flatMap((name) => [
      ["as it stands", name, () => module!] as const,
      [
        "optimized",
        name,
        () => optimize(module!, { target: targets[name].target, verify: true }).value!.module,
      ] as const,
    ]),
  )("%s, %s", async (_name, target, made) => {
    const graph = made();
    expect(checkProgram(lower(schedule(graph, targets[target].target))).findings).toEqual([]);
    const comparisons = await verifyArtifact(emit(graph, { target }), module!);
    expect(comparisons.map(({ output }) => output)).toEqual(
      module!.graph.outputs.map((output) => output.name),
    );
    for (const comparison of comparisons) expect(comparison).toMatchObject({ agrees: true });
  });
});
