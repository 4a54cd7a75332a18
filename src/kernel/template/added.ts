// A second convolution whose products a kernel adds to its own sums.

import type { Shape } from "#ir/type.js";
import { channels } from "#ir/type.js";
import { bug } from "#diagnostic/diagnostic.js";
import { nodeOf } from "#ir/graph.js";
import type { Source, Stage } from "#schedule/schedule.js";
import { weightColumns } from "../part/columns.js";
import type { Operand } from "../part/operands.js";
import { reads } from "../part/operands.js";
import type { Steps } from "../part/steps.js";
import type { WindowSpec } from "../part/strip.js";
import type { Factors } from "../part/team-product.js";
import { windowRow } from "../part/team-product.js";
import type { Context } from "./context.js";
import { sourceOf, windowOf } from "./context.js";

/** The factors of the convolution that a stage adds; undefined if it adds none. */
export function addedFactors(c: Context, { added }: Stage, y: Operand): Factors | undefined {
  if (!added) return undefined;
  const { graph } = c.schedule;
  const node = nodeOf(graph, added.node);
  if (node.op !== "conv2d") return bug(`no template adds a ${node.op}`);
  const types = node.inputs.map((id) => nodeOf(graph, id).type);
  const x = reads(c.k, "x", added.input);
  const window = windowOf({ node, types });
  return windowFactors(c, x, y.shape, sourceOf(added, 1), window);
}

/** The factors of a convolution without groups: the windows of the result's pixels, and its weights. */
export function windowFactors(
  c: Context,
  x: Operand,
  shape: Shape,
  weight: Source,
  window: WindowSpec,
  prologue?: Steps,
): Factors {
  const length = channels(x.shape);
  const depth = window.kernel[0] * window.kernel[1] * length;
  return {
    counts: window.kernel,
    length,
    row: windowRow(c.k, x, window, shape, prologue),
    columns: weightColumns(c, weight, { depth, columns: channels(shape) })(0),
  };
}
