// Numbers on the command line. Each throws commander's error, which ends in exit code 2.

import { InvalidArgumentError } from "commander";
import { numberText } from "#ir/units.js";

/** A seed: 32 bits. */
export function seedOption(text: string): number {
  return within(text, 0, 2 ** 32 - 1);
}

export function threadCount(text: string): number {
  return within(text, 1, 256);
}

/** More runs, or values of an output, than anybody waits for or reads are a slip. */
export function countOption(text: string): number {
  return within(text, 1, 1_000_000);
}

function within(text: string, least: number, most: number): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isInteger(value) || value < least || value > most)
    throw new InvalidArgumentError(`it is a whole number from ${least} to ${numberText(most)}.`);
  return value;
}
