// Text by the detector of PP-OCRv4 (Du et al. 2020, arXiv:2009.09941): the net says of each pixel how likely it is within a line of text.

import { inPicture, regions } from "../../../src/tasks/index.js";
import textUrl from "../pictures/text.svg?url";
import type { DetectorModule } from "./detector.js";
import { openPage } from "./page.js";

const modules = import.meta.glob<DetectorModule>("../compiled/text/*.mjs");

await openPage({
  name: "text",
  modules,
  noun: ["line of text", "lines of text"],
  facing: "environment",
  example: textUrl,
  finder: (net) => async (picture) => {
    const [map] = Object.values(await net.run({ x: picture }));
    const input = net.pictures["x"];
    if (!map || !input) throw new Error("the net takes no pictures");
    // As DB says (Liao et al. 2020, arXiv:1911.08947), with the thresholds of PP-OCR.
    return regions(map, input, { value: 0.3, narrowest: 3, grow: 1.5 }).map(({ corners, score }) => {
      const points = inPicture(corners, picture, input);
      return { corners: [0, 2, 4, 6].map((at) => [points[at] ?? 0, points[at + 1] ?? 0]), score };
    });
  },
});
