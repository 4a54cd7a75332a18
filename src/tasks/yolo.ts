// Detectors without anchors whose output has boxes, scores and key points together: YOLO since version 5, YOLOX.

import type { PictureInput } from "#runtime/pixels.js";
import type { DetectOptions, Detector, PictureNet } from "./detector.js";
import { makeDetector, outputShape } from "./detector.js";
import { expectStrides } from "./anchors.js";
import type { Candidates } from "./found.js";
import { expectNumber } from "./numbers.js";

/** The head of a YOLO detector: for each box center x, center y, width, height, scores of classes, and key points. */
export interface YoloOptions<
  Input extends string = never,
  Output extends string = never,
> extends DetectOptions<Input> {
  /** The output with the boxes; by default the only one with three axes. */
  readonly output?: Output;
  /** Whether the boxes are the last axis ([n, numbers, boxes], as in YOLOv8) or the one before; by default the longer one, unless the numbers fit the other. */
  readonly boxesLast?: boolean;
  /** Whether a score of the box itself stands before those of classes, and is multiplied by them, as in YOLOv5 and YOLOX; false by default. */
  readonly objectness?: boolean;
  /**
   * How many classes there are, with the background if they have one; by default as many as `labels` say, else one with key points, and
   * without them what is left.
   */
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
  const { objectness = false, keyPoints = 0, labels } = options;
  expectNumber("yoloDetector: keyPoints", keyPoints, 0, "whole");
  if (options.classes !== undefined) expectNumber("yoloDetector: classes", options.classes, 1, "whole");
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
  const background = Number(options.background !== undefined);
  const own = labels?.length ?? (keyPoints > 0 ? 1 : undefined);
  const known = options.classes ?? (own === undefined ? undefined : own + background);
  if (labels && known !== labels.length + background)
    throw new RangeError(
      `yoloDetector: ${labels.length} labels are not those of ${known} classes${background > 0 ? ", of which one is the background" : ""}`,
    );
  const before = 4 + Number(objectness);
  /** Whether a box has as many numbers. Coefficients may follow the classes if another output has as many masks. */
  const fits = (length: number): boolean => {
    const behind = length - before - (known ?? 0);
    if (keyPoints > 0) return behind === 2 * keyPoints || behind === 3 * keyPoints;
    return behind === 0 || names.some((name) => hasMasks(net.outputs[name], behind));
  };
  const isSure = known !== undefined && fits(a) !== fits(b);
  if (options.boxesLast === undefined && !isSure && a === b)
    throw new TypeError(
      `yoloDetector: output ${JSON.stringify(output)} is [${shape.join(", ")}]; say by boxesLast whether the boxes are the last axis`,
    );
  const { boxesLast = isSure ? fits(a) : b > a } = options;
  const [count, length] = boxesLast ? [b, a] : [a, b];
  const rest = length - before;
  const classes = known ?? rest;
  const isFree = options.classes !== undefined && keyPoints === 0;
  if (classes < 1 || !(isFree ? classes <= rest : known === undefined || fits(length))) {
    const score = objectness ? ", a score" : "";
    const points = keyPoints > 0 ? ` and ${keyPoints} key points` : "";
    const help =
      points || classes >= rest ? "" : "; if others follow the classes, say by classes how many there are";
    throw new RangeError(
      `yoloDetector: ${length} numbers for each box are not its place${score}, ${classes} classes${points}${help}`,
    );
  }
  const ofPoint = keyPoints > 0 ? (rest - classes) / keyPoints : 2;
  return { output, boxesLast, count, length, classes, ofPoint };
}

/** Whether an output is as many masks: [n, masks, height, width] or [n, height, width, masks]. */
function hasMasks(shape: readonly (number | string)[], count: number): boolean {
  return shape.length === 4 && (shape[1] === count || shape[3] === count);
}

/** The cells of layers, one after another: x and y of each and its size, in pixels. Throws if there are not as many cells as boxes. */
function gridOf(strides: readonly number[], { width, height }: PictureInput, count: number): Float32Array {
  const cells: number[] = [];
  expectStrides("yoloDetector", strides);
  for (const stride of strides) {
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
  { objectness = false, keyPoints = 0, pixels = true }: YoloOptions<string, string>,
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
