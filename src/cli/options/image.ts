// The options of commands that read images as inputs.

import type { Command } from "commander";
import { InvalidArgumentError, Option } from "commander";
import type { DType } from "#ir/type.js";
import { isInteger } from "#ir/type.js";

/** How pixels become numbers: (pixel · scale − mean) / std, with pixels from 0 to 255; one mean and std, or one per channel. */
export interface ImageOptions {
  readonly scale: number;
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** Adds the options that say how pixels become numbers. */
export function withImageOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--scale <number>",
        "for images and .npy files of bytes: a factor for pixels, which are from 0 to 255; 1 for inputs of integers",
      )
        .argParser(numberOption)
        .default(1 / 255, "1/255"),
    )
    .addOption(
      new Option("--mean <list>", "for images: then subtract this (one number, or one per channel)")
        .argParser(numberList)
        .default([0], "0"),
    )
    .addOption(
      new Option("--std <list>", "for images: then divide by this").argParser(numberList).default([1], "1"),
    );
}

/** Whether the options differ from their defaults. */
export function asksForPixels({ scale, mean, std }: ImageOptions): boolean {
  return scale !== 1 / 255 || mean.some((one) => one !== 0) || std.some((one) => one !== 1);
}

/** The options for an input: by default, pixels of an input of integers stay integers. */
export function optionsFor(options: ImageOptions, dtype: DType = "f32"): ImageOptions {
  return isInteger(dtype) && !asksForPixels(options) ? { ...options, scale: 1 } : options;
}

/** The image options among a command's options. */
export function imageOptions({ scale, mean, std }: ImageOptions): ImageOptions {
  return { scale, mean, std };
}

function numberOption(text: string): number {
  const [numerator, denominator = "1"] = text.split("/");
  const value = Number(numerator) / Number(denominator);
  if (!Number.isFinite(value) || text === "")
    throw new InvalidArgumentError("it must be a number, such as 0.5 or 1/255.");
  return value;
}

function numberList(text: string): number[] {
  return text.split(",").map(numberOption);
}
