// Detectors whose nets compute the boxes themselves: DETR, YOLO-NAS, and models with suppression built in.

import type { DetectOptions, Detector, PictureNet, PictureOutputs } from "./detector.js";
import { expectOneOf, makeDetector, outputShape } from "./detector.js";
import type { Activation } from "./values.js";
import { activated, activations, columns } from "./values.js";

/** What the outputs of a net with finished boxes are: an output for each of boxes, scores and classes, or one for all in `rows`. */
export type FinishedOptions<
  Input extends string = never,
  Output extends string = string,
> = FinishedForm<Input> & (FinishedBoxes<Output> | FinishedRows<Output>);

/** Boxes, scores and classes in an output each. */
export interface FinishedBoxes<Output extends string = string> {
  /** The output with four numbers for each box. */
  readonly boxes: Output;
  /** The output with the scores of each box: one, or one for each class. */
  readonly scores: Output;
  /** The output with the class of each box, if there is one. */
  readonly classes?: Output;
  readonly rows?: undefined;
}

/** All in one output. */
export interface FinishedRows<Output extends string = string> {
  /** The output with rows of six numbers: four of the box, its score, its class. `detector` and `columns` read longer rows. */
  readonly rows: Output;
  readonly boxes?: undefined;
  readonly scores?: undefined;
  readonly classes?: undefined;
}

/** How finished boxes are written. */
export interface FinishedForm<Input extends string = never> extends DetectOptions<Input> {
  /** What the four numbers are: two opposite corners, by default, or center and size. */
  readonly form?: "corners" | "centers";
  /** Whether y comes before x, and height before width, as in models of TensorFlow; false by default. */
  readonly yFirst?: boolean;
  /** Whether places are in pixels of the input, instead of relative to it (0 to 1); false by default. */
  readonly pixels?: boolean;
  /** What makes probabilities of scores: `none` by default. */
  readonly activation?: Activation;
}

/** A detector whose net computes boxes itself. Throws if an option is wrong, or the net has not the outputs. */
export function boxDetector<Input extends string, Output extends string>(
  net: PictureNet<Input, Output>,
  options: FinishedOptions<NoInfer<Input>, NoInfer<Output>>,
): Detector {
  return makeDetector("boxDetector", net, options, finishedKinds, ({ width, height }) => {
    const { boxes: ofBoxes, scores: ofScores, classes: ofClasses, rows } = options;
    const { form = "corners", yFirst = false, pixels = false, activation = "none" } = options;
    expectOneOf("boxDetector", "form", form, ["corners", "centers"]);
    expectOneOf("boxDetector", "activation", activation, activations);
    const isWhole = ofBoxes !== undefined && ofScores !== undefined;
    const isNone = ofBoxes === undefined && ofScores === undefined && ofClasses === undefined;
    if (!(rows === undefined ? isWhole : isNone))
      throw new TypeError("boxDetector: give the outputs for boxes and scores, or the one for rows");
    expectRows(net, ofBoxes, 4, "rows of 4 numbers");
    expectRows(
      net,
      rows,
      6,
      "rows of 6 numbers (box, score and class); `detector` with `columns` reads others",
    );
    for (const name of [ofScores, ofClasses]) if (name !== undefined) outputShape("boxDetector", net, name);
    const units = pixels ? [width, height, width, height] : [1, 1, 1, 1];
    const order = yFirst ? [1, 0, 3, 2] : [0, 1, 2, 3];
    return (outputs) => {
      const { boxes: raw, scores, classes } = partsOf(outputs, options);
      const boxes = Float32Array.from(raw, (_, at) => {
        const row = at - (at % 4);
        const number = (index: number): number => (raw[row + (order[index] ?? 0)] ?? 0) / (units[index] ?? 1);
        if (form === "corners") return number(at % 4);
        const axis = at % 2;
        return number(axis) + number(2 + axis) * (at % 4 < 2 ? -0.5 : 0.5);
      });
      const each = (4 * scores.length) / boxes.length;
      return { boxes, scores: activated(scores, each, activation), ...(classes && { classes }) };
    };
  });
}

/** Throws unless the output, if there is one, has so many numbers in a row. */
function expectRows(net: PictureNet, name: string | undefined, length: number, wanted: string): void {
  if (name === undefined) return;
  const shape = outputShape("boxDetector", net, name);
  if (shape.at(-1) === length) return;
  throw new RangeError(
    `boxDetector: output ${JSON.stringify(name)} of ${net.name} is [${shape.join(", ")}], not ${wanted}`,
  );
}

const finishedKinds = {
  boxes: "string",
  scores: "string",
  classes: "string",
  rows: "string",
  form: "string",
  yFirst: "boolean",
  pixels: "boolean",
  activation: "string",
};

interface Parts {
  readonly boxes: Float32Array;
  readonly scores: Float32Array;
  readonly classes?: Float32Array;
}

function partsOf(outputs: PictureOutputs, { boxes, scores, classes, rows }: FinishedOptions<string>): Parts {
  const valuesOf = (name: string | undefined): Float32Array =>
    (name === undefined ? undefined : outputs[name]) ?? new Float32Array(0);
  if (rows === undefined)
    return {
      boxes: valuesOf(boxes),
      scores: valuesOf(scores),
      ...(classes !== undefined && { classes: valuesOf(classes) }),
    };
  const all = valuesOf(rows);
  return { boxes: columns(all, 6, 0, 4), scores: columns(all, 6, 4, 5), classes: columns(all, 6, 5, 6) };
}
