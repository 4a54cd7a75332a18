// Faces by BlazeFace (Bazarevsky et al. 2019, arXiv:1907.05047), the variant of MediaPipe for cameras in front of a face.

import { ssdDetector } from "../../../src/tasks/index.js";
import facesUrl from "../pictures/faces.svg?url";
import type { Finder } from "./detector.js";
import type { Modules } from "./nets.js";
import { loadNet } from "./nets.js";
import { openPage } from "./page.js";

const modules = import.meta.glob("../compiled/faces/*.mjs") as Modules;

await openPage({
  names: ["faces"],
  noun: ["face", "faces"],
  facing: "user",
  example: facesUrl,
  async load(options) {
    const net = await loadNet(modules, options);
    const facesOf = ssdDetector(net, {
      anchors: { strides: [8, 16, 16, 16], fixedSize: true },
      boxes: ["Identity_2:0", "Identity_3:0"],
      scores: ["Identity:0", "Identity_1:0"],
      scale: 128,
      score: 0.1,
      overlap: 0.3,
      blend: true,
    });
    const find: Finder["find"] = async (picture) =>
      (await facesOf(picture)).map(({ x, y, width, height, points, score }) => ({
        corners: [
          [x, y],
          [x + width, y],
          [x + width, y + height],
          [x, y + height],
        ],
        points: points.map((point) => [point.x, point.y]),
        score,
      }));
    return Object.assign(net, { find });
  },
});
