// Shapes of a model's inputs: symbols are bound by the caller, and a leading one may stay open as the batch.

import type { Diagnostic } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import type { Shape } from "#ir/type.js";
import { elements } from "#ir/type.js";
import { symbolName } from "./names.js";
import { quote } from "./refusal.js";

/** Most extents of a shape. */
export const rankLimit = 16;

/** An input as the file has it; a text says what is wrong with its extents. */
export interface WrittenInput {
  readonly name: string;
  readonly extents: readonly Extent[] | string;
}

/** The symbol of an extent that has no name: `N` at axis 0 and `input_axis` elsewhere. */
export function namelessSymbol(input: string, axis: number): string {
  return axis === 0 ? "N" : `${symbolName(input) ?? "x"}_${axis}`;
}

/** The inputs' shapes, with 1 for the open batch. */
export interface InputShapes {
  readonly shapes: ReadonlyMap<string, Shape>;
  readonly batch: string | undefined;
}

/** One extent as the file has it. */
export type Extent = { readonly value: number } | { readonly symbol: string };

/** Binds the symbols of inputs, or says which ones are missing. */
export function inputShapes(
  written: readonly WrittenInput[],
  dims: ReadonlyMap<string, number>,
  file: string,
): InputShapes | readonly Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  for (const { name, extents } of written) {
    if (typeof extents === "string")
      diagnostics.push(
        error("bad-model", `${file}: input ${quote(name)} ${extents}`, {
          help: ["export the model with a shape for it; dimensions in it may be open, and --dim binds them"],
        }),
      );
  }
  if (diagnostics.length > 0) return diagnostics;
  const all = written.map(({ name, extents }) => ({
    name,
    extents: typeof extents === "string" ? [] : extents,
  }));
  const batch = openBatch(
    all.map(({ extents }) => extents),
    dims,
  );
  const missing = new Set<string>();
  const known = new Set<string>();
  const shapes = new Map<string, Shape>();
  for (const { name, extents } of all) {
    const shape = extents.map((extent, axis) => {
      if ("value" in extent) return extent.value;
      known.add(extent.symbol);
      if (axis === 0 && extent.symbol === batch) return 1;
      const bound = dims.get(extent.symbol);
      if (bound === undefined) missing.add(extent.symbol);
      return bound ?? 1;
    });
    if (elements(shape) > 2 ** 31)
      diagnostics.push(
        error("too-large", `${file}: input ${quote(name)} [${shape.join(", ")}] has more than 2^31 elements`),
      );
    shapes.set(name, shape);
  }
  for (const name of dims.keys()) {
    if (known.has(name)) continue;
    const has = known.size > 0 ? `it has ${[...known].join(", ")}` : "all its dimensions are numbers";
    diagnostics.push(
      error("unknown-dimension", `${file}: no input has a dimension \`${name}\``, { help: [has] }),
    );
  }
  if (missing.size > 0) diagnostics.push(unbound(all, missing, file));
  return diagnostics.length > 0 ? diagnostics : { shapes, batch };
}

function unbound(
  inputs: readonly { readonly name: string; readonly extents: readonly Extent[] }[],
  missing: ReadonlySet<string>,
  file: string,
): Diagnostic {
  const names = [...missing];
  const shapes = inputs.map(({ name, extents }) => {
    const list = extents.map((extent) => ("value" in extent ? extent.value : extent.symbol));
    return `input ${quote(name)} is [${list.join(", ")}]`;
  });
  const example = names.map((name) => `--dim ${name}=${name === "N" || /batch/i.test(name) ? 1 : 224}`);
  return error(
    "unbound-dimension",
    `${file}: ${names.join(", ")} ${names.length === 1 ? "has" : "have"} to be known to compile the model`,
    { help: [...shapes, `say for example ${example.join(" ")}`] },
  );
}

/** The symbol that stands at axis 0 of every input and nowhere else, if it is not bound. */
function openBatch(
  inputs: readonly (readonly Extent[])[],
  dims: ReadonlyMap<string, number>,
): string | undefined {
  const first = inputs[0]?.[0];
  if (!first || !("symbol" in first) || dims.has(first.symbol)) return undefined;
  const isEverywhere = inputs.every(([lead]) => lead && "symbol" in lead && lead.symbol === first.symbol);
  const isElsewhere = inputs.some((extents) =>
    extents.slice(1).some((extent) => "symbol" in extent && extent.symbol === first.symbol),
  );
  return isEverywhere && !isElsewhere ? first.symbol : undefined;
}
