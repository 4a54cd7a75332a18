// Of boxes that overlap, the best: non-maximum suppression.

import { expectNumbers } from "./numbers.js";

/** A box that was found. */
export interface Detection {
  /** The number of the box among those given. */
  readonly index: number;
  readonly score: number;
  /** Its left and top end, in the units of the boxes given. */
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** What `nms` takes. */
export interface NmsOptions {
  /** Boxes with a score up to this are left out; 0 by default. */
  readonly score?: number;
  /** Of boxes whose intersection is more than this part of their union, only the best stays; 0.5 by default. */
  readonly overlap?: number;
  /** The largest number of boxes; all by default. */
  readonly most?: number;
  /** The class of each box: boxes of different classes may overlap. */
  readonly classes?: ArrayLike<number>;
  /**
   * Whether a box becomes the mean of itself and of those that it suppresses, weighted by their scores, which is steadier in videos:
   * MediaPipe's weighted suppression. False by default.
   */
  readonly blend?: boolean;
}

/**
 * Non-maximum suppression: the boxes with the highest scores that do not overlap, best first, as ONNX's NonMaxSuppression selects them.
 * `boxes` has rows of left, top, right and bottom, in any units. Boxes with coordinates that are not finite are left out.
 */
export function nms(
  boxes: ArrayLike<number>,
  scores: ArrayLike<number>,
  options: NmsOptions = {},
): Detection[] {
  return keep(boxes, scores, options).map(({ index, members }) => {
    const [x = 0, y = 0, right = 0, bottom = 0] = meanRow(4, members, scores, (of, at) => {
      const [one, other] = [boxes[4 * of + at] ?? 0, boxes[4 * of + ((at + 2) % 4)] ?? 0];
      return at < 2 ? Math.min(one, other) : Math.max(one, other);
    });
    return { index, score: scores[index] ?? 0, x, y, width: right - x, height: bottom - y };
  });
}

/** A box that stays, and the boxes of which it is the mean: itself, and with `blend` those that it suppresses. */
export interface Kept {
  readonly index: number;
  readonly members: readonly number[];
}

/** The boxes that stay, best first. */
export function keep(
  boxes: ArrayLike<number>,
  scores: ArrayLike<number>,
  { score: least = 0, overlap = 0.5, most = Number.POSITIVE_INFINITY, classes, blend = false }: NmsOptions,
): Kept[] {
  expectNumbers("nms: boxes", boxes);
  expectNumbers("nms: scores", scores);
  if (boxes.length !== 4 * scores.length)
    throw new RangeError(`${boxes.length} numbers are not 4 for each of ${scores.length} scores`);
  if (blend && least < 0)
    throw new RangeError(`boxes are blended by scores from 0 up, but those above ${least} count`);
  const scoreOf = (index: number): number => scores[index] ?? 0;
  const order = Array.from({ length: scores.length }, (_, index) => index)
    .filter((index) => scoreOf(index) > least)
    .sort((a, b) => scoreOf(b) - scoreOf(a) || a - b);
  const kept: { readonly index: number; readonly members: number[]; readonly sides: Sides }[] = [];
  for (const index of order) {
    if (kept.length >= most && !blend) break;
    const sides = sidesOf(boxes, index);
    // A box that is nowhere overlaps no other.
    if (!Number.isFinite(sides.area)) continue;
    const better = kept.find(
      (other) => (!classes || classes[other.index] === classes[index]) && share(other.sides, sides) > overlap,
    );
    if (better) {
      if (blend) better.members.push(index);
    } else if (kept.length < most) kept.push({ index, members: [index], sides });
  }
  return kept;
}

interface Sides {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
  readonly area: number;
}

/** The sides of a box, whose corners may be in any order. */
function sidesOf(boxes: ArrayLike<number>, index: number): Sides {
  const [a = 0, b = 0, c = 0, d = 0] = [0, 1, 2, 3].map((at) => boxes[4 * index + at]);
  const [left, top, right, bottom] = [Math.min(a, c), Math.min(b, d), Math.max(a, c), Math.max(b, d)];
  return { left, top, right, bottom, area: (right - left) * (bottom - top) };
}

/** The intersection of two boxes, divided by their union; 0 if they do not touch. */
function share(a: Sides, b: Sides): number {
  const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  if (width <= 0 || height <= 0) return 0;
  const both = width * height;
  return both / (a.area + b.area - both);
}

/** The mean of rows of numbers, weighted by scores. */
export function meanRow(
  length: number,
  members: readonly number[],
  scores: ArrayLike<number>,
  numberOf: (row: number, at: number) => number,
): number[] {
  const [only = 0, ...others] = members;
  // Not by weights, for which the numbers of a single row would be rounded.
  if (others.length === 0) return Array.from({ length }, (_, at) => numberOf(only, at));
  let total = 0;
  for (const row of members) total += scores[row] ?? 0;
  return Array.from({ length }, (_, at) => {
    let sum = 0;
    for (const row of members) sum += numberOf(row, at) * (scores[row] ?? 0);
    return sum / total;
  });
}
