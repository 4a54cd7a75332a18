// Winograd convolution: 3×3 windows with stride 1, in tiles of 2×2 or 4×4 results.
//
// Lavin and Gray 2015 (arXiv 1509.09308): Y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A. A tile of m×m results takes (m+2)² multiplications per
// pair of channels where the direct sum takes 9m²; over all channels these are (m+2)² products of matrices.

import { given } from "#diagnostic/given.js";
import { bug } from "#diagnostic/diagnostic.js";
import { bytesOf } from "#ir/target.js";
import { channels } from "#ir/type.js";
import type { WinogradSize } from "#schedule/schedule.js";
import type { Int } from "../ir/expressions.js";
import { addIntegers, loadIntegers, shiftIntegers, toFloats } from "../ir/integer-vecs.js";
import { address, addInt, compare, int, mulInt } from "../ir/expressions.js";
import type { Body } from "../ir/body.js";
import { plainRuns } from "../part/columns.js";
import type { Value } from "../ir/ir.js";
import type { Columns } from "../part/matmul.js";
import { columnParts, emitMatmul } from "../part/matmul.js";
import type { Operand } from "../part/operands.js";
import { preparedParameter } from "../part/operands.js";
import { joinRows, pairedRuns } from "../part/row-pairs.js";
import type { Steps } from "../part/steps.js";
import { storeResult } from "../part/steps.js";
import type { StripOptions, WindowSpec } from "../part/strip.js";
import { makeStrip, splitRow } from "../part/strip.js";
import type { Tile } from "../part/tile.js";
import { mostThreads } from "../part/tile.js";
import type { Lanes, Transform } from "../part/tile-transform.js";
import { floatLanes, integerLanes, scratchFor, transformTile } from "../part/tile-transform.js";
import { byteInputs, byteResults, transformedBytes } from "../part/winograd-bytes.js";
import { floatInputs, floatResults, matrixElements, transformedFloats } from "../part/winograd-floats.js";
import { bytesSummed, sumsBytes, transformsTwoRows } from "./byte-sum.js";
import type { Context, StageOf } from "./context.js";
import { biasedEpilogueOf, epilogueOf, portsOf, sourceOf, stageOf, windowOf } from "./context.js";

/** The number of products per tile. */
function productsOf(size: WinogradSize): number {
  return (size + 2) ** 2;
}

/** How the tiles of a sample are divided among blocks. */
interface Division {
  readonly across: number;
  /** Rows of tiles in a block, and the number of blocks. The last block may compute a few rows that do not exist. */
  readonly rows: number;
  readonly blocks: number;
}

/** The multiplications that take as long as reading one element that is not in a near cache (50 GFLOP/s, 25 GB/s). */
const macsPerElement = 4;

/** `bytes` are those of a transformed input or weight; a product has four. */
function divisionOf(tile: Tile, size: WinogradSize, y: Operand, depth: number, bytes: number): Division {
  const [, height = 1, width = 1, columns = 1] = y.shape;
  const [down, across] = [Math.ceil(height / size), Math.ceil(width / size)];
  const products = productsOf(size);
  // Each block reads all weights; its intermediate values stay in its core's cache, or go to a larger one and come back.
  const cost = (blocks: number): number => {
    const rows = Math.ceil(down / blocks);
    const scratch = rows * across * products * ((depth * bytes) / 4 + columns);
    if (scratch > 8 * tile.winogradScratch && rows > 1) return Number.POSITIVE_INFINITY;
    const spilled = scratch > tile.winogradScratch ? 2 * blocks * scratch : 0;
    const idle = (blocks * rows - down) * across * products * depth * columns;
    return (blocks * products * depth * columns * bytes) / 4 + spilled + idle / macsPerElement;
  };
  let blocks = down;
  for (let fewer = down - 1; fewer > 0; fewer -= 1) if (cost(fewer) < cost(blocks)) blocks = fewer;
  const rows = Math.ceil(down / blocks);
  return { across, rows, blocks: Math.ceil(down / rows) };
}

/** The transform of inputs or of results, and the elements in which scratch holds what it makes or takes. */
interface Side extends Pick<Lanes, "element"> {
  readonly transform: Transform;
  /** Calls `body` for each register of some channels. */
  readonly channels: (
    name: string,
    count: number,
    wide: boolean,
    body: (channel: Int, lanes: Lanes) => void,
  ) => void;
}

/** What differs between f32 and bytes. */
interface Arithmetic {
  readonly inputs: Side;
  readonly results: Side;
  readonly columns: Pick<Columns, "place" | "bytes" | "twoRows">;
  readonly strip: Pick<StripOptions, "fill" | "element">;
  /** The sum of a result, from the transformed products. */
  readonly sumOf: (value: Value, channel: Int) => Value;
  readonly epilogue: Steps;
}

/** The extents of the matrix of a product. */
interface Extents {
  readonly depth: number;
  readonly columns: number;
}

function floats(c: Context, of: StageOf<"conv2d">, size: WinogradSize, extents: Extents): Arithmetic {
  const { k } = c;
  const epilogue = biasedEpilogueOf(c, of.stage);
  const side = (transform: Transform): Side => ({
    transform,
    channels: (name, count, wide, body) =>
      k.channels(name, count, wide, (channel, width) => body(channel, floatLanes(k, width))),
  });
  const transformed = transformedFloats({ weight: weightOf(of), size, ...extents });
  return {
    inputs: side(floatInputs(size)),
    results: side(floatResults(size)),
    columns: {
      place: preparedParameter(k, "u", transformed),
      ...given({ twoRows: size === 2 ? transformsTwoRows(c, of) : undefined }),
    },
    strip: { fill: 0 },
    sumOf: (value) => value,
    epilogue,
  };
}

function bytes(c: Context, of: StageOf<"conv2d">, extents: Extents): Arithmetic {
  const { k } = c;
  const epilogue = epilogueOf(c, of.stage);
  const { element, bias } = bytesSummed(c, of);
  const side = (transform: Transform, lanes: Lanes): Side => ({
    transform,
    ...given({ element: lanes.element }),
    channels: (name, count, _wide, body) =>
      k.for(`${name}Vec`, count / lanes.count, (index) =>
        body(k.letInt(name, mulInt(index, lanes.count)), lanes),
      ),
  });
  return {
    inputs: side(byteInputs, integerLanes("i16x8")),
    results: side(byteResults, integerLanes("i32x4")),
    columns: {
      place: preparedParameter(k, "u", transformedBytes(weightOf(of), extents)),
      bytes: { dots: "pairs", rows: 4, whole: true },
    },
    strip: { fill: of.node.attributes.zero, element },
    sumOf: (value, channel) => {
      const sum = shiftIntegers(value, 2);
      return toFloats(bias ? addIntegers(sum, loadIntegers("i32x4", bias, address(channel))) : sum);
    },
    epilogue,
  };
}

function weightOf({ node, stage }: StageOf<"conv2d">): string {
  const source = sourceOf(stage, 1);
  return source.kind === "weight" ? source.weight : bug(`${node.name} has no constant weights`);
}

/**
 * The convolution with a weight that is transformed when the module is loaded. A block copies its strip of the input with the border,
 * transforms it, multiplies, and transforms the products back.
 */
export function winogradBody(c: Context): Body {
  const { k, tile } = c;
  const { x, y, prologue } = portsOf(c);
  const of = stageOf(c, 0, "conv2d");
  const size = c.group.plan.winograd || bug(`${of.node.name} has no size of tiles`);
  const { padding } = windowOf(of);
  const [samples = 1, height = 1, width = 1, columns = 1] = y.shape;
  const depth = channels(x.shape);
  const { inputs, results, sumOf, epilogue, ...arithmetic } = sumsBytes(c, of)
    ? bytes(c, of, { depth, columns })
    : floats(c, of, size, { depth, columns });
  const { across, rows, blocks: perSample } = divisionOf(tile, size, y, depth, bytesOf(inputs.element));
  const down = perSample * rows;
  const [top, bottom, left, right] = padding;
  // The result is extended to whole tiles, and to equal blocks of them.
  const window: WindowSpec = {
    kernel: [3, 3],
    stride: [1, 1],
    dilation: [1, 1],
    padding: [top, bottom + down * size - height, left, right + across * size - width],
  };
  const tiles = rows * across;
  const products = productsOf(size);
  const wideColumns = k.roundUp(columns);
  const wideDepth = k.roundUp(depth);
  // A gap of a cache line between the matrices, so that they do not all begin in the same lines.
  const gap = 64;
  const inputStep = tiles * wideDepth + gap / bytesOf(inputs.element);
  const productStep = tiles * wideColumns + gap / bytesOf(results.element);
  const b = { ...arithmetic.columns, depth, count: columns, wide: true };
  const blocks = samples * perSample;
  // Blocks that share tiles each transform them: 14×14×256 takes 2.24 ms in two parts, 2.38 in four and 2.44 in eight.
  const wanted = Math.min(Math.ceil(Math.min(tile.blocks, mostThreads) / blocks), Math.ceil(columns / 64));
  const parts = columnParts(k, tile, { ...b, start: 0 }, wanted);

  return {
    blocks: blocks * parts,
    write: (block) => {
      const firstRow = k.letInt("row0", mulInt(int("div", block, parts), rows * size));
      const part = k.letInt("part", int("rem", block, parts));
      const first = splitRow(k, firstRow, samples, down * size);
      const strip = makeStrip(k, x, window, rows * size, first, {
        ...arithmetic.strip,
        aligned: true,
        limit: Number.POSITIVE_INFINITY,
        ...given({ prologue }),
      });
      const factors = scratchFor(k, inputs, products * inputStep);
      const sums = scratchFor(k, results, products * productStep);
      // 16 bytes for each product: the registers of both transforms.
      const between = k.scratch(products * k.lanes);

      k.items(["tileRow", "tileColumn"], [rows, across], (tileRow = 0, tileColumn = 0) => {
        const from = k.letInt(
          "from",
          addInt(
            strip.base,
            mulInt(tileRow, size * strip.rowStride),
            mulInt(tileColumn, size * strip.pixelStride),
          ),
        );
        const to = k.letInt(
          "to",
          addInt(mulInt(addInt(mulInt(tileRow, across), tileColumn), wideDepth), factors.start),
        );
        inputs.channels("c", depth, strip.wide, (channel, lanes) => {
          const p = k.letInt("p", addInt(from, channel));
          const q = k.letInt("q", addInt(to, channel));
          transformTile(k, inputs.transform, between, lanes, {
            read: (ty, tx) =>
              lanes.load(
                strip.place,
                address(addInt(p, mulInt(tx, strip.pixelStride)), ty * strip.rowStride),
              ),
            write: (row, column, value) =>
              k.store(
                factors.place,
                address(addInt(q, mulInt(row, (size + 2) * inputStep)), column * inputStep),
                value,
              ),
          });
        });
      });

      k.items(["product"], [products], (product = 0) => {
        const start = addInt(mulInt(product, inputStep), factors.start);
        const matrix = { place: factors.place, start, stride: wideDepth, rows: tiles };
        const runs = plainRuns(matrix, depth, (row) =>
          addInt(mulInt(product, inputStep), mulInt(row, wideDepth), factors.start),
        );
        emitMatmul(
          k,
          tile,
          {
            lines: 1,
            rows: tiles,
            runs: pairedRuns(runs, joinRows(k, tile, { ...b, start: 0 }, matrix, k.nest)),
            columns: { ...b, start: mulInt(product, matrixElements(depth, columns)) },
            ...(parts > 1 ? { part: { index: part, count: parts } } : {}),
            finish: (sum, _line, row, column) =>
              k.store(
                sums.place,
                address(addInt(mulInt(product, productStep), mulInt(row, wideColumns), column, sums.start)),
                sum,
              ),
          },
          k.nest,
        );
      });

      const ownColumns = columns / parts;
      k.items(["tileRow", "tileColumn"], [rows, across], (tileRow = 0, tileColumn = 0) => {
        const tileIndex = addInt(mulInt(tileRow, across), tileColumn);
        const from = k.letInt("from", addInt(mulInt(tileIndex, wideColumns), sums.start));
        const row = k.letInt("row", addInt(first.row, mulInt(tileRow, size)));
        const column = k.letInt("column", mulInt(tileColumn, size));
        const pixel = k.letInt(
          "pixel",
          addInt(mulInt(addInt(mulInt(first.sample, height), row), width), column),
        );
        results.channels("c", ownColumns, ownColumns % k.lanes === 0 || parts === 1, (own, lanes) => {
          const channel = k.letInt("channel", addInt(mulInt(part, ownColumns), own));
          const p = k.letInt("p", addInt(from, channel));
          const isInside = (at: Int, extent: number, computed: number): Value | undefined =>
            computed === extent ? undefined : compare("lt", at, extent);
          transformTile(k, results.transform, between, lanes, {
            read: (ty, tx) =>
              lanes.load(
                sums.place,
                address(addInt(p, mulInt(tx, productStep)), ty * (size + 2) * productStep),
              ),
            inside: (dy) => isInside(addInt(row, dy), height, down * size),
            write: (dy, dx, value) => {
              const at = { pixel: addInt(pixel, mulInt(dy, width), dx), channel };
              const store = (): void => storeResult(k, y, sumOf(value, channel), at, epilogue);
              const inside = dx === 0 ? undefined : isInside(addInt(column, dx), width, across * size);
              if (inside) k.guard(inside, store);
              else store();
            },
          });
        });
      });
    },
  };
}
