// Passes of the caller: their places in the pipeline, and what happens if one fails.

import { error } from "#diagnostic/diagnostic.js";
import type { Result } from "#diagnostic/diagnostic.js";
import { hasProperties } from "#diagnostic/argument.js";
import { placeOf } from "#diagnostic/call-place.js";
import { didYouMean } from "#diagnostic/suggest.js";
import type { Module } from "#ir/weights.js";
import { verify } from "#ops/verify.js";
import type { Pass, PassContext } from "./pass.js";

/** A pass of the caller, with its place among the passes. */
export interface ExtraPass<Options = unknown> {
  readonly pass: Pass<Options>;
  /** `before PASS` or `after PASS`. If that pass runs twice, `before` means its first run and `after` its last. */
  readonly at: string;
}

/**
 * The passes with those of the caller at their places, or errors. They are placed in order, so a place may name an extra pass before it, and
 * of two passes `after` one, the second runs first.
 */
export function placeExtraPasses<Options>(
  all: readonly Pass<Options>[],
  extra: readonly ExtraPass<Options>[],
): Result<readonly Pass<Options>[]> {
  let passes = all;
  for (const { pass, at } of extra) {
    if (passes.some(({ name }) => name === pass.name))
      return { diagnostics: [error("repeated-name", `there are two passes \`${pass.name}\``)] };
    const gap = gapOf(passes, at, `pass \`${pass.name}\``);
    if (typeof gap !== "number") return { diagnostics: [gap] };
    passes = passes.toSpliced(gap, 0, pass);
  }
  return { value: passes, diagnostics: [] };
}

/** The number of passes before a place, or an error; `what` is placed there. */
export function gapOf(
  passes: readonly Pass<never>[],
  place: string,
  what: string,
): number | ReturnType<typeof error> {
  const [, side, name] = /^(before|after) +(\S+)$/.exec(place.trim()) ?? [];
  if (side === undefined || name === undefined)
    return error("wrong-place", `\`${place}\` is not a place for ${what}`, {
      help: ["a place is `before PASS` or `after PASS`, such as `before canonicalize`"],
    });
  const names = passes.map((pass) => pass.name);
  const at = side === "before" ? names.indexOf(name) : names.lastIndexOf(name);
  if (at >= 0) return side === "before" ? at : at + 1;
  const near = didYouMean(name, names);
  return error("unknown-pass", `there is no pass \`${name}\` to place ${what} at`, {
    help: near.length > 0 ? near : [`there are ${[...new Set(names)].join(", ")}`],
  });
}

/** The module after a pass of the caller, or an error if the pass throws or breaks the module: that is no bug of Cleave. */
export function runExtraPass<Options>(
  pass: Pass<Options>,
  module: Module,
  context: PassContext<Options>,
): Result<Module> {
  const failed = (message: string, help: readonly string[] = []): Result<Module> => ({
    diagnostics: [error("failed-pass", `your pass \`${pass.name}\` ${message}`, { help })],
  });
  let after: Module;
  try {
    after = pass.run(module, context);
  } catch (thrown) {
    const place = placeOf(thrown);
    return failed(`throws ${String(thrown)}`, place === undefined ? [] : [`thrown at ${place}`]);
  }
  if (!hasProperties(after, "graph", "weights")) return failed("returns no module");
  if (after.graph === module.graph) return { value: after, diagnostics: [] };
  const [problem, ...more] = verify(after);
  return problem === undefined
    ? { value: after, diagnostics: [] }
    : failed(`leaves a module that is not sound: ${problem}`, more.slice(0, mostProblems));
}

/** One wrong type may cause many other problems. */
const mostProblems = 4;
