// Detectors without anchors whose output has boxes, scores and key points together: YOLO since version 5, YOLOX.

import type { PictureInput } from "#runtime/pixels.js";
import type { DetectOptions, Detector, PictureNet } from "./detector.js";
import { makeDetector, outputShape } from "./detector.js";
import type { Candidates } from "./found.js";

/** The head of a YOLO detector: for each box center x, center y, width, height, scores of classes, and key points. */
export interface YoloOptions<
  Input extends string = string,
  Output extends string = string,
> extends DetectOptions<Input> {
  /** The output with the boxes; by default the only one with three axes. */
  readonly output?: Output;
  /** Whether the boxes are the last axis ([n, numbers, boxes], as in YOLOv8) or the one before; by default the longer one. */
  readonly boxesLast?: boolean;
  /** Whether a score of the box itself stands before those of classes, and is multiplied by them, as in YOLOv5 and YOLOX; false by default. */
  readonly objectness?: boolean;
  /** How many classes there are; by default as many as `labels`, else one with key points, and without them what is left. */
  readonly classes?: number;
  /** How many key points follow, each with x, y and, if there is room, a score; 0 by default. */
  readonly keyPoints?: number;
  /** Whether places are in pixels of the input, instead of relative to it (0 to 1); true by default. */
  readonly pixels?: boolean;
  /** Pixels between the boxes of each layer, if places are relative to them and sizes are exponents, as YOLOX exports them. */
  readonly strides?: readonly number[];
}

/**
 * A YOLO detector, whose scores are probabilities. Throws if an option is wrong, or the net has no output that fits; models that have done
 * suppression already are for `boxDetector`.
 */
export function yoloDetector<Input extends string, Output extends string>(
  net: PictureNet<Input, Output>,
  options: YoloOptions<NoInfer<Input>, NoInfer<Output>> = {},
): Detector {
  return makeDetector("yoloDetector", net, options, yoloKinds, (input) => {
    const head = headOf(net, options);
    const grid = options.strides && gridOf(options.strides, input, head.count);
    return (outputs) => candidatesOf(outputs[head.output], head, options, input, grid);
  });
}

const yoloKinds = {
  output: "string",
  boxesLast: "boolean",
  objectness: "boolean",
  classes: "number",
  keyPoints: "number",
  pixels: "boolean",
  strides: "",
};

/** Where the numbers of a box are. */
interface Head<Output extends string = string> {
  readonly output: Output;
  readonly boxesLast: boolean;
  /** Boxes. */
  readonly count: number;
  /** Numbers of each box. */
  readonly length: number;
  readonly classes: number;
  /** Numbers of a key point: 2 or 3. */
  readonly ofPoint: number;
}

function headOf<Output extends string>(
  net: PictureNet<string, Output>,
  options: YoloOptions<string, Output>,
): Head<Output> {
  const names = Object.keys(net.outputs) as Output[];
  const [only, ...others] = names.filter((name) => net.outputs[name].length === 3);
  const output = options.output ?? (others.length === 0 ? only : undefined);
  if (output === undefined)
    throw new TypeError(
      `yoloDetector: one output of ${net.name} must have three axes, or be chosen by output; it has ${names.join(", ")}`,
    );
  const shape = outputShape("yoloDetector", net, output);
  const [, a, b] = shape;
  if (shape.length !== 3 || typeof a !== "number" || typeof b !== "number")
    throw new TypeError(
      `yoloDetector: output ${JSON.stringify(output)} is [${shape.join(", ")}], not [n, numbers, boxes] or [n, boxes, numbers]`,
    );
  const { objectness = false, keyPoints = 0, labels, boxesLast = b > a } = options;
  const [count, length] = boxesLast ? [b, a] : [a, b];
  const rest = length - 4 - Number(objectness);
  const classes = options.classes ?? labels?.length ?? (keyPoints > 0 ? 1 : rest);
  const ofPoint = keyPoints > 0 ? Math.min(3, Math.floor((rest - classes) / keyPoints)) : 2;
  // With key points, nothing follows them.
  const isRight = keyPoints > 0 ? ofPoint >= 2 && classes + keyPoints * ofPoint === rest : classes <= rest;
  if (!(Number.isInteger(classes) && classes > 0 && isRight)) {
    const score = objectness ? ", a score" : "";
    const points = keyPoints > 0 ? ` and ${keyPoints} key points` : "";
    throw new RangeError(
      `yoloDetector: ${length} numbers for each box are not its place${score}, ${classes} classes${points}`,
    );
  }
  return { output, boxesLast, count, length, classes, ofPoint };
}

/** The cells of layers, one after another: x and y of each and its size, in pixels. Throws if there are not as many cells as boxes. */
function gridOf(strides: readonly number[], { width, height }: PictureInput, count: number): Float32Array {
  const cells: number[] = [];
  for (const stride of strides) {
    if (!(Number.isSafeInteger(stride) && stride > 0))
      throw new RangeError(
        `yoloDetector: a stride must be a whole number of pixels from 1 up, not ${stride}`,
      );
    const columns = Math.floor(width / stride);
    for (let at = 0; at < columns * Math.floor(height / stride); at++)
      cells.push((at % columns) * stride, Math.floor(at / columns) * stride, stride);
  }
  if (cells.length !== 3 * count)
    throw new RangeError(
      `yoloDetector: layers with the strides ${strides.join(", ")} have ${cells.length / 3} boxes, but the net has ${count}`,
    );
  return Float32Array.from(cells);
}

function candidatesOf(
  values: Float32Array,
  { boxesLast, count, length, classes, ofPoint }: Head,
  { objectness = false, keyPoints = 0, pixels = true }: YoloOptions,
  { width, height }: PictureInput,
  grid: Float32Array | undefined,
): Candidates {
  const [step, next] = boxesLast ? [1, count] : [length, 1];
  const [unitX, unitY] = pixels || grid ? [width, height] : [1, 1];
  const firstClass = objectness ? 5 : 4;
  const firstPoint = firstClass + classes;
  const boxes = new Float32Array(4 * count);
  const scores = new Float32Array(classes * count);
  const points = new Float32Array(2 * keyPoints * count);
  const pointScores = new Float32Array(ofPoint > 2 ? keyPoints * count : 0);
  for (let box = 0; box < count; box++) {
    const number = (at: number): number => values[box * step + at * next] ?? 0;
    let [x, y, w, h] = [number(0), number(1), number(2), number(3)];
    if (grid) {
      const [left = 0, top = 0, stride = 1] = [0, 1, 2].map((at) => grid[3 * box + at]);
      [x, y, w, h] = [left + x * stride, top + y * stride, Math.exp(w) * stride, Math.exp(h) * stride];
    }
    boxes.set([(x - w / 2) / unitX, (y - h / 2) / unitY, (x + w / 2) / unitX, (y + h / 2) / unitY], 4 * box);
    const own = objectness ? number(4) : 1;
    for (let c = 0; c < classes; c++) scores[box * classes + c] = own * number(firstClass + c);
    for (let point = 0; point < keyPoints; point++) {
      const at = firstPoint + point * ofPoint;
      points.set([number(at) / unitX, number(at + 1) / unitY], 2 * (box * keyPoints + point));
      if (ofPoint > 2) pointScores[box * keyPoints + point] = number(at + 2);
    }
  }
  return { boxes, scores, points, ...(ofPoint > 2 && { pointScores }) };
}
