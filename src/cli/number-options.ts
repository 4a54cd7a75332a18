// Numbers on the command line. Each throws commander's error, which ends in exit code 2.

import { InvalidArgumentError } from "commander";

export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || text === "")
    throw new InvalidArgumentError("it is a whole number.");
  return value;
}

export function threadCount(text: string): number {
  const value = wholeNumber(text);
  if (value < 1 || value > 256) throw new InvalidArgumentError("it is from 1 to 256.");
  return value;
}

export function countOption(text: string): number {
  const value = wholeNumber(text);
  if (value === 0) throw new InvalidArgumentError("it is a whole number from 1 up.");
  return value;
}
