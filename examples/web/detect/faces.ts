// Faces by BlazeFace (Bazarevsky et al. 2019, arXiv:1907.05047), the variant of MediaPipe for cameras in front of a face.

import { inPicture, joined, nms, sigmoid, ssdAnchors, ssdBoxes } from "../../../src/tasks/index.js";
import facesUrl from "../pictures/faces.svg?url";
import type { DetectorModule } from "./detector.js";
import { openPage } from "./page.js";

const modules = import.meta.glob<DetectorModule>("../compiled/faces/*.mjs");
const anchors = ssdAnchors({ size: 128, strides: [8, 16, 16, 16], fixedSize: true });

/** An output of the net. */
const output = (outputs: Readonly<Record<string, Float32Array>>, name: string): Float32Array =>
  outputs[name] ?? new Float32Array();

await openPage({
  name: "faces",
  modules,
  noun: ["face", "faces"],
  example: { url: facesUrl, title: "Three drawn faces" },
  async find(net, picture) {
    const outputs = await net.run({ "input:0": picture });
    const raw = joined(output(outputs, "Identity_2:0"), output(outputs, "Identity_3:0"));
    const scores = sigmoid(joined(output(outputs, "Identity:0"), output(outputs, "Identity_1:0")));
    const input = net.pictures["input:0"];
    if (!input) throw new Error("the net takes no pictures");
    const boxes = inPicture(ssdBoxes(raw, anchors, { scale: 128 }), picture, input);
    return nms(boxes, scores, { score: 0.1, overlap: 0.3 }).map(({ x, y, width, height, score }) => ({
      corners: [
        [x, y],
        [x + width, y],
        [x + width, y + height],
        [x, y + height],
      ],
      score,
    }));
  },
});
