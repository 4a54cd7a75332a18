// The options of commands that read or write what is known about pictures as inputs.

import type { Command } from "commander";
import { InvalidArgumentError, Option } from "commander";
import { given } from "#diagnostic/given.js";
import type { Preprocess } from "#ir/preprocess.js";
import { defaultPreprocess, fits, layouts, orders } from "#ir/preprocess.js";
import type { DType } from "#ir/type.js";
import { withGroup } from "./group.js";

/** What the options say about pictures as inputs. Without an option, what the model says holds, or a default. */
export type ImageOptions = { readonly [K in keyof Preprocess]?: Preprocess[K] };

/** The heading of these options in the help. */
export const pictureHeading = "Pictures:";

/** Adds the options that say how pixels become numbers. */
export function withImageOptions(command: Command): Command {
  return withGroup(command, pictureHeading, () =>
    command
      .addOption(
        new Option(
          "--scale <number>",
          "a factor for the bytes of pixels, from 0 to 255, also those of .npy files (default: 1/255, and 1 for inputs of integers and models that scale bytes themselves)",
        ).argParser(numberOption),
      )
      .addOption(
        new Option(
          "--mean <list>",
          "then subtract this, one number or one per channel (default: 0)",
        ).argParser(numberList),
      )
      .addOption(new Option("--std <list>", "then divide by this (default: 1)").argParser(numberList))
      .addOption(
        new Option(
          "--fit <how>",
          "pictures of another size: stretch them, cover the input with their middle, or let it contain them, with borders (default: stretch)",
        ).choices(fits),
      )
      .addOption(
        new Option(
          "--crop <part>",
          "the part of width and height that is used, from the middle (default: 1)",
        ).argParser(numberOption),
      )
      .addOption(
        new Option(
          "--pad <gray>",
          "the gray of borders and behind transparent pixels, 0 to 255 (default: 0)",
        ).argParser(numberOption),
      )
      .addOption(new Option("--order <order>", "the order of colors (default: rgb)").choices(orders))
      .addOption(
        new Option(
          "--layout <layout>",
          "whether channels are the last or the second axis (default: what the model's operators say)",
        ).choices(layouts),
      ),
  );
}

/** The options of commands that write a model: which input takes pictures, and what its classes are called. */
export interface PictureOptions extends ImageOptions {
  readonly image?: boolean;
  readonly imageInput?: string;
  /** A text file. */
  readonly labels?: string;
}

/** Adds the options of models that take pictures, beside those of `withImageOptions`. */
export function withPictureOptions(command: Command): Command {
  return withGroup(command, pictureHeading, () =>
    command
      .option("--image", "the input takes pictures; --scale, --mean and others say how, and imply it")
      .option("--image-input <name>", "the same, for one of several inputs")
      .option("--labels <file>", "text file with the names of the classes, one per line"),
  );
}

/** Whether the options say something about pixels. */
export function asksForPixels(options: ImageOptions): boolean {
  return Object.keys(imageOptions(options)).length > 0;
}

/** An input, and what the model says about its pictures. */
export interface PictureFacts {
  readonly shape: readonly number[];
  readonly dtype?: DType;
  readonly picture?: Preprocess;
}

/** How pictures become values of an input: by the options, what the model says, and defaults. */
export function preprocessFor(
  options: ImageOptions,
  { shape, dtype = "f32", picture = defaultPreprocess({ shape, dtype }) }: PictureFacts,
): Preprocess {
  return { ...picture, ...imageOptions(options) };
}

/** The image options among a command's options. */
export function imageOptions(options: ImageOptions): ImageOptions {
  const { scale, mean, std, fit, crop, pad, order, layout } = options;
  return given({ scale, mean, std, fit, crop, pad, order, layout });
}

function numberOption(text: string): number {
  const parts = text.split("/");
  const [numerator = Number.NaN, denominator = 1] = parts.map((part) =>
    part.trim() === "" ? Number.NaN : Number(part),
  );
  const value = numerator / denominator;
  if (!Number.isFinite(value) || parts.length > 2)
    throw new InvalidArgumentError("it must be a number, such as 0.5 or 1/255.");
  return value;
}

function numberList(text: string): number[] {
  return text.split(",").map(numberOption);
}
