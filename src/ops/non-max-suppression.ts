// Selection of boxes that do not overlap, by their places.

import { tensor } from "#ir/tensor.js";
import type { TensorType } from "#ir/type.js";
import { elements, sameShape } from "#ir/type.js";
import { placeOf, placesDoc, wrongExtent } from "./gather.js";
import { boolean, int, number } from "./kinds.js";
import { defineOp } from "./op.js";
import type { Random } from "./random.js";
import { checked } from "./window.js";

export const non_max_suppression = defineOp({
  doc: `The places of the boxes that remain after non-maximum suppression, in order, for each sample and class: boxes that overlap an earlier box are removed. The rest of the result is −1. The overlap of two boxes is the area of the intersection over that of the union. ${placesDoc}`,
  classes: [],
  operands: [
    {
      name: "boxes",
      doc: "[n, boxes, 4]: two opposite corners [y, x, y, x], or with `centered` [x, y, width, height], x and y of the centre",
      role: "data",
    },
    { name: "scores", doc: "[n, classes, boxes]", role: "data" },
    {
      name: "order",
      doc: "[n, classes, m]: places of boxes in the order in which they are considered, as from `top_k`; each counts once",
      role: "data",
      places: true,
    },
  ],
  attributes: {
    limit: int({ min: 1, doc: "largest number of boxes of a class" }),
    overlap: number({ default: 0.5, doc: "boxes that overlap an earlier one by more are removed" }),
    score: number({ default: Number.NEGATIVE_INFINITY, doc: "boxes with this score or less are removed" }),
    at_equal: boolean({
      default: false,
      doc: "whether a box with exactly this overlap is removed too, as in TensorFlow.js",
    }),
    centered: boolean({ default: false, doc: "whether boxes are given by their centre and size" }),
  },
  infer: ([boxes, scores, order], { limit }) => {
    if (!boxes || !scores || !order) return { problem: "non_max_suppression takes boxes, scores and order" };
    const [n = 0, count = 0, four] = boxes.shape;
    if (boxes.shape.length !== 3 || four !== 4)
      return {
        problem: `boxes have shape [${boxes.shape.join(", ")}], but it must be [n, boxes, 4]`,
        operand: 0,
      };
    const classes = scores.shape[1] ?? 0;
    if (!sameShape(scores.shape, [n, classes, count]))
      return {
        problem: `scores have shape [${scores.shape.join(", ")}], but it must be [${n}, classes, ${count}]`,
        operand: 1,
      };
    if (order.shape.length !== 3 || !sameShape(order.shape.slice(0, 2), [n, classes]))
      return {
        problem: `order has shape [${order.shape.join(", ")}], but it must be [${n}, ${classes}, m]`,
        operand: 2,
      };
    return wrongExtent(count, 0) ?? checked([n, classes, limit]);
  },
  errors: "moves",
  places: true,
  macs: () => 0,
  nonFinite: "never",
  mixesBatch: () => false,
  eval: ([boxes, scores, order], attributes, output) => {
    if (!boxes || !scores || !order) throw new TypeError("non_max_suppression takes boxes, scores and order");
    const { limit, overlap, score, at_equal: atEqual } = attributes;
    const [, classes = 1, count = 1] = scores.shape;
    const m = order.shape[2] ?? 1;
    const result = tensor(output.shape, () => -1);
    for (let row = 0; row < elements(output.shape.slice(0, 2)); row += 1) {
      const sample = Math.floor(row / classes);
      const boxAt = (place: number): Box => {
        const start = (sample * count + place) * 4;
        const [a = 0, b = 0, c = 0, d = 0] = boxes.data.subarray(start, start + 4);
        return cornersOf([a, b, c, d], attributes.centered);
      };
      const chosen: number[] = [];
      for (let at = 0; at < m && chosen.length < limit; at += 1) {
        const place = placeOf(order.data[row * m + at] ?? 0, count);
        if (!((scores.data[row * count + place] ?? 0) > score) || chosen.includes(place)) continue;
        const own = boxAt(place);
        const isFree = chosen.every((other) => {
          const shared = overlapOf(own, boxAt(other));
          return atEqual ? !(shared >= overlap) : !(shared > overlap);
        });
        if (isFree) chosen.push(place);
      }
      result.data.set(chosen, row * limit);
    }
    return result;
  },
  sample: (random) => sampleBoxes(random),
});

type Box = readonly [top: number, left: number, bottom: number, right: number];

function cornersOf([a, b, c, d]: Box, centered: boolean): Box {
  if (centered) return [b - d / 2, a - c / 2, b + d / 2, a + c / 2];
  return [Math.min(a, c), Math.min(b, d), Math.max(a, c), Math.max(b, d)];
}

/** The area of the intersection over that of the union; 0 for boxes that do not intersect. */
function overlapOf(a: Box, b: Box): number {
  const height = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const width = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  const shared = Math.max(height, 0) * Math.max(width, 0);
  const area = ([top, left, bottom, right]: Box): number => (bottom - top) * (right - left);
  return shared > 0 ? shared / (area(a) + area(b) - shared) : 0;
}

function sampleBoxes(random: Random): {
  inputs: TensorType[];
  attributes: {
    limit: number;
    overlap: number;
    score: number;
    at_equal: boolean;
    centered: boolean;
  };
} {
  const [n, classes, count] = [random.pick([1, 1, 2]), random.int(1, 3), random.int(1, 12)];
  return {
    inputs: [
      { dtype: "f32", shape: [n, count, 4] },
      { dtype: "f32", shape: [n, classes, count] },
      { dtype: "f32", shape: [n, classes, random.pick([count, random.int(1, count)])] },
    ],
    attributes: {
      limit: random.int(1, 6),
      overlap: random.pick([0.1, 0.3, 0.5]),
      score: random.pick([Number.NEGATIVE_INFINITY, -0.4, 0.2]),
      at_equal: random.next() < 0.5,
      centered: random.next() < 0.5,
    },
  };
}
