// Options that take lists, or may be given several times.

import { InvalidArgumentError, Option } from "commander";

/** An option that may be given several times; help says "none" of its default, not "[]". */
export function list(flags: string, doc: string, add: (text: string, all: string[]) => string[]): Option {
  return new Option(flags, doc).argParser(add).default([], "none");
}

export function collect(text: string, all: string[]): string[] {
  return [...all, text];
}

export function commaList(text: string): string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

/** A list that leaves everything as it is was meant otherwise, as by a shell's variable that is empty. */
export function someOf(names: readonly string[]): readonly string[] {
  if (names.length === 0) throw new InvalidArgumentError("it names nothing.");
  return names;
}
