// Warnings about what a net computes or has in its weight file, and never uses.

import type { Diagnostic, Span } from "#diagnostic/diagnostic.js";
import { warning } from "#diagnostic/diagnostic.js";
import type { Node, NodeId } from "#ir/graph.js";
import { plural } from "#ir/units.js";
import type { Elaboration } from "../elaboration.js";

/** The layers that no output needs, except those in the places that are known already. */
export function deadLayers(state: Elaboration, known: readonly Span[]): Diagnostic[] {
  const needed = neededNodes(state);
  const dead = [...state.nodes.values()].filter(
    ({ id, op }) => !needed.has(id) && op !== "constant" && op !== "input",
  );
  const used = new Set(dead.flatMap(({ inputs }) => inputs));
  // The last layers of what is dead; the others are dead because these are.
  const last = dead.filter((node) => !used.has(node.id) && !isKnown(node, known));
  const [first, ...others] = last;
  const span = first && state.places.get(first.id);
  if (!first || !span) return [];
  const names = last.slice(0, 3).map(({ name }) => `\`${name}\``);
  const more = last.length > 3 ? `, and ${last.length - 3} more` : "";
  return [
    warning(
      "dead-layer",
      others.length === 0
        ? `no output needs ${names.join("")}`
        : `no output needs ${names.join(", ")}${more}`,
      {
        span,
        label: "computed and never used",
        help: ["remove it, or bind it to a name that begins with `_`"],
      },
    ),
  ];
}

function neededNodes(state: Elaboration): ReadonlySet<NodeId> {
  const needed = new Set<NodeId>();
  const open = [...state.outputs.values()].map(({ node }) => node);
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (needed.has(id)) continue;
    needed.add(id);
    for (const input of state.nodes.get(id)?.inputs ?? []) open.push(input);
  }
  return needed;
}

function isKnown({ origin }: Node, known: readonly Span[]): boolean {
  return origin.spans.some((span) =>
    known.some((one) => one.file === span.file && one.start <= span.start && span.end <= one.end),
  );
}

/** A note about the weights of the file that the net does not read, since it may be meant to use a part of them. */
export function unreadWeights(state: Elaboration): Diagnostic[] {
  const { weights } = state;
  if (!weights) return [];
  const read = new Set<string>();
  for (const { source } of state.store.entries.values())
    if (source.kind === "file" && source.file === weights.file) read.add(source.key);
  // PyTorch saves a counter with each batch norm.
  const rest = [...weights.entries.keys()].filter(
    (key) => !read.has(key) && !key.endsWith("num_batches_tracked"),
  );
  if (rest.length === 0) return [];
  const some = rest.slice(0, 3).map((key) => `\`${key}\``);
  const names = rest.length > 3 ? `${some.join(", ")}, …` : some.join(", ");
  return [
    {
      severity: "note",
      code: "unread-weights",
      message: `the net does not read ${plural(rest.length, "weight")} of ${weights.file}: ${names}`,
    },
  ];
}
