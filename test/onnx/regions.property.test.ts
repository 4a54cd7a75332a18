// RoiAlign in all modes against onnxruntime: boxes inside, outside, flipped, empty, larger than the image; known and computed.

import { describe, expect, test } from "vitest";
import { importOnnx } from "#import/onnx/import-onnx.js";
import { elements } from "#ir/type.js";
import type { Random } from "#ops/random.js";
import { seededRandom } from "#ops/random.js";
import { scaled } from "../scale.js";
import { agree } from "./peer-sweep.js";
import { modelOf } from "./text-model.js";

/** Boxes [left, top, right, bottom] in elements of an image. */
function drawBoxes(random: Random, count: number, [height, width]: readonly [number, number]): number[] {
  return Array.from({ length: count }, () => {
    const [x, y] = [random.next() * width, random.next() * height];
    const [x2, y2] = [x + random.next() * (width - x), y + random.next() * (height - y)];
    return random.pick([
      [x, y, x2, y2],
      [x, y, x2, y2],
      [x2, y2, x, y],
      [x2, y, x, y2],
      [x, y, x, y],
      [0, 0, width, height],
      [-3, -2, width + 3, height + 2],
      [width + 4, height + 5, width + 8, height + 9],
      [-8, -8, -4, -4],
      [Math.floor(x), Math.floor(y), Math.ceil(x2), Math.ceil(y2)],
    ]);
  }).flat();
}

describe.each(["avg", "max"])("RoiAlign, %s", (mode) => {
  describe.each([
    ["half_pixel", 16],
    ["output_half_pixel", 16],
    ["", 10],
  ] as const)("%s of opset %i", (coordinates, opset) => {
    test.each([0, 1, 2, 3])("sampling_ratio=%i", async (ratio) => {
      for (let seed = 1; seed <= scaled(5); seed += 1) {
        const random = seededRandom(seed);
        const [images, depth, boxes] = [random.int(1, 3), random.int(1, 5), random.int(1, 6)];
        const sizes = [random.int(1, 9), random.int(1, 9)] as const;
        const scale = random.pick([1, 0.5, 0.25]);
        const rows = drawBoxes(random, boxes, sizes).map((one) => Math.fround(one / scale));
        const numbers = Array.from({ length: boxes }, () => random.int(0, images - 1));
        const shape = [images, depth, ...sizes];
        // How many points a box has by itself is known only of boxes that are.
        const isKnown = ratio === 0 || seed % 2 === 1;
        const [given, own] = isKnown
          ? [`weight r float[${boxes}, 4] = ${rows.join(", ")}`, {}]
          : [`input r float[${boxes}, 4]`, { r: { shape: [boxes, 4], data: rows } }];
        const [places, at] =
          seed % 3 === 0
            ? [`input i int64[${boxes}]`, { i: { shape: [boxes], data: numbers, type: "int64" as const } }]
            : [`weight i int64[${boxes}] = ${numbers.join(", ")}`, {}];
        const how = coordinates === "" ? "" : ` coordinate_transformation_mode="${coordinates}"`;
        const text = `opset ${opset}
input x float[${shape.join(", ")}]
${given}
${places}
y = RoiAlign(x, r, i) mode="${mode}" output_height=${random.int(1, 4)} output_width=${random.int(1, 4)} sampling_ratio=${ratio} spatial_scale=${scale.toFixed(2)}${how}
output y`;
        const data = Array.from({ length: elements(shape) }, () => random.normal());
        await agree(text, { x: { shape, data }, ...own, ...at });
      }
    });
  });
});

test("what cannot be known is refused with a way out", () => {
  const refused = (lines: string): string => {
    const text = `opset 16\n${lines}\ny = RoiAlign(x, r, i)\noutput y`;
    const { value, diagnostics } = importOnnx(modelOf(text));
    expect(value).toBeUndefined();
    return [diagnostics[0]!.message, ...(diagnostics[0]!.help ?? [])].join("\n");
  };
  const boxes = "input r float[2, 4]\nweight i int64[2] = 0, 0";
  expect(refused(`input x float[1, 3, 4, 4]\n${boxes}`)).toContain("`sampling_ratio` above 0");
  expect(refused(`input x float[N, 3, 4, 4]\nweight r float[2, 4]\nweight i int64[2] = 0, 0`)).toContain(
    "--dim N=1",
  );
  expect(refused("input x float[1, 3, 4, 4]\nweight r float[2, 4]\nweight i int64[2] = 0, 1")).toContain(
    "image 1 of 1",
  );
});

test("shapes of any kind are taken or refused in words", () => {
  const shapes = ["", "3", "1, 3", "2, 4", "1, 3, 4, 4", "1, 3, 4, 4, 4", "1, 3, 4, 4, 4, 4"];
  const words = (lines: string): void => {
    const { value, diagnostics } = importOnnx(modelOf(`opset 16\n${lines}\noutput y`));
    if (!value) expect(diagnostics[0]!.message).not.toMatch(/undefined|NaN/);
  };
  for (const x of shapes)
    for (const other of shapes) {
      words(`input x float[${x}]\nweight w float[${other}]\ny = ConvTranspose(x, w)`);
      for (const images of ["[] = 0", "[1] = 0", "[2] = 0, 0", "[1, 2] = 0, 0"])
        for (const kind of ["input", "weight"])
          words(
            `input x float[${x}]\n${kind} r float[${other}]\nweight i int64${images}\ny = RoiAlign(x, r, i) sampling_ratio=1`,
          );
    }
});
