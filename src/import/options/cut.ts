// Cuts a model: at outputs that the caller names in place of the model's own, and, for advice, before nodes that cannot be imported.

import type { Diagnostic } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import { didYouMeanOrHas } from "#diagnostic/suggest.js";
import type { Node, NodeId } from "#ir/graph.js";
import { opOf } from "#ops/index.js";
import { quote, shellWord } from "#import/refusal.js";
import type { Value } from "#import/value.js";

/** One node of the model. A list of these is in the order of computation. */
export interface NodeNames {
  readonly reads: readonly string[];
  readonly makes: readonly string[];
  /** Whether the node cannot be imported. */
  readonly isBad: boolean;
}

/** The most names that a message proposes. */
const placeLimit = 100;

/** The least share of the multiply-accumulates that an advised cut keeps. */
const leastShare = 0.1;

/**
 * The values just before all nodes that cannot be imported, and the outputs that do not depend on such nodes. As outputs, they leave out
 * only what cannot be computed. The list has no constants and no inputs, and one name for each value.
 */
export function cutPlaces(
  order: readonly NodeNames[],
  outputs: readonly string[],
  nodes: ReadonlyMap<NodeId, Node>,
  valueOf: (name: string) => Value | undefined,
): readonly string[] {
  const lost = new Set<string>();
  const places = new Map<string, string>();
  const add = (name: string): void => {
    const value = valueOf(name);
    if (lost.has(name) || value?.ref.kind !== "node" || nodes.get(value.ref.id)?.op === "input") return;
    const key = JSON.stringify([value.ref.id, value.order, value.shape]);
    if (!places.has(key)) places.set(key, name);
  };
  for (const { reads, makes, isBad } of order) {
    if (!isBad && !reads.some((name) => lost.has(name))) continue;
    for (const name of reads) add(name);
    for (const name of makes) lost.add(name);
  }
  for (const name of outputs) add(name);
  return [...places.values()];
}

/** The multiply-accumulates of nodes. */
export function macsOf(nodes: ReadonlyMap<NodeId, Node>): number {
  let sum = 0;
  for (const { op, inputs, attributes, type } of nodes.values()) {
    if (op === "input" || op === "constant") continue;
    const types = inputs.flatMap((id) => nodes.get(id)?.type ?? []);
    sum += opOf(op).macs(types, attributes, type);
  }
  return sum;
}

/**
 * The help that says where to cut the model. It names a cut only after an import with that cut succeeded, and says how much the cut keeps.
 * `attempt` gives the graph of the model with other outputs; `all` is the number of multiply-accumulates of the whole model, with guesses
 * for unknown operators.
 */
export function cutHelp(
  places: readonly string[],
  all: number,
  attempt: (outputs: readonly string[]) => ReadonlyMap<NodeId, Node> | undefined,
  options: string,
): readonly string[] {
  const kept = places.length === 0 ? undefined : attempt(places);
  if (!kept) return all > 0 ? [headHelp] : [];
  const share = all > 0 ? Math.min(macsOf(kept) / all, 1) : 1;
  const percent = `about ${share < 0.01 ? "less than 1" : Math.round(100 * share)}% of the multiply-accumulates`;
  if (share < leastShare) return [`a cut before them would keep ${percent}`, headHelp];
  const keeps = share < 0.99 ? `, which keeps ${percent}` : "";
  if (places.length > placeLimit)
    return [`the model can be cut there, but at ${places.length} values${keeps}`];
  const line = `--outputs ${shellWord(places.join(","))}${options}`;
  return [`cut the model there and do the rest in JavaScript after the run${keeps}: ${line}`];
}

const headHelp = "--inputs NAME:SHAPE,… makes inputs of their results, and leaves out what comes before";

/** The messages; the advice to cut is added to the last message for which a cut would help. */
export function withCut(diagnostics: readonly Diagnostic[], help: () => readonly string[]): Diagnostic[] {
  const isAnswered = ({ code }: Diagnostic): boolean =>
    code === "unsupported-operator" || code === "needs-constant";
  const last = diagnostics.findLastIndex(isAnswered);
  return diagnostics.map((one, at) =>
    at === last ? { ...one, help: [...(one.help ?? []), ...help()] } : one,
  );
}

/** The error about a name that no value has. */
export function unknownOutput(name: string, known: Iterable<string>, file: string): Diagnostic {
  return error("unknown-output", `${file}: the model makes no value ${quote(name)}`, {
    help: didYouMeanOrHas(name, known),
  });
}
