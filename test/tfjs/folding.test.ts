// Operators of known numbers in graph models: folding gives the results of TensorFlow.js, including the sizes of resizes.

import { describe, expect, test } from "vitest";
import { importTfjs } from "#import/tfjs/import-tfjs.js";
import { interpret } from "#interpret/interpret.js";
import { peerTensors } from "./peer.js";
import { graphModel, openShards } from "./text-model.js";

const ints = [
  [7, -7, 7, -7, 2_147_483_647, 65_536, 0, 100],
  [2, 2, -2, -2, 1, 65_536, 3, 7],
] as const;
const floats = [
  [10, 0.3, -0.7, 2.5, 1e-3, 16_777_217, 640, -2.5],
  [0.7, 0.1, 0.3, -0.4, 1e3, 3, 0.65, 2],
] as const;

/** Both results of a model that computes `y` of constants and does nothing with its input. */
async function outcome(lines: readonly string[]): Promise<readonly [number[], number[]]> {
  const files = graphModel(["x = Placeholder [1]", "u = Identity(x)", ...lines, "output y u"].join("\n"));
  const [peer] = await peerTensors(files, new Map([["x", { data: new Float32Array(1), shape: [1] }]]));
  const { value, diagnostics } = importTfjs(JSON.stringify(files.json), { openData: openShards(files) });
  if (!value) return expect.fail(diagnostics.map(({ message }) => message).join("\n"));
  const results = interpret(value, new Map([["x", { shape: [1], data: new Float64Array(1) }]]));
  const plain = (numbers: ArrayLike<number>): number[] => Array.from(numbers, (one) => Math.fround(one) + 0);
  return [plain(results.get("y")!.data), plain(peer!.dataSync())];
}

const constant = (kind: "int" | "weight", name: string, numbers: readonly number[]): string =>
  `${name} = ${kind} [${numbers.length}] ${numbers.join(", ")}`;

describe("of two operands", () => {
  const operators = ["AddV2", "Sub", "Mul", "RealDiv", "FloorDiv", "FloorMod", "Maximum", "Minimum"];
  test.each(operators.flatMap((op) => [[op, "int"] as const, [op, "weight"] as const]))(
    "%s of %s",
    async (op, kind) => {
      const [a, b] = kind === "int" ? ints : floats;
      const lines = [constant(kind, "a", a), constant(kind, "b", b), `y = ${op}(a, b)`];
      const [own, peer] = await outcome(lines);
      expect(own).toEqual(peer);
    },
  );
});

describe("chains", () => {
  const float = '{"DstT": "DT_FLOAT"}';
  const int = '{"DstT": "DT_INT32"}';
  const chains: Readonly<Record<string, readonly string[]>> = {
    "a floor of products": [
      constant("weight", "a", [10, 20, 640]),
      constant("weight", "b", [0.7, 0.35, 0.65]),
      "p = Mul(a, b)",
      "y = Floor(p)",
    ],
    "sizes by a factor": [
      constant("int", "a", [10, 20, 640, 7]),
      `f = Cast(a) ${float}`,
      constant("weight", "b", [0.7]),
      "p = Mul(f, b)",
      `y = Cast(p) ${int}`,
    ],
    "a ceil of quotients": [
      constant("int", "a", [3, 7, 21]),
      `f = Cast(a) ${float}`,
      constant("weight", "b", [0.1]),
      "p = RealDiv(f, b)",
      "y = Ceil(p)",
    ],
    "a cast of negative numbers": [constant("weight", "a", [-0.5, 2.9, -2.9, 1e9]), `y = Cast(a) ${int}`],
    "a range of floats": ["a = weight [] 0", "b = weight [] 2", "c = weight [] 0.1", "y = Range(a, b, c)"],
    "a range of integers": ["a = int [] 9", "b = int [] -3", "c = int [] -4", "y = Range(a, b, c)"],
  };
  test.each(Object.entries(chains))("%s", async (_, lines) => {
    const [own, peer] = await outcome(lines);
    expect(own).toEqual(peer);
  });
});

describe("resizes by a size that is computed", () => {
  const extents = [3, 5, 10, 13, 40];
  const factors = [0.3, 0.6, 0.7, 1.1, 1.3, 2.4];
  for (const op of ["ResizeNearestNeighbor", "ResizeBilinear"])
    for (const where of ["", "align_corners", "half_pixel_centers"])
      test(`${op} ${where}`, async () => {
        for (const extent of extents)
          for (const factor of factors) {
            if (extent * factor < 1) continue;
            const flags = JSON.stringify({
              align_corners: where === "align_corners",
              half_pixel_centers: where === "half_pixel_centers",
            });
            const files = graphModel(
              [
                `x = Placeholder [1, ${extent}, 1, 1]`,
                "s = Shape(x)",
                "b = int [1] 1",
                "e = int [1] 3",
                "i = int [1] 1",
                "t = StridedSlice(s, b, e, i) {}",
                'f = Cast(t) {"DstT": "DT_FLOAT"}',
                `w = weight [2] ${factor}, 1`,
                "m = Mul(f, w)",
                'z = Cast(m) {"DstT": "DT_INT32"}',
                `y = ${op}(x, z) ${flags}`,
                "output y",
              ].join("\n"),
            );
            const data = Float32Array.from({ length: extent }, (_, at) => at + 1);
            const [peer] = await peerTensors(files, new Map([["x", { data, shape: [1, extent, 1, 1] }]]));
            const { value } = importTfjs(JSON.stringify(files.json), { openData: openShards(files) });
            const input = { shape: [1, extent, 1, 1], data: Float64Array.from(data) };
            const own = interpret(value!, new Map([["x", input]])).get("y")!;
            const wanted = peer!.dataSync();
            expect(own.data.length, `${extent} by ${factor}`).toBe(wanted.length);
            for (const [at, one] of wanted.entries())
              expect(Math.abs(own.data[at]! - one), `${extent} by ${factor} at ${at}`).toBeLessThan(
                1e-5 * extent,
              );
          }
      });
});
