// From the boxes of a net to what was found: the class of each box, the best of those that overlap, their places in the picture.

import type { Detection } from "./nms.js";
import { keep, meanRow, sidesOf } from "./nms.js";
import type { ToPixels } from "./places.js";

/** The boxes of a net, of which few are left in the end. Places are relative to the input, from 0 to 1. */
export interface Candidates {
  /** Rows of left, top, right and bottom. */
  readonly boxes: ArrayLike<number>;
  /** For each box its score, or one for each class, of which the largest counts. */
  readonly scores: ArrayLike<number>;
  /** The class of each box, if the net says it; then each box has one score. */
  readonly classes?: ArrayLike<number>;
  /** Key points: x and y of each, as many for each box. */
  readonly points?: ArrayLike<number>;
  /** A score for each key point. */
  readonly pointScores?: ArrayLike<number>;
}

/** Which boxes count. */
export interface FoundOptions {
  /** Boxes with a score up to this are left out; 0.5 by default. */
  readonly score?: number;
  /** Of boxes whose intersection is more than this part of their union, only the best stays; 0.5 by default, and with 1 all stay. */
  readonly overlap?: number;
  /** The largest number of boxes; all by default. */
  readonly most?: number;
  /** Whether a box becomes the mean of itself and of those that it suppresses, as `blend` of `nms` says; false by default. */
  readonly blend?: boolean;
  /** Whether boxes suppress those of other classes too; false by default. */
  readonly acrossClasses?: boolean;
  /**
   * Which class stands for nothing, so that no box has it and the other classes count from 0; none by default. If the net says the class of
   * each box, the last one is known by `labels`, which have no name for it.
   */
  readonly background?: "first" | "last";
  /** Names of the classes, in order. */
  readonly labels?: readonly string[];
}

/** A thing that a detector found, in pixels of the picture. */
export interface Found extends Detection {
  readonly classIndex: number;
  /** The name of its class, or the index as a text. */
  readonly label: string;
  readonly points: readonly KeyPoint[];
}

/** A place of a thing that was found, such as an eye of a face, in pixels of the picture. */
export interface KeyPoint {
  readonly x: number;
  readonly y: number;
  /** How sure the net is of it, if it says that. */
  readonly score?: number;
}

/** What stays of the candidates, with places in pixels. `whose` begins what is said of candidates that do not fit together. */
export function foundIn(
  whose: string,
  candidates: Candidates,
  options: FoundOptions,
  inPixels: ToPixels,
): Found[] {
  const { boxes, points = [], pointScores } = candidates;
  const { score = 0.5, overlap = 0.5, most = Number.POSITIVE_INFINITY, blend = false } = options;
  const { acrossClasses = false, labels } = options;
  const { scores, classes } = classified(whose, candidates, options);
  const count = scores.length;
  const each = count === 0 ? 0 : points.length / count;
  if (each % 2 !== 0 || (pointScores && 2 * pointScores.length !== points.length))
    throw new RangeError(
      `${whose}: ${points.length} numbers are not points of ${count} boxes, with x, y and one score for each`,
    );
  const nmsOptions = { score, overlap, most, blend, ...(!acrossClasses && { classes }) };
  const sides = sidesOf(boxes);
  return keep(sides, scores, nmsOptions).map(({ index, members }) => {
    const mean = (rows: ArrayLike<number>, length: number): number[] =>
      meanRow(rows, length, members, scores);
    const [x = 0, y = 0, right = 0, bottom = 0] = inPixels(mean(sides, 4));
    const places = inPixels(mean(points, each));
    const sure = pointScores && mean(pointScores, each / 2);
    const classIndex = classes[index] ?? 0;
    return {
      label: labels?.[classIndex] ?? `${classIndex}`,
      classIndex,
      score: scores[index] ?? 0,
      index,
      x,
      y,
      width: right - x,
      height: bottom - y,
      points: Array.from({ length: each / 2 }, (_, at) => ({
        x: places[2 * at] ?? 0,
        y: places[2 * at + 1] ?? 0,
        ...(sure && { score: sure[at] ?? 0 }),
      })),
    };
  });
}

/** The best class of each box, and its score. A score that is NaN is never the best. */
function classified(
  whose: string,
  { boxes, scores, classes }: Candidates,
  { background, labels }: FoundOptions,
): { readonly scores: ArrayLike<number>; readonly classes: ArrayLike<number> } {
  const count = boxes.length / 4;
  const each = count === 0 && scores.length === 0 ? 1 : scores.length / count;
  if (!Number.isInteger(count) || !Number.isInteger(each) || (classes && each !== 1))
    throw new RangeError(
      `${whose}: ${scores.length} scores do not fit ${boxes.length} numbers of boxes; each box has four numbers and ${classes ? "one score" : "a score for each class"}`,
    );
  const first = background === "first" ? 1 : 0;
  if (classes) {
    if (classes.length !== count)
      throw new RangeError(`${whose}: there are ${classes.length} classes for ${count} boxes`);
    if (background === "last" && !labels)
      throw new TypeError(
        `${whose}: the last class is the background, but how many there are only labels say`,
      );
    const end = background === "last" ? labels?.length : undefined;
    // A class that is no number is none.
    const own = Int32Array.from(classes, (one) => (Number.isFinite(one) ? Math.round(one) - first : -1));
    const isNone = (one: number): boolean => one < 0 || one === end;
    return {
      scores: Float32Array.from(scores, (one, at) => (isNone(own[at] ?? 0) ? Number.NaN : one)),
      classes: own,
    };
  }
  const end = background === "last" ? each - 1 : each;
  if (count > 0 && end <= first)
    throw new RangeError(
      `${whose}: each box has ${each === 1 ? "one score" : `${each} scores`}, which is that of the background`,
    );
  if (count > 0 && labels && labels.length !== end - first)
    throw new RangeError(
      `${whose}: there are ${labels.length} labels, but each box has scores of ${end - first} classes`,
    );
  const best = new Float32Array(count).fill(Number.NEGATIVE_INFINITY);
  const own = new Int32Array(count);
  for (let box = 0; box < count; box++)
    for (let c = first; c < end; c++) {
      const value = scores[box * each + c] ?? 0;
      if (!(value > (best[box] ?? 0))) continue;
      best[box] = value;
      own[box] = c - first;
    }
  return { scores: best, classes: own };
}
