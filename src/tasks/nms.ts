// Of boxes that overlap, the best: non-maximum suppression.

import { checkOptions } from "#runtime/options.js";
import { expectNumber, expectNumbers, tasks } from "./numbers.js";

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
  checkOptions(tasks, "nms", options, nmsKinds);
  expectLimits("nms", options);
  const sides = sidesOf(boxes);
  return keep(sides, scores, options).map(({ index, members }) => {
    const [x = 0, y = 0, right = 0, bottom = 0] = meanRow(sides, 4, members, scores);
    return { index, score: scores[index] ?? 0, x, y, width: right - x, height: bottom - y };
  });
}

const nmsKinds = { score: "number", overlap: "number", most: "number", classes: "", blend: "boolean" };

/** Throws unless the numbers that say which boxes stay are right. */
export function expectLimits(call: string, { score, overlap, most, blend = false }: NmsOptions): void {
  if (score !== undefined) expectNumber(`${call}: score`, score, Number.NEGATIVE_INFINITY, "any");
  if (overlap !== undefined) expectNumber(`${call}: overlap`, overlap, 0, "any");
  if (most !== undefined && most !== Number.POSITIVE_INFINITY)
    expectNumber(`${call}: most`, most, 0, "whole");
  if (blend && score !== undefined && score < 0)
    throw new RangeError(`${call}: boxes are blended by scores from 0 up, but those above ${score} count`);
}

/** Rows of left, top, right and bottom of boxes with any two opposite corners. */
export function sidesOf(boxes: ArrayLike<number>): Float64Array {
  expectNumbers("nms: boxes", boxes);
  return Float64Array.from(boxes, (one, at) => {
    const other = boxes[at - (at % 4) + ((at + 2) % 4)] ?? 0;
    return at % 4 < 2 ? Math.min(one, other) : Math.max(one, other);
  });
}

/** A box that stays, and the boxes of which it is the mean: itself, and with `blend` those that it suppresses. */
export interface Kept {
  readonly index: number;
  readonly members: readonly number[];
}

/** The boxes that stay, best first. `sides` has rows of left, top, right and bottom. */
export function keep(
  sides: Float64Array,
  scores: ArrayLike<number>,
  { score: least = 0, overlap = 0.5, most = Number.POSITIVE_INFINITY, classes, blend = false }: NmsOptions,
): Kept[] {
  expectNumbers("nms: scores", scores);
  if (sides.length !== 4 * scores.length)
    throw new RangeError(`nms: ${sides.length} numbers are not 4 for each of ${scores.length} scores`);
  if (classes && classes.length !== scores.length)
    throw new RangeError(`nms: there are ${classes.length} classes for ${scores.length} boxes`);
  const scoreOf = (index: number): number => scores[index] ?? 0;
  const order = Array.from({ length: scores.length }, (_, index) => index)
    .filter((index) => scoreOf(index) > least)
    .sort((a, b) => scoreOf(b) - scoreOf(a) || a - b);
  const kept: { readonly index: number; readonly members: number[] }[] = [];
  const rows = new Float64Array(rowLength * order.length);
  for (const index of order) {
    if (kept.length >= most && !blend) break;
    const [left = 0, top = 0, right = 0, bottom = 0] = sides.subarray(4 * index, 4 * index + 4);
    const area = (right - left) * (bottom - top);
    // A box that is nowhere overlaps no other.
    if (!Number.isFinite(area)) continue;
    const row = [classes?.[index] ?? 0, left, top, right, bottom, area];
    // No intersection is more than the union, so there is nothing to compare.
    const rank = overlap < 1 ? firstOver(overlap, row, rows, kept.length) : kept.length;
    if (rank < kept.length) {
      if (blend) kept[rank]?.members.push(index);
    } else if (kept.length < most) {
      rows.set(row, rowLength * rank);
      kept.push({ index, members: [index] });
    }
  }
  return kept;
}

/** Of a box: class, left, top, right, bottom and area. They lie one after another, since most of the time goes into comparing them. */
const rowLength = 6;

/** The first of `count` boxes of the same class whose intersection with a box is more than this part of their union; or `count`. */
function firstOver(overlap: number, box: readonly number[], rows: Float64Array, count: number): number {
  const [own = 0, left = 0, top = 0, right = 0, bottom = 0, area = 0] = box;
  for (let rank = 0, at = 0; rank < count; rank++, at += rowLength) {
    if (rows[at] !== own) continue;
    const width = Math.min(right, rows[at + 3] ?? 0) - Math.max(left, rows[at + 1] ?? 0);
    if (width <= 0) continue;
    const height = Math.min(bottom, rows[at + 4] ?? 0) - Math.max(top, rows[at + 2] ?? 0);
    if (height <= 0) continue;
    const both = width * height;
    if (both / (area + (rows[at + 5] ?? 0) - both) > overlap) return rank;
  }
  return count;
}

/** The mean of rows of `length` numbers, weighted by scores; the first row as it is if a score is infinite. */
export function meanRow(
  rows: ArrayLike<number>,
  length: number,
  members: readonly number[],
  scores: ArrayLike<number>,
): number[] {
  const numberOf = (row: number, at: number): number => rows[row * length + at] ?? 0;
  let total = 0;
  for (const row of members) total += scores[row] ?? 0;
  // The numbers of a single row are not rounded.
  if (members.length === 1 || total === Number.POSITIVE_INFINITY)
    return Array.from({ length }, (_, at) => numberOf(members[0] ?? 0, at));
  return Array.from({ length }, (_, at) => {
    let sum = 0;
    for (const row of members) sum += numberOf(row, at) * (scores[row] ?? 0);
    return sum / total;
  });
}
