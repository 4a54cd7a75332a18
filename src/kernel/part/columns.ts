// The operands of a product: the matrix of a layer's weights, and rows in memory.

import { given } from "#diagnostic/given.js";
import type { Source } from "#schedule/schedule.js";
import type { Int } from "../ir/expressions.js";
import { mulInt } from "../ir/expressions.js";
import type { Columns, Runs } from "./matmul.js";
import { panelWidths } from "./matmul.js";
import type { Operand } from "./operands.js";
import { reads, weightParameter } from "./operands.js";
import { panelPacking, plainPacking } from "./pack.js";
import type { Emitter } from "./emitter.js";

/** The shortest sum that is worth spreading over the lanes, since the lanes have to be added at the end. */
const fewestDeep = 16;

/** The matrix of a dense product, per group: packed in panels, or in place if the net computes it. */
export function weightColumns(
  { k, tile, form }: Emitter,
  weight: Source,
  size: {
    readonly depth: number;
    readonly columns: number;
    readonly groups?: number;
    readonly branches?: number;
    /** Elements of a run, if rows of A are read as vecs where this helps. */
    readonly run?: number;
    readonly twoRows?: number | undefined;
  },
): (group: Int) => Columns {
  const { depth, columns, groups = 1, branches = 1, run, twoRows } = size;
  if (weight.kind === "view") {
    const { place, stride, wide } = reads(k, "w", weight);
    const isWide = wide && (groups === 1 || columns % k.lanes === 0);
    return (group) => ({
      place,
      start: mulInt(group, columns),
      depth,
      count: columns,
      step: stride,
      wide: isWide,
    });
  }
  // Neighbouring items of a block read neighbouring columns, so rows of the matrix are read in order.
  if (form === "gpu" && groups === 1 && branches === 1 && columns % k.lanes === 0) {
    const place = weightParameter(k, "w", weight.weight, plainPacking(depth * columns));
    return () => ({ place, start: 0, depth, count: columns, step: columns, wide: true });
  }
  const groupSize = groups === 1 ? depth * columns : k.roundUp(depth * columns);
  const widths = panelWidths(k, tile, columns);
  const deep = form === "cpu" && run !== undefined && run % k.lanes === 0 && depth >= fewestDeep;
  const packing = panelPacking({
    depth,
    groups,
    columns,
    widths,
    groupSize,
    branches,
    deep: deep ? k.lanes : 1,
  });
  const place = weightParameter(k, "w", weight.weight, packing);
  return (group) => ({
    place,
    start: mulInt(group, groupSize),
    depth,
    count: columns,
    wide: true,
    deep,
    ...given({ twoRows }),
  });
}

/** One run per row of A, which begins at `start`. */
export function plainRuns(
  x: { readonly place: Operand["place"]; readonly stride: number },
  depth: number,
  start: (row: Int) => Int,
): Runs {
  return {
    counts: [],
    length: depth,
    rows: (_run, _line, row) => ({ place: x.place, start: start(row), rowStride: x.stride }),
  };
}
