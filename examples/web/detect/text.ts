// Text by the detector of PP-OCRv4 (Du et al. 2020, arXiv:2009.09941): the net says of each pixel how likely it is within a line of text.

import { inPicture } from "../../../src/tasks/index.js";
import textUrl from "../pictures/text.svg?url";
import type { DetectorModule } from "./detector.js";
import { openPage } from "./page.js";
import { regionsOf } from "./regions.js";

const modules = import.meta.glob<DetectorModule>("../compiled/text/*.mjs");

await openPage({
  name: "text",
  modules,
  noun: ["line of text", "lines of text"],
  example: { url: textUrl, title: "A drawn notice" },
  async find(net, picture) {
    const [map] = Object.values(await net.run({ x: picture }));
    const input = net.pictures["x"];
    if (!map || !input) throw new Error("the net takes no pictures");
    return regionsOf(map, input).map(({ corners, score }) => {
      const points = inPicture(
        corners.flatMap(([x, y]) => [x / input.width, y / input.height]),
        picture,
        input,
      );
      return { corners: corners.map((_, at) => [points[2 * at] ?? 0, points[2 * at + 1] ?? 0]), score };
    });
  },
});
