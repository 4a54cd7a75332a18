// Faces by BlazeFace (Bazarevsky et al. 2019, arXiv:1907.05047), the variant of MediaPipe for cameras in front of a face.

import { inPicture, joined, nms, sigmoid, ssdAnchors, ssdBoxes } from "../../../src/tasks/index.js";
import facesUrl from "../pictures/faces.svg?url";
import type { DetectorModule } from "./detector.js";
import { openPage } from "./page.js";

const modules = import.meta.glob<DetectorModule>("../compiled/faces/*.mjs");
/** The numbers of an anchor: a box, and the eyes, the nose, the mouth and the ears. */
const rowLength = 16;
const anchors = ssdAnchors({ size: 128, strides: [8, 16, 16, 16], fixedSize: true });

/** An output of the net. */
const output = (outputs: Readonly<Record<string, Float32Array>>, name: string): Float32Array =>
  outputs[name] ?? new Float32Array();

await openPage({
  name: "faces",
  modules,
  noun: ["face", "faces"],
  facing: "user",
  example: facesUrl,
  async find(net, picture) {
    const outputs = await net.run({ "input:0": picture });
    const raw = joined(output(outputs, "Identity_2:0"), output(outputs, "Identity_3:0"));
    const scores = sigmoid(joined(output(outputs, "Identity:0"), output(outputs, "Identity_1:0")));
    const input = net.pictures["input:0"];
    if (!input) throw new Error("the net takes no pictures");
    const boxes = inPicture(ssdBoxes(raw, anchors, { scale: 128 }), picture, input);
    return nms(boxes, scores, { score: 0.1, overlap: 0.3 }).map(({ index, x, y, width, height, score }) => ({
      corners: [
        [x, y],
        [x + width, y],
        [x + width, y + height],
        [x, y + height],
      ],
      points: pairs(inPicture(pointsOf(raw, index), picture, input)),
      score,
    }));
  },
});

/** The points of a face, x and y in turn, relative to the input. */
function pointsOf(raw: Float32Array, index: number): number[] {
  const row = raw.subarray(rowLength * index + 4, rowLength * (index + 1));
  return Array.from(row, (value, at) => value / 128 + (anchors[4 * index + (at % 2)] ?? 0));
}

function pairs(values: Float32Array): (readonly [x: number, y: number])[] {
  return Array.from({ length: values.length / 2 }, (_, at) => [values[2 * at] ?? 0, values[2 * at + 1] ?? 0]);
}
