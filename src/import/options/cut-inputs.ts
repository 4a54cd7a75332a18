// Inputs that the caller names, written `name:1x3x224x224`: inner values that become inputs, and inputs that get a shape.

import { given } from "#diagnostic/given.js";
import type { Diagnostic, Result } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import { didYouMeanOrHas } from "#diagnostic/suggest.js";
import type { Graph } from "#ir/graph.js";
import type { Extent } from "./dimensions.js";
import { rankLimit } from "./dimensions.js";
import { quote, shellWord } from "#import/refusal.js";

/** A value that becomes an input, with its shape if the caller gives one. */
export interface NamedInput {
  readonly name: string;
  readonly extents?: readonly Extent[];
}

/** Reads `name` and `name:shape`, where the shape has numbers and symbols separated by `x`. `resolve` gives the value that a name means. */
export function namedInputs(
  texts: readonly string[],
  resolve: (name: string) => string | undefined,
  known: () => Iterable<string>,
  file: string,
): Result<readonly NamedInput[]> {
  const diagnostics: Diagnostic[] = [];
  const found = new Map<string, NamedInput>();
  for (const text of texts) {
    const whole = resolve(text);
    const colon = text.lastIndexOf(":");
    const name = whole ?? (colon < 0 ? undefined : resolve(text.slice(0, colon)));
    const shape = whole === undefined ? text.slice(colon + 1) : undefined;
    const extents = shape === undefined ? undefined : extentsOf(shape);
    if (name === undefined) {
      const plain = colon < 0 ? text : text.slice(0, colon);
      diagnostics.push(
        error("unknown-input", `${file}: the model has no value ${quote(plain)}`, {
          help: didYouMeanOrHas(plain, known()),
        }),
      );
    } else if (typeof extents === "string") {
      diagnostics.push(
        error("wrong-shape", `${file}: ${quote(text)}: ${extents}`, {
          help: ["a shape is written as in 1x3x224x224 or Nx3xHxW; symbols have no x in them"],
        }),
      );
    } else if (found.has(name)) {
      diagnostics.push(error("wrong-shape", `${file}: the input ${quote(name)} is given twice`));
    } else found.set(name, { name, ...given({ extents }) });
  }
  return diagnostics.length > 0 ? { diagnostics } : { value: [...found.values()], diagnostics };
}

function extentsOf(text: string): readonly Extent[] | string {
  if (text === "") return [];
  const parts = text.split("x");
  if (parts.length > rankLimit) return `a shape has ${rankLimit} extents at most`;
  const extents: Extent[] = [];
  for (const part of parts) {
    if (/^[A-Za-z_]\w*$/.test(part)) extents.push({ symbol: part });
    else if (/^\d{1,10}$/.test(part) && Number(part) >= 1) extents.push({ value: Number(part) });
    else return `${quote(part)} is not an extent`;
  }
  return extents;
}

/** The shape of the single output of a graph, with an open batch. */
export function outputExtents(graph: Graph | undefined): readonly Extent[] | undefined {
  const [output] = graph?.outputs ?? [];
  const shape = output && graph?.nodes.get(output.node)?.type.shape;
  return shape?.map((extent, axis) =>
    axis === 0 && graph?.batch !== undefined ? { symbol: graph.batch } : { value: extent },
  );
}

/** The error about an inner value whose shape is not known. */
export function unknownShape(name: string, file: string): Diagnostic {
  return error("unknown-shape", `${file}: the shape of ${quote(name)} is not known`, {
    help: [`say it, as in --inputs ${shellWord(name)}:1x64x56x56`],
  });
}

/** The error about a requested input that no output needs. */
export function unneededInput(name: string, file: string): Diagnostic {
  return error("unneeded-input", `${file}: no output depends on ${quote(name)}`, {
    help: ["leave it out of --inputs, or name other --outputs"],
  });
}
