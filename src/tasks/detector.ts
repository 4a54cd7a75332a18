// From a picture to what a detector finds in it: runs the net, takes the best of its boxes, and finds their places in the picture.

import { checkOptions } from "#runtime/options.js";
import type { Picture } from "#runtime/pictures.js";
import { pictureRegion } from "#runtime/pictures.js";
import type { PictureInput } from "#runtime/pixels.js";
import { describe } from "#runtime/ports.js";
import type { Candidates, Found, FoundOptions } from "./found.js";
import { foundIn } from "./found.js";
import { expectLimits } from "./nms.js";
import { expectNumbers } from "./numbers.js";
import { placesIn } from "./places.js";

/** A net that takes pictures, as a module loads it. */
export interface PictureNet<Input extends string = string, Output extends string = string> {
  readonly name: string;
  readonly pictures: Readonly<Record<Input, PictureInput>>;
  readonly outputs: Readonly<Record<Output, readonly (number | string)[]>>;
  /** `never`, since a net of any inputs is one of these. */
  run(inputs: never, options?: { readonly signal?: AbortSignal }): Promise<object>;
}

/** The outputs of a net for one picture. */
export type PictureOutputs<Output extends string = string> = Readonly<Record<Output, Float32Array>>;

/** What every detector takes. By default, for nets with a single input that takes pictures. */
export interface DetectOptions<Input extends string = never> extends FoundOptions {
  /** Which input takes the picture; by default the only one that does. */
  readonly input?: Input;
}

/** Finds things in a picture, best first; in each of several pictures, if the net's batch is open or has their number. */
export interface Detector {
  (picture: Picture, options?: { readonly signal?: AbortSignal }): Promise<Found[]>;
  (pictures: readonly Picture[], options?: { readonly signal?: AbortSignal }): Promise<Found[][]>;
  (
    pictures: Picture | readonly Picture[],
    options?: { readonly signal?: AbortSignal },
  ): Promise<Found[] | Found[][]>;
}

/**
 * A detector of a net and a function that reads candidates from the net's outputs for one picture. `ssdDetector`, `yoloDetector` and
 * `boxDetector` have such functions. Throws if the net takes no pictures; what it returns rejects if the candidates do not fit together.
 */
export function detector<Input extends string, Output extends string>(
  net: PictureNet<Input, Output>,
  candidatesOf: (outputs: PictureOutputs<Output>, input: PictureInput) => Candidates,
  options: DetectOptions<NoInfer<Input>> = {},
): Detector {
  if (typeof (candidatesOf as unknown) !== "function")
    throw new TypeError(`detector: what reads candidates must be a function, not ${typeof candidatesOf}`);
  return makeDetector("detector", net, options, {}, (input) => (outputs) => {
    const candidates = candidatesOf(outputs, input);
    expectCandidates(candidates);
    return candidates;
  });
}

/** Throws unless a function of the caller has returned boxes and scores, all of them arrays. */
function expectCandidates(candidates: unknown): void {
  const parts = Object(candidates) as Readonly<Record<string, unknown>>;
  if (!("boxes" in parts && "scores" in parts)) {
    const kind = describe(candidates);
    const given = kind === "Object" ? `{ ${Object.keys(parts).join(", ")} }` : kind;
    throw new TypeError(`detector: the function must return { boxes, scores }, not ${given}`);
  }
  for (const name of ["boxes", "scores", "classes", "points", "pointScores"])
    if (name === "boxes" || name === "scores" || parts[name] !== undefined)
      expectNumbers(`detector: ${name}`, parts[name]);
}

/**
 * As `detector`, for the function `call`, which has further options of these kinds; `reader` prepares for the input what reads candidates.
 * Throws if an option is wrong.
 */
export function makeDetector<Output extends string>(
  call: string,
  net: PictureNet<string, Output>,
  options: DetectOptions<string>,
  kinds: Readonly<Record<string, string>>,
  reader: (input: PictureInput) => (outputs: PictureOutputs<Output>) => Candidates,
): Detector {
  const input = inputOf(call, net, options, { ...detectKinds, ...kinds });
  const candidatesOf = reader(input);
  const find = async (
    pictures: Picture | readonly Picture[],
    own: { readonly signal?: AbortSignal } = {},
  ): Promise<Found[] | Found[][]> => {
    checkOptions(net, `what ${call} returns`, own, { signal: "AbortSignal" });
    const { signal } = own;
    const list: readonly Picture[] = Array.isArray(pictures) ? pictures : [pictures as Picture];
    // Before the run, after which a frame may be closed.
    const places = list.map((picture) => placesIn(pictureRegion(picture, `${net.name}: the picture`), input));
    const values = { [input.name]: pictures } as never;
    const outputs = (await net.run(values, signal && { signal })) as PictureOutputs<Output>;
    const found = places.map((inPixels, at) =>
      foundIn(
        `${net.name}: ${call}`,
        candidatesOf(outputsOf(net, outputs, at, list.length)),
        options,
        inPixels,
      ),
    );
    return Array.isArray(pictures) ? found : (found[0] ?? []);
  };
  return find as Detector;
}

/** What each option of a detector must be. */
const detectKinds = {
  input: "string",
  score: "number",
  overlap: "number",
  most: "number",
  blend: "boolean",
  acrossClasses: "boolean",
  background: "string",
  labels: "",
};

/** The input that takes the picture. Throws if the net takes none, or if an option is wrong. */
function inputOf(
  call: string,
  net: PictureNet,
  options: DetectOptions<string>,
  kinds: Readonly<Record<string, string>>,
): PictureInput {
  const way = "compile the model with --image or preprocess(…), and give what load returns";
  if (typeof (net as unknown) !== "object" || net === null || typeof (net.run as unknown) !== "function")
    throw new TypeError(
      `${call}: the net must be a loaded net, not ${net instanceof Promise ? "a promise; await load()" : typeof net}`,
    );
  if (typeof (net.pictures as unknown) !== "object" || net.pictures === null)
    throw new TypeError(`${call}: ${net.name} takes no pictures; ${way}`);
  checkOptions(net, call, options, kinds);
  expectLimits(call, options);
  const { background = "first", labels, input: name } = options;
  expectOneOf(call, "background", background, ["first", "last"]);
  if (labels !== undefined && !Array.isArray(labels))
    throw new TypeError(`${call}: labels must be a list of names, not ${typeof labels}`);
  const names = Object.keys(net.pictures);
  const chosen = name ?? (names.length === 1 ? names[0] : undefined);
  if (chosen === undefined)
    throw new TypeError(
      `${call}: several inputs of ${net.name} take pictures (${names.join(", ")}); choose one by input`,
    );
  const input = Object.hasOwn(net.pictures, chosen) ? net.pictures[chosen] : undefined;
  if (!input)
    throw new TypeError(
      `${call}: ${net.name} has no input "${chosen}" that takes pictures; it has ${names.join(", ")}`,
    );
  return input;
}

/** Throws unless the option, if it is given, is one of these. */
export function expectOneOf(call: string, option: string, value: unknown, all: readonly string[]): void {
  if (value === undefined || all.includes(value as string)) return;
  const list = all.map((one) => `"${one}"`).join(" or ");
  throw new TypeError(`${call}: ${option} must be ${list}, not ${JSON.stringify(value)}`);
}

/** The shape of an output of the net for one picture. Throws if it has none of that name. */
export function outputShape(call: string, net: PictureNet, name: string): readonly (number | string)[] {
  const shape = Object.hasOwn(net.outputs, name) ? net.outputs[name] : undefined;
  if (shape) return shape;
  const names = Object.keys(net.outputs).join(", ");
  throw new TypeError(`${call}: ${net.name} has no output ${JSON.stringify(name)}; it has ${names}`);
}

/** The outputs for one of several pictures. Outputs that do not depend on the pictures are there once. */
function outputsOf<Output extends string>(
  { outputs: shapes }: PictureNet,
  outputs: PictureOutputs<Output>,
  at: number,
  count: number,
): PictureOutputs<Output> {
  if (count === 1) return outputs;
  const own = Object.entries<Float32Array>(outputs).map(([name, values]) => {
    const extent = shapes[name]?.[0];
    const size = values.length / count;
    const isShared = typeof extent === "number" && extent !== count;
    return [name, isShared ? values : values.subarray(at * size, (at + 1) * size)];
  });
  return Object.fromEntries(own) as PictureOutputs<Output>;
}
