// Kernels of small nets as text.

import { printKernel } from "#backend/js/print.js";
import { jsTarget } from "#backend/js/target.js";
import { lower } from "#kernel/lower.js";
import { printKernels } from "#kernel/ir/print.js";
import { jsTile, manyItems } from "#kernel/part/tile.js";
import { fuse } from "#passes/fuse.js";
import { schedule } from "#schedule/schedule-graph.js";
import { cases } from "../cases.js";
import { moduleOf } from "../schedule/module-of.js";

/** The options of a case in braces: lanes, team, and the rows and columns of a tile. */
interface Options {
  readonly lanes?: number;
  readonly team?: number;
  readonly rows?: number;
  readonly columns?: number;
  readonly depthwisePixels?: number;
  /** Whether to print kernels as JavaScript. */
  readonly js?: boolean;
  readonly ahead?: { readonly bytes: number; readonly tiles: number };
}

cases(import.meta.dirname, "kernels.txt", (input, { options }) => {
  const { lanes = 1, js = false, ...tile } = options as Options;
  const target = { ...jsTarget, lanes };
  const module = fuse.run(moduleOf(input), { target, options: {}, report: () => {} });
  const program = lower(schedule(module, target), {
    ...jsTile,
    depthwisePixels: 1,
    ...((tile.team ?? 1) > 1 ? manyItems : {}),
    ...tile,
  });
  if (js) return program.kernels.map((kernel) => printKernel(kernel, { lanes }).text).join("\n");
  return printKernels(program);
});
