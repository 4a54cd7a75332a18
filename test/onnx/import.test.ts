// Imported graphs as text, and their results compared with onnxruntime's.

import * as ort from "onnxruntime-web";
import { expect } from "vitest";
import { compile } from "#compile/compile.js";
import { load } from "#compile/load.js";
import { optimize } from "#compile/optimize.js";
import { render } from "#diagnostic/render.js";
import { importOnnx } from "#import/onnx/import-onnx.js";
import { printGraph } from "#inspect/lift.js";
import { inputNodes } from "#ir/graph.js";
import { elements } from "#ir/type.js";
import { seededRandom } from "#ops/random.js";
import { verify } from "#ops/verify.js";
import { cases } from "../cases.js";
import { expectClose, sizeOf } from "../close.js";
import { modelOf } from "./text-model.js";

ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";

// The options `dims` bind symbols, `outputs` name values, `passes` shows the graph after the passes, and `peer: false` leaves onnxruntime out.
cases(import.meta.dirname, "import.txt", async (input, { options }) => {
  const bytes = modelOf(input);
  const dims = new Map(Object.entries((options["dims"] ?? {}) as Record<string, number>));
  const outputs = (options["outputs"] ?? []) as string[];
  const { value, diagnostics } = importOnnx(bytes, { file: "net.onnx", dims, outputs });
  const said = render(diagnostics, new Map(), { color: false });
  if (!value) return said;
  expect(verify(value)).toEqual([]);
  if (options["peer"] !== false) await compareWithPeer(bytes, value);
  const shown = options["passes"] ? optimize(value, { without: ["fuse"] }).value!.module : value;
  return `${said}${printGraph(shown, { types: false })}`;
});

// What matters of these is the comparison; the expectation counts the ops after the passes.
for (const file of ["peer.txt", "networks.txt", "moves.txt", "microsoft.txt", "volumes.txt"])
  cases(import.meta.dirname, file, peerCase);

async function peerCase(input: string): Promise<string> {
  const bytes = modelOf(input);
  const { value, diagnostics } = importOnnx(bytes, { file: "net.onnx" });
  if (!value) return expect.fail(diagnostics.map(({ message }) => message).join("\n"));
  expect(verify(value)).toEqual([]);
  await compareWithPeer(bytes, value);
  const counts = new Map<string, number>();
  for (const { op } of optimize(value, { without: ["fuse"] }).value!.module.graph.nodes.values())
    if (op !== "constant" && op !== "input") counts.set(op, (counts.get(op) ?? 0) + 1);
  return [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([op, count]) => `${count} ${op}`)
    .join(", ");
}

cases(import.meta.dirname, "refused.txt", (input, { options }) => {
  const dims = new Map(Object.entries((options["dims"] ?? {}) as Record<string, number>));
  const outputs = (options["outputs"] ?? []) as string[];
  const { value, diagnostics } = importOnnx(modelOf(input), { file: "net.onnx", dims, outputs });
  expect(value).toBeUndefined();
  return render(diagnostics, new Map(), { color: false });
});

/** Compares the emitted module's results with onnxruntime's, to 10⁻⁵ of the largest; for three samples if the batch is open. */
async function compareWithPeer(
  bytes: Uint8Array,
  module: NonNullable<ReturnType<typeof importOnnx>["value"]>,
): Promise<void> {
  const random = seededRandom(7);
  const isOpen = module.graph.batch !== undefined;
  const values = inputNodes(module.graph).map(({ name, type }) => {
    const shape = isOpen ? type.shape.with(0, 3) : type.shape;
    return { name, data: Float32Array.from({ length: elements(shape) }, () => random.normal()), shape };
  });
  const session = await ort.InferenceSession.create(bytes);
  const expected = await session.run(
    Object.fromEntries(values.map(({ name, data, shape }) => [name, new ort.Tensor("float32", data, shape)])),
  );
  const { value: artifact } = compile(module);
  const net = await load(artifact!);
  const actual = net.runSync(Object.fromEntries(values.map(({ name, data }) => [name, data])));
  net.dispose();
  for (const { name } of module.graph.outputs) {
    // Places come as integers of 64 bits.
    const wanted = Float32Array.from(expected[name]!.data as ArrayLike<number>, Number);
    expectClose(actual[name], wanted, 1e-5 * sizeOf(wanted, 1e-30), name);
  }
}
