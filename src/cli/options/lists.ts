// Options that take lists, or may be given several times.

import { InvalidArgumentError, Option } from "commander";

/** An option that may be given several times; help shows its default as "none", not "[]". */
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

/** Rejects an empty list, which is probably a mistake, such as an empty shell variable. */
export function someOf(names: readonly string[]): readonly string[] {
  if (names.length === 0) throw new InvalidArgumentError("it must not be empty.");
  return names;
}
