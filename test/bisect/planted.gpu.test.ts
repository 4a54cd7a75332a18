// A fault in the code for WebGPU is found on an adapter, and a net without one passes.

import { expect, test } from "vitest";
import { bisect, bisectWith } from "#bisect/bisect.js";
import { codeRunner } from "#bisect/suspect.js";
import { makeNode } from "#ops/index.js";
import { nodeGpu } from "../../src/node/gpu.js";
import { computingDevice, describeOn } from "../backend/wgsl/device.js";
import { moduleOf } from "../schedule/module-of.js";

const module = moduleOf(`net n {
  input x: f32[1, 6, 6, 4]
  a = conv2d(x, filters=8, kernel=3x3, padding=same) |> relu
  b = max_pool(a, kernel=2) |> tanh
  output y = global_avg_pool(b) |> dense(units=3)
}`);

describeOn(await computingDevice())("on an adapter", () => {
  test("a kernel with another function", async () => {
    const { value: gpu } = await nodeGpu();
    const options = { target: "wgsl", load: { gpu: gpu! } } as const;
    expect((await bisect(module, options)).value).toMatchObject({ drifted: [] });
    expect((await bisect(module, options)).value?.fault).toBeUndefined();

    const run = codeRunner(options);
    const { value } = await bisectWith(module, options, (of) => {
      const { graph } = of.module;
      const other = [...graph.nodes].map(
        ([id, node]) => [id, node.op === "tanh" ? makeNode({ ...node, op: "sin" }) : node] as const,
      );
      return run({ ...of, module: { ...of.module, graph: { ...graph, nodes: new Map(other) } } });
    });
    expect(value?.fault).toMatchObject({ in: "code", finding: { kind: "values" }, reduced: { ops: 1 } });
    expect(value?.fault?.kernel).toContain("b");
  });
});
