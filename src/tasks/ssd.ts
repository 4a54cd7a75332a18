// Detectors with anchors, as SSD (Liu et al. 2016, arXiv:1512.02325): BlazeFace, SSD MobileNet and their like.

import { checkOptions } from "#runtime/options.js";
import type { AnchorOptions } from "./anchors.js";
import { ssdAnchors } from "./anchors.js";
import type { DetectOptions, Detector, PictureNet } from "./detector.js";
import { expectOneOf, makeDetector, outputShape } from "./detector.js";
import { expectNumbers, tasks } from "./numbers.js";
import type { Activation } from "./values.js";
import { activated, activations, joinedAll } from "./values.js";

/** How boxes are written relative to anchors. */
export interface BoxOptions {
  /** By what a net's numbers are divided: one number, or one each for x, y, width and height. MediaPipe's nets have their size here. */
  readonly scale?: number | readonly [x: number, y: number, width: number, height: number];
  /** Whether width and height are exponents, as in TensorFlow's object detection (with the scale [10, 10, 5, 5]). */
  readonly exponential?: boolean;
  /** Whether y comes before x, and height before width. */
  readonly yFirst?: boolean;
}

/** The heads of an SSD detector. */
export interface SsdOptions<Input extends string = never, Output extends string = string>
  extends DetectOptions<Input>, BoxOptions {
  /** How the anchors lie, for the size of the input if none is said; or rows of center x, center y, width and height, from 0 to 1. */
  readonly anchors: (Omit<AnchorOptions, "size"> & Partial<AnchorOptions>) | ArrayLike<number>;
  /** The output with a row for each anchor: the box, and behind it its key points; or the outputs of several layers, in their order. */
  readonly boxes: Output | readonly Output[];
  /** The output, or the outputs, with the scores of each anchor: one, or one for each class. */
  readonly scores: Output | readonly Output[];
  /** What makes probabilities of scores: `sigmoid` by default. */
  readonly activation?: Activation;
}

/**
 * A detector with anchors. Its options describe what the net's outputs are, and which boxes count. Throws if an option is wrong, or the net
 * takes no pictures; what it returns rejects if outputs and anchors do not fit together.
 */
export function ssdDetector<Input extends string, Output extends string>(
  net: PictureNet<Input, Output>,
  options: SsdOptions<NoInfer<Input>, NoInfer<Output>>,
): Detector {
  return makeDetector("ssdDetector", net, options, ssdKinds, ({ width, height }) => {
    const { anchors: lie, activation = "sigmoid" } = options;
    expectOneOf("ssdDetector", "activation", activation, activations);
    if (typeof (lie as unknown) !== "object" || lie === null || !("strides" in lie || "length" in lie))
      throw new TypeError(
        "ssdDetector: anchors must be { strides, … } or an array with four numbers for each anchor",
      );
    divisorsOf("ssdDetector", options);
    const anchors = "strides" in lie ? ssdAnchors({ size: [width, height], ...lie }) : lie;
    expectAnchors("ssdDetector", anchors);
    const [boxNames, scoreNames] = [options.boxes, options.scores].map((names) => {
      const list: readonly Output[] = Array.isArray(names) ? names : [names as Output];
      for (const name of list) outputShape("ssdDetector", net, name);
      return list;
    });
    const whose = `${net.name}: ssdDetector`;
    return (outputs) => {
      const all = (names: readonly Output[] = []): Float32Array =>
        joinedAll(names.map((name) => outputs[name]));
      const raw = all(boxNames);
      const scores = all(scoreNames);
      const count = anchors.length / 4;
      return {
        boxes: boxesOf(whose, raw, anchors, options),
        points: pointsOf(whose, raw, anchors, options),
        scores: activated(scores, scores.length / count, activation),
      };
    };
  });
}

const boxKinds = { scale: "", exponential: "boolean", yFirst: "boolean" };

const ssdKinds = {
  ...boxKinds,
  anchors: "",
  boxes: "",
  scores: "",
  activation: "string",
};

/**
 * The boxes of an SSD detector, rows of left, top, right and bottom relative to the input (0 to 1). `raw` has a row for each anchor, which
 * begins with the center and the size; what follows in it (key points, say) is left out.
 */
export function ssdBoxes(
  raw: ArrayLike<number>,
  anchors: ArrayLike<number>,
  options: BoxOptions = {},
): Float32Array {
  checkOptions(tasks, "ssdBoxes", options, boxKinds);
  return boxesOf("ssdBoxes", raw, anchors, options);
}

function boxesOf(
  call: string,
  raw: ArrayLike<number>,
  anchors: ArrayLike<number>,
  options: BoxOptions,
): Float32Array {
  const { exponential = false, yFirst = false } = options;
  const { count, length } = rowsOf(call, raw, anchors);
  const divisors = divisorsOf(call, options);
  const order = yFirst ? [1, 0, 3, 2] : [0, 1, 2, 3];
  const boxes = new Float32Array(4 * count);
  for (let at = 0; at < count; at++) {
    const number = (index: number): number =>
      (raw[at * length + (order[index] ?? 0)] ?? 0) / (divisors[index] ?? 1);
    const anchor = (index: number): number => anchors[4 * at + index] ?? 0;
    for (const axis of [0, 1]) {
      const center = number(axis) * anchor(2 + axis) + anchor(axis);
      const relative = number(2 + axis);
      const extent = anchor(2 + axis) * (exponential ? Math.exp(relative) : relative);
      boxes[4 * at + axis] = center - extent / 2;
      boxes[4 * at + 2 + axis] = center + extent / 2;
    }
  }
  return boxes;
}

/**
 * The key points behind the boxes of an SSD detector, such as the eyes of a face: x and y of each, relative to the input. Each row of `raw`
 * has as many as fit behind its box.
 */
export function ssdPoints(
  raw: ArrayLike<number>,
  anchors: ArrayLike<number>,
  options: BoxOptions = {},
): Float32Array {
  checkOptions(tasks, "ssdPoints", options, boxKinds);
  return pointsOf("ssdPoints", raw, anchors, options);
}

function pointsOf(
  call: string,
  raw: ArrayLike<number>,
  anchors: ArrayLike<number>,
  options: BoxOptions,
): Float32Array {
  const { yFirst = false } = options;
  const { count, length } = rowsOf(call, raw, anchors);
  const divisors = divisorsOf(call, options);
  const each = 2 * Math.floor((length - 4) / 2);
  return Float32Array.from({ length: count * each }, (_, at) => {
    const row = Math.floor(at / each);
    const axis = at % 2;
    const place = (at % each) + (yFirst ? 1 - 2 * axis : 0);
    const relative = (raw[row * length + 4 + place] ?? 0) / (divisors[axis] ?? 1);
    return relative * (anchors[4 * row + 2 + axis] ?? 0) + (anchors[4 * row + axis] ?? 0);
  });
}

/** How many rows there are for anchors, and the numbers of each. */
function rowsOf(
  call: string,
  raw: ArrayLike<number>,
  anchors: ArrayLike<number>,
): { readonly count: number; readonly length: number } {
  expectNumbers(`${call}: raw`, raw);
  expectAnchors(call, anchors);
  const count = anchors.length / 4;
  const length = count === 0 ? 4 : raw.length / count;
  if (!Number.isInteger(length) || length < 4 || (count === 0 && raw.length > 0))
    throw new RangeError(`${call}: ${raw.length} numbers are not at least 4 for each of ${count} anchors`);
  return { count, length };
}

/** Throws unless these are rows of four numbers. */
function expectAnchors(call: string, anchors: ArrayLike<number>): void {
  expectNumbers(`${call}: anchors`, anchors);
  if (anchors.length % 4 !== 0)
    throw new RangeError(`${call}: anchors are ${anchors.length} numbers, not four for each`);
}

/** By what x, y, width and height are divided. Throws if they are no numbers above 0. */
function divisorsOf(call: string, { scale = 1 }: BoxOptions): readonly number[] {
  const list: readonly unknown[] = Array.isArray(scale) ? scale : [scale, scale, scale, scale];
  const isRight = (one: unknown): one is number => typeof one === "number" && one > 0;
  if (list.length === 4 && list.every(isRight)) return list;
  const given = Array.isArray(scale) ? `[${list.join(", ")}]` : JSON.stringify(scale);
  throw new RangeError(
    `${call}: scale must be one number above 0, or four for x, y, width and height, not ${given}`,
  );
}
