// Values between elements, in all modes, against onnxruntime.

import { describe, test } from "vitest";
import { elements } from "#ir/type.js";
import type { Random } from "#ops/random.js";
import { seededRandom } from "#ops/random.js";
import { scaled } from "../scale.js";
import { agree } from "./peer-sweep.js";

function drawNormal(random: Random, count: number): number[] {
  return Array.from({ length: count }, () => random.normal());
}

/** Coordinates around −1 to 1, some far outside, some on the middle of an element or on an edge. */
function drawGrid(random: Random, count: number): number[] {
  return Array.from({ length: count }, () =>
    random.pick([
      random.normal(),
      random.normal() * 4,
      random.int(-8, 8) / 4,
      random.pick([-1, 0, 1, -1.25, 1.25, 100, -1000]),
    ]),
  );
}

describe.each(["linear", "nearest", "cubic"])("GridSample, %s", (mode) => {
  describe.each(["zeros", "border", "reflection"])("%s", (padding) => {
    test.each([0, 1])("align_corners=%i", async (corners) => {
      for (let seed = 1; seed <= scaled(4); seed += 1) {
        const random = seededRandom(seed);
        const axes = mode === "cubic" ? 2 : random.pick([2, 2, 3]);
        const sizes = Array.from({ length: axes }, () => random.int(1, 6));
        const points = Array.from({ length: axes }, () => random.int(1, 5));
        const depth = random.int(1, 5);
        const text = `opset 20\ninput x float[N, ${[depth, ...sizes].join(", ")}]\ninput g float[N, ${[...points, axes].join(", ")}]\ny = GridSample(x, g) mode="${mode}" padding_mode="${padding}" align_corners=${corners}\noutput y`;
        const [shape, own] = [
          [3, depth, ...sizes],
          [3, ...points, axes],
        ];
        await agree(text, {
          x: { shape, data: drawNormal(random, elements(shape)) },
          g: { shape: own, data: drawGrid(random, elements(own)) },
        });
      }
    });
  });
});

test("GridSample at a grid that is known", async () => {
  const random = seededRandom(3);
  const text = `opset 16\ninput x float[1, 3, 5, 6]\nweight g float[1, 2, 2, 2] = -1, -0.5, 0.3, 0.7, 2, 0, 0.1, -0.2\ny = GridSample(x, g)\noutput y`;
  await agree(text, { x: { shape: [1, 3, 5, 6], data: drawNormal(random, 90) } });
});
