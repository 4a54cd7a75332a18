// Options under a heading of their own in the help of a command.

import type { Command } from "commander";
import { Help } from "commander";

/** Puts the options that `add` adds under a heading, unless they have one already. */
export function withGroup(command: Command, heading: string, add: () => Command): Command {
  const before = new Set(command.options);
  add();
  for (const option of command.options)
    if (!before.has(option)) option.helpGroup(option.helpGroupHeading ?? heading);
  return command;
}

/** The order of the headings: the options of a command alone come first. */
export const groupItems: Help["groupItems"] = (unsorted, visible, groupOf) => {
  const groups = [...new Help().groupItems(unsorted, visible, groupOf)];
  const isOwn = ([heading]: (typeof groups)[number]): boolean => heading === "Options:";
  return new Map([...groups.filter(isOwn), ...groups.filter((group) => !isOwn(group))]);
};
