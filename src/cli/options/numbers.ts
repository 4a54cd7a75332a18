// Parsers of numbers on the command line. They throw commander's error, which leads to exit code 2.

import { InvalidArgumentError } from "commander";
import { numberText } from "#ir/units.js";

/** A seed: 32 bits. */
export function seedOption(text: string): number {
  return within(text, 0, 2 ** 32 - 1);
}

export function threadCount(text: string): number {
  return within(text, 1, 256);
}

/** A number of runs, or of values of an output. A larger number is probably a typing error. */
export function countOption(text: string): number {
  return within(text, 1, 1_000_000);
}

/** A ratio, 0 or more. */
export function ratioFrom0(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value >= 0)) throw new InvalidArgumentError("it must be a number, 0 or more.");
  return value;
}

function within(text: string, least: number, most: number): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isInteger(value) || value < least || value > most)
    throw new InvalidArgumentError(`it must be a whole number from ${least} to ${numberText(most)}.`);
  return value;
}
