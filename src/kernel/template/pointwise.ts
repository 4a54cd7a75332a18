// Products of all pixels with one matrix: 1×1 convolutions and dense layers.

import { given } from "#diagnostic/given.js";
import { bug } from "#diagnostic/diagnostic.js";
import { channels } from "#ir/type.js";
import type { Body } from "../ir/body.js";
import { addInt, int, mulInt } from "../ir/expressions.js";
import { plainRuns, weightColumns } from "../part/columns.js";
import { copyBytes } from "../part/copy-bytes.js";
import type { Place } from "../ir/ir.js";
import type { Int } from "../ir/expressions.js";
import type { Build, Operand } from "../part/operands.js";
import { roundToFours } from "../part/pack-bytes.js";
import type { Columns, Runs } from "../part/matmul.js";
import { columnParts, emitMatmul } from "../part/matmul.js";
import { joinRows, pairedRuns } from "../part/row-pairs.js";
import { vectors } from "../part/operands.js";
import type { Steps } from "../part/steps.js";
import { storeResult } from "../part/steps.js";
import type { Factors } from "../part/team-product.js";
import { gridProduct, plainRow } from "../part/team-product.js";
import { largeBlockSize } from "../part/tile.js";
import { addedFactors } from "./added.js";
import type { WordRows } from "../part/words.js";
import { byteColumns, stepsAfter, sumsBytes, sumsTwoRows, wordColumns, wordRows } from "./byte-sum.js";
import type { Context, Ports } from "./context.js";
import { epilogueOf, portsOf, sourceOf, stageOf } from "./context.js";

/** The rows and columns of `[m, k] · [k, n]`. */
interface Pointwise extends Ports {
  /** How rows of x are read as words, if the columns are words. */
  readonly words?: WordRows;
  readonly depth: number;
  readonly columns: Columns;
  readonly epilogue: Steps;
  readonly added?: Factors;
}

function pointwiseOf(c: Context): Pointwise {
  const ports = portsOf(c);
  const { x, y } = ports;
  const of = stageOf(c, 0, ["conv2d", "dense"]);
  const { stage } = of;
  const depth = channels(x.shape);
  if (sumsBytes(c, of) && c.form === "gpu") {
    const columns = wordColumns(c, of, depth);
    return { ...ports, depth, columns, words: wordRows(c, of), epilogue: epilogueOf(c, stage) };
  }
  if (sumsBytes(c, of)) {
    const columns = byteColumns(c, of, { runs: 1, length: depth, columns: channels(y.shape) })(0);
    return { ...ports, depth, columns, epilogue: epilogueOf(c, stage) };
  }
  const epilogue = stepsAfter(c, of);
  const added = addedFactors(c, stage, y);
  const size = {
    depth,
    columns: channels(y.shape),
    twoRows: sumsTwoRows(c, of),
    ...(x.wide ? { run: depth } : {}),
  };
  const columns = weightColumns(c, sourceOf(stage, 1), size)(0);
  return { ...ports, depth, columns, epilogue, ...given({ added }) };
}

/** A block computes some rows, or a part of their columns. */
export function pointwiseByBlocks(c: Context): Body {
  const { k, tile } = c;
  const { x, y, depth, columns, epilogue, added } = pointwiseOf(c);
  if (added) return bug("only blocks with many items add products");
  const size = largeBlockSize(vectors(x.shape), tile.blockPixels, tile.rows);
  const pixelBlocks = vectors(x.shape) / size;
  const parts = columnParts(k, tile, columns, Math.ceil(tile.blocks / pixelBlocks));
  return {
    blocks: pixelBlocks * parts,
    write: (block) => {
      const first = k.letInt("first", mulInt(int("div", block, parts), size));
      const isRepeated = columns.count / parts >= fewestColumns && size > 1;
      const widened = columns.bytes?.dots === "pairs" && isRepeated && widenRows(k, x, depth, first, size);
      const pairs = joinRows(k, tile, columns, {
        place: x.place,
        start: mulInt(first, x.stride),
        stride: x.stride,
        rows: size,
      });
      const plain = plainRuns(x, depth, (row) => mulInt(addInt(first, row), x.stride));
      emitMatmul(k, tile, {
        lines: 1,
        rows: size,
        runs: widened || pairedRuns(plain, pairs),
        columns,
        ...(parts > 1 ? { part: { index: k.letInt("part", int("rem", block, parts)), count: parts } } : {}),
        finish: (sum, _line, row, column) =>
          storeResult(k, y, sum, { pixel: addInt(first, row), channel: column }, epilogue),
      });
    },
  };
}

/** The fewest columns for which it pays to widen rows of bytes once, in scratch, rather than for each panel of columns. */
const fewestColumns = 24;

/** Rows of bytes from `first` on as integers of 16 bits in scratch, for products of pairs. */
function widenRows(k: Build, x: Operand, depth: number, first: Int, rows: number): Runs {
  const stride = roundToFours(depth);
  const place: Place = { kind: "scratch", element: "i16" };
  const base = k.scratchOf("i16", rows * stride);
  k.items(["row"], [rows], (row = 0) => {
    const from = k.letInt("from", mulInt(addInt(first, row), x.stride));
    const to = k.letInt("to", addInt(mulInt(row, stride), base));
    copyBytes(k, { place: x.place, from }, { place, from: to }, depth, x.wide);
  });
  return plainRuns({ place, stride }, depth, (row) => addInt(mulInt(row, stride), base));
}

/** An item computes a tile of rows and columns. */
export function pointwiseByTiles(c: Context): Body {
  const { k, tile } = c;
  const { x, y, depth, columns, words, epilogue, added } = pointwiseOf(c);
  return gridProduct(k, tile, {
    rows: vectors(x.shape),
    counts: [],
    length: depth,
    row: plainRow(k, x, 0, words),
    columns,
    ...given({ added }),
    finish: (sum, row, column) => storeResult(k, y, sum, { pixel: row, channel: column }, epilogue),
  });
}
