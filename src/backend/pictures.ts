// What a module says about pictures: how they become inputs, and how it classifies them.

import { jsString } from "#diagnostic/escape.js";
import type { KernelProgram, Port } from "#kernel/ir/ir.js";
import type { Preprocess } from "#ir/preprocess.js";
import { pictureSize } from "#ir/preprocess.js";
import type { DType } from "#ir/type.js";
import { isInteger } from "#ir/type.js";
import type { Classifier } from "#runtime/classify.js";
import type { PictureInput } from "#runtime/pixels.js";
import { runtimeTexts } from "#runtime/text.js";

/** How pictures become values of an input, as the runtime takes it. */
export function pictureInput(
  name: string,
  { mean, std, order, layout, ...rest }: Preprocess,
  shape: readonly number[],
  dtype: DType = "f32",
): PictureInput {
  const { height, width, depth } = pictureSize(shape, layout) ?? { height: 0, width: 0, depth: 0 };
  const each = (values: readonly number[]): number[] =>
    Array.from({ length: depth }, (_, c) => values[values.length === 1 ? 0 : c] ?? 0);
  return {
    name,
    height,
    width,
    depth,
    isFirst: layout === "nchw",
    isBgr: order === "bgr",
    ...rest,
    mean: each(mean),
    std: each(std),
    ...(isInteger(dtype) && { isInteger: true }),
  };
}

/** The inputs of a program that take pictures. */
function pictureInputs({ inputs }: Pick<KernelProgram, "inputs">): PictureInput[] {
  return inputs.flatMap(({ name, shape, picture, dtype }) =>
    picture ? [pictureInput(name, picture, shape, dtype)] : [],
  );
}

/** Whether some inputs of a program take pictures. */
export function takesPictures({ inputs }: Pick<KernelProgram, "inputs">): boolean {
  return inputs.some(({ picture }) => picture !== undefined);
}

/** What `load` wraps the net in, from the inside out: a function of the runtime and its constant. */
export function wrappersOf(
  program: KernelProgram,
  task: Classifier | undefined,
  withPictures: [string, string] = ["withPictures", "pictures"],
): [string, string][] {
  return [
    ...(takesPictures(program) ? [withPictures] : []),
    ...(task ? [["withClassify", "classifier"] as [string, string]] : []),
  ];
}

/** The constants of `wrappersOf`. */
export function picturesText(program: KernelProgram, task: Classifier | undefined): string {
  const pictures = pictureInputs(program);
  return [
    ...(pictures.length > 0
      ? [
          `/** How pictures become values of inputs. */\nconst pictures = [${pictures.map(literal).join(", ")}];\n`,
        ]
      : []),
    ...(task
      ? [
          `/** Which output has the values of classes, and their names. */\nconst classifier = ${literal(task)};\n`,
        ]
      : []),
  ].join("\n");
}

/** The parts of the runtime for them. */
export function picturesRuntime(program: KernelProgram, task: Classifier | undefined): string[] {
  return [
    ...(takesPictures(program) ? [runtimeTexts.pictures] : []),
    ...(task ? [runtimeTexts.classify] : []),
  ];
}

/** A value as an expression. */
function literal(value: unknown): string {
  if (typeof value === "string") return jsString(value);
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (typeof value !== "object" || value === null) return String(value);
  return `{ ${Object.entries(value)
    .map(([key, one]) => `${key}: ${literal(one)}`)
    .join(", ")} }`;
}

/** The axes of a port in words, where they are known. */
export function axesText({ shape, layout, picture }: Port): string | undefined {
  if (shape.length !== 4) return undefined;
  const known = picture?.layout ?? layout;
  if (known === undefined) return undefined;
  return known === "nhwc" ? "[batch, height, width, channels]" : "[batch, channels, height, width]";
}
