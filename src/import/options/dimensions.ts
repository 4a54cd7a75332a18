// Shapes of a model's inputs: the caller binds symbols, a leading symbol may stay open as the batch, and the caller may fix inputs.

import type { Diagnostic } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import { didYouMean } from "#diagnostic/suggest.js";
import type { Shape } from "#ir/type.js";
import { elements } from "#ir/type.js";
import type { FixedInput, GivenConstant } from "./constants.js";
import { fixedInput } from "./constants.js";
import type { ElementType } from "#import/element-type.js";
import { symbolName } from "#import/names.js";
import { diagnosticOf, quote } from "#import/refusal.js";

/** The most extents of a shape. */
export const rankLimit = 16;

/** An input as the file has it; a string says what is wrong with its extents. */
export interface WrittenInput {
  readonly name: string;
  readonly extents: readonly Extent[] | string;
  readonly type?: ElementType;
}

/** The symbol of an extent that has no name: `N` at axis 0 and `input_axis` elsewhere. */
export function namelessSymbol(input: string, axis: number): string {
  return axis === 0 ? "N" : `${symbolName(input) ?? "x"}_${axis}`;
}

/** What the caller says about inputs. */
export interface Bindings {
  readonly dims: ReadonlyMap<string, number>;
  readonly constants: ReadonlyMap<string, GivenConstant>;
}

/** The inputs' shapes, with 1 for the open batch, and the values of the fixed inputs. */
export interface InputShapes {
  readonly shapes: ReadonlyMap<string, Shape>;
  readonly fixed: ReadonlyMap<string, FixedInput>;
  readonly batch: string | undefined;
}

/** The symbols whose sizes are missing, the inputs, and other problems. */
export interface Unbound {
  readonly missing: readonly string[];
  readonly inputs: readonly KnownInput[];
  readonly wrong: readonly Diagnostic[];
  /** The symbol that stays open as the batch. */
  readonly batch: string | undefined;
}

/** An input whose number of axes is known. */
interface KnownInput {
  readonly name: string;
  readonly extents: readonly Extent[];
}

/** One extent as the file has it. */
export type Extent = { readonly value: number } | { readonly symbol: string };

/** Binds the symbols of inputs, or says which are missing or what is wrong. */
export function inputShapes(
  written: readonly WrittenInput[],
  { dims, constants }: Bindings,
  file: string,
): InputShapes | Unbound | readonly Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  for (const name of constants.keys())
    if (!written.some((input) => input.name === name))
      diagnostics.push(
        unknownInput(
          name,
          written.map((input) => input.name),
          file,
        ),
      );
  for (const { name, extents } of written) {
    if (typeof extents === "string" && !constants.has(name))
      diagnostics.push(
        error("bad-model", `${file}: input ${quote(name)} ${extents}`, {
          help: [
            `give it a shape, such as --inputs ${symbolName(name) === name ? name : "NAME"}:1x3x224x224, or export the model with one; dimensions in it may be open, and --dim binds them`,
          ],
        }),
      );
  }
  if (diagnostics.length > 0) return diagnostics;
  const bound = new Map(dims);
  const missing = new Set<string>();
  const known = new Set<string>();
  const note = (extents: readonly Extent[]): void => {
    for (const extent of extents) if ("symbol" in extent) known.add(extent.symbol);
  };
  const fixed = new Map<string, FixedInput>();
  for (const { name, extents, type } of written) {
    const given = constants.get(name);
    if (given === undefined) continue;
    const own = typeof extents === "string" ? undefined : extents;
    note(own ?? []);
    try {
      const value = fixedInput(name, given, own, type, bound);
      if (value) fixed.set(name, value);
      else
        for (const one of own ?? []) if ("symbol" in one && !bound.has(one.symbol)) missing.add(one.symbol);
    } catch (cause) {
      diagnostics.push(diagnosticOf(cause, file));
    }
  }
  const all = written.flatMap(({ name, extents }): KnownInput[] =>
    constants.has(name) || typeof extents === "string" ? [] : [{ name, extents }],
  );
  const lists = all.map(({ extents }) => extents);
  const batch = openBatch(lists, bound, missing);
  const shapes = new Map<string, Shape>();
  for (const { name, extents } of all) {
    note(extents);
    const shape = extents.map((extent, axis) => {
      if ("value" in extent) return extent.value;
      if (axis === 0 && extent.symbol === batch) return 1;
      const size = bound.get(extent.symbol);
      if (size === undefined) missing.add(extent.symbol);
      return size ?? 1;
    });
    if (elements(shape) > 2 ** 31)
      diagnostics.push(
        error("too-large", `${file}: input ${quote(name)} [${shape.join(", ")}] has more than 2^31 elements`),
      );
    shapes.set(name, shape);
  }
  for (const [name, size] of dims) {
    if (known.has(name)) {
      if (!Number.isSafeInteger(size) || size < 1)
        diagnostics.push(
          error("wrong-dimension", `${file}: the dimension \`${name}\` is ${size}`, {
            help: ["it is a whole number, 1 or more"],
          }),
        );
      continue;
    }
    const has = known.size > 0 ? `it has ${[...known].join(", ")}` : "all its dimensions are numbers";
    diagnostics.push(
      error("unknown-dimension", `${file}: no input has a dimension \`${name}\``, { help: [has] }),
    );
  }
  if (missing.size > 0) return { missing: [...missing], inputs: all, wrong: diagnostics, batch };
  if (diagnostics.length > 0) return diagnostics;
  return { shapes, fixed, batch };
}

/** The most inputs that a message lists. */
const listLimit = 8;

/** The error about an input that should be fixed but does not exist. */
export function unknownInput(name: string, inputs: readonly string[], file: string): Diagnostic {
  const near = didYouMean(name, inputs);
  const all = `the input${inputs.length === 1 ? " is" : "s are"} ${inputs.map(quote).join(", ")}`;
  const isShort = inputs.length > 0 && inputs.length <= listLimit;
  return error("unknown-input", `${file}: there is no input ${quote(name)} to be fixed`, {
    help: near.length > 0 ? near : isShort ? [all] : [],
  });
}

/** The message about missing sizes, with an example. */
export function unboundMessage(
  { missing, inputs }: Unbound,
  file: string,
  example: ReadonlyMap<string, number> | undefined,
): Diagnostic {
  const shapes = inputs
    .filter(({ extents }) => extents.some((one) => "symbol" in one && missing.includes(one.symbol)))
    .map(({ name, extents }) => {
      const list = extents.map((extent) => ("value" in extent ? extent.value : extent.symbol));
      return `input ${quote(name)} is [${list.join(", ")}]`;
    });
  return error("unbound-dimension", `${file}: ${missing.join(", ")} must be known to compile the model`, {
    help: [...shapes, ...(example ? [`for example${dimOptions(example)}`] : [])],
  });
}

/** Sizes as options of a command line. */
export function dimOptions(dims: ReadonlyMap<string, number>): string {
  return [...dims].map(([name, size]) => ` --dim ${name}=${size}`).join("");
}

/** The symbol that is at axis 0 of every input and nowhere else, if it is not bound and no fixed input needs it. */
function openBatch(
  inputs: readonly (readonly Extent[])[],
  dims: ReadonlyMap<string, number>,
  needed: ReadonlySet<string>,
): string | undefined {
  const first = inputs[0]?.[0];
  if (!first || !("symbol" in first) || dims.has(first.symbol) || needed.has(first.symbol)) return undefined;
  const isEverywhere = inputs.every(([lead]) => lead && "symbol" in lead && lead.symbol === first.symbol);
  const isElsewhere = inputs.some((extents) =>
    extents.slice(1).some((extent) => "symbol" in extent && extent.symbol === first.symbol),
  );
  return isEverywhere && !isElsewhere ? first.symbol : undefined;
}
