// Text by PP-OCRv4 (Du et al. 2020, arXiv:2009.09941): one net says of each pixel how likely it is within a line of text, another reads a line.

import { inPicture, regions } from "../../../src/tasks/index.js";
import textUrl from "../pictures/text.svg?url";
import type { DetectorNet, Source } from "./detector.js";
import type { Found } from "./finding.js";
import type { Modules } from "./nets.js";
import { loadNets } from "./nets.js";
import { openPage } from "./page.js";
import { readLine } from "./reading.js";

const folders = {
  text: import.meta.glob("../compiled/text/*.mjs") as Modules,
  lines: import.meta.glob("../compiled/lines/*.mjs") as Modules,
};

/** The most lines of a picture that are read: those of which the net is most sure. */
const mostLines = 30;

await openPage({
  names: Object.keys(folders),
  noun: ["line of text", "lines of text"],
  facing: "environment",
  example: textUrl,
  async load(options) {
    const { text, lines } = await loadNets(folders, options);
    const dispose = (): void => {
      text.dispose();
      lines.dispose();
    };
    const find = async (picture: Source): Promise<Found[]> => {
      const found = await linesOf(text, picture);
      const texts: string[] = [];
      for (const { corners } of found.slice(0, mostLines))
        texts.push(await readLine(lines, picture, corners));
      return found.map((line, at) => ({ ...line, text: texts[at] ?? "" }));
    };
    return {
      target: text.target,
      ...(text.threads !== undefined && { threads: text.threads }),
      find,
      dispose,
    };
  },
});

/** Where the lines are. */
async function linesOf(net: DetectorNet, picture: Source): Promise<Found[]> {
  const [map] = Object.values(await net.run({ x: picture }));
  const input = net.pictures["x"];
  if (!map || !input) throw new Error("the net takes no pictures");
  // As DB says (Liao et al. 2020, arXiv:1911.08947), with the thresholds of PP-OCR.
  return regions(map, input, { value: 0.3, narrowest: 3, grow: 1.5 }).map(({ corners, score }) => {
    const points = inPicture(corners, picture, input);
    return { corners: [0, 2, 4, 6].map((at) => [points[at] ?? 0, points[at + 1] ?? 0]), score };
  });
}
