// Stages that are sums of bytes: how their products are added, their weights, and the bias with what zero points add to it.

import { bug } from "#diagnostic/diagnostic.js";
import { greatest } from "#diagnostic/extremes.js";
import type { Node, WeightId } from "#ir/graph.js";
import { nodeOf, operands } from "#ir/graph.js";
import { given } from "#diagnostic/given.js";
import type { TensorType } from "#ir/type.js";
import { channels } from "#ir/type.js";
import type { Size } from "#ops/attributes.js";
import { opOf } from "#ops/index.js";
import { zeroPointOf } from "#ops/result-type.js";
import type { Stage, Step } from "#schedule/schedule.js";
import { integerRange, isByteSum } from "#template/byte-sums.js";
import type { Int } from "../ir/expressions.js";
import { address, binary, load, mulInt } from "../ir/expressions.js";
import type { Place } from "../ir/ir.js";
import type { Dots } from "../part/byte-tile.js";
import type { Columns } from "../part/matmul.js";
import { panelWidths } from "../part/matmul.js";
import { weightParameter } from "../part/operands.js";
import type { ByteFilters } from "../part/byte-depthwise.js";
import { tapPairs } from "../part/byte-depthwise.js";
import {
  biasPacking,
  byteFilterPacking,
  filtersOfBytes,
  bytePacking,
  roundToFours,
  wordPacking,
} from "../part/pack-bytes.js";
import type { Filters } from "../part/depthwise.js";
import { filterPacking, isZero } from "../part/pack.js";
import type { Steps } from "../part/steps.js";
import { elementwiseSteps } from "../part/steps.js";
import { largestOfTwo } from "../part/row-pairs.js";
import type { WordRows } from "../part/words.js";
import type { Context } from "./context.js";
import { biasAndSteps, sourceOf } from "./context.js";

/**
 * The rows of a tile of products of bytes, which has 8 columns. Pairs of weights are widened into registers; with fours, an instruction has
 * the weights as they are, so that there is room for more sums.
 */
const tileRows = { pairs: 4, fours: 6 } as const satisfies Record<Dots, number>;

/** A convolution or a dense layer, and its node. */
interface Sum {
  readonly stage: Stage;
  readonly node: Node;
}

/** Whether a stage is a sum of bytes in vecs of integers. Scalar code sums bytes as it sums f32: only what it loads is different. */
export function sumsBytes(c: Context, of: Sum): boolean {
  return c.k.lanes > 1 && isOfBytes(c, of);
}

function isOfBytes({ schedule: { graph, target } }: Context, { node }: Sum): boolean {
  return isByteSum(graph, node, target);
}

/** The unit of products of bytes if two rows of them are summed in one register of float64: then all sums are small enough. */
export function sumsTwoRows(c: Context, of: Sum): 1 | undefined {
  if (!holdsTwoRows(c) || !isOfBytes(c, of)) return undefined;
  const sums = new Float64Array(channels(of.node.type.shape));
  for (const [at, weight] of c.schedule.weights.readF32(weightOf(of)).entries())
    sums[at % sums.length] = (sums[at % sums.length] ?? 0) + Math.abs(weight);
  return largestInput(c, of) * greatest([...sums], 0) < largestOfTwo ? 1 : undefined;
}

/**
 * The same for the products of 2×2 tiles of Winograd's algorithm. An element of Bᵀ d B is at most the sum of four integers, and those of
 * G g Gᵀ are multiples of 1/4. (`src/kernel/part/winograd-floats.ts` has the transforms.)
 */
export function transformsTwoRows(c: Context, of: Sum): 0.25 | undefined {
  const { graph, weights } = c.schedule;
  const w = operands(graph, of.node)[1];
  if (!holdsTwoRows(c) || of.node.type.dtype !== "i32" || w?.op !== "constant") return undefined;
  const [, , depth = 1, columns = 1] = w.type.shape;
  const values = weights.readF32(weightOf(of));
  const sums = new Float64Array(16 * columns);
  for (let at = 0; at < depth * columns; at += 1) {
    const inColumns = [0, 1, 2].map((tx) =>
      transformedRow([0, 1, 2].map((ty) => values[(ty * 3 + tx) * depth * columns + at] ?? 0)),
    );
    for (let row = 0; row < 4; row += 1)
      for (const [column, value] of transformedRow(inColumns.map((one) => one[row] ?? 0)).entries()) {
        const product = (at % columns) * 16 + row * 4 + column;
        sums[product] = (sums[product] ?? 0) + Math.abs(value);
      }
  }
  return 4 * largestInput(c, of) * greatest([...sums], 0) < largestOfTwo / 4 ? 0.25 : undefined;
}

/** G of 2×2 tiles. */
function transformedRow([a = 0, b = 0, c = 0]: readonly number[]): readonly number[] {
  return [a, (a + b + c) / 2, (a - b + c) / 2, c];
}

/** Whether registers are float64, one number each. */
function holdsTwoRows({ k, schedule }: Context): boolean {
  return k.lanes === 1 && !k.sumsInBlocks && schedule.target.integers === true;
}

/** The greatest absolute value of the integers that a sum reads, in its border too. */
function largestInput({ schedule }: Context, { node }: Sum): number {
  const [low, high] = integerRange(schedule.graph, node.inputs[0] ?? -1);
  return Math.max(-low, high, Math.abs(zeroPointOf(opOf(node.op), node.attributes, 0)));
}

/** The steps after the sum of a stage, its bias first, if the sum does not begin with that. */
export function stepsAfter(c: Context, of: Sum): Steps {
  const after = epilogueSteps(c, of);
  return withBias(after, elementwiseSteps(c.k, after.steps));
}

/** The steps after the sum of a stage, and before them its bias as i32, in the order of the channels, if scalar code sums bytes. */
export function epilogueSteps(
  c: Context,
  of: Sum,
): { readonly steps: readonly Step[]; readonly bias?: Place } {
  if (!isOfBytes(c, of)) return { steps: biasAndSteps(c, of.stage) };
  const count = channels(of.node.type.shape);
  const bias = sumsBytes(c, of) ? undefined : byteBias(c, of, upTo(count, count));
  return { steps: of.stage.epilogue, ...given({ bias }) };
}

/** Steps on a sum, to which a bias is added first. */
export function withBias({ bias }: { readonly bias?: Place }, steps: Steps): Steps {
  if (!bias) return steps;
  const apply: Steps["apply"] = (sum, at) =>
    steps.apply(binary("add", sum, load(bias, address(at.channel))), at);
  return { ...steps, apply };
}

/**
 * The integers as which a copy of x is in scratch; undefined for f32. They are bytes in scalar code and for products in fours; for pairs, as
 * in depthwise sums, they are widened once there, rather than each time that they are read.
 */
export function scratchElement(c: Context, of: Sum): "i8" | "u8" | "i16" | undefined {
  if (!isOfBytes(c, of)) return undefined;
  if (c.k.lanes > 1 && (dotsOf(c, of) === "pairs" || of.node.op === "depthwise_conv2d")) return "i16";
  return byteOf(c, of);
}

function byteOf({ schedule: { graph } }: Context, { node }: Sum): "i8" | "u8" {
  const { dtype } = nodeOf(graph, node.inputs[0] ?? -1).type;
  return dtype === "i8" || dtype === "u8" ? dtype : bug("a sum of other than bytes");
}

/** How the products of a stage are added. Fours take only integers from 0 to 127 for x, and for the zero point, which fills padding. */
function dotsOf({ k, schedule: { graph } }: Context, { node }: Sum): Dots {
  const [low, high] = integerRange(graph, node.inputs[0] ?? -1);
  const zero = zeroPointOf(opOf(node.op), node.attributes, 0);
  return k.dots === "fours" && Math.min(low, zero) >= 0 && Math.max(high, zero) <= 127 ? "fours" : "pairs";
}

/** The matrix of a product of bytes, per group. Each of the `runs` has `length` rows. */
export function byteColumns(
  c: Context,
  of: Sum,
  size: {
    readonly runs: number;
    readonly length: number;
    readonly columns: number;
    readonly groups?: number;
    readonly branches?: number;
  },
): (group: Int) => Columns {
  const { k, tile } = c;
  const { runs, length, columns: count, groups = 1, branches = 1 } = size;
  const packed = roundToFours(count);
  const depth = runs * roundToFours(length);
  const widths = panelWidths(k, tile, count, true);
  const layout = { runs, length, groups, columns: count, widths, branches };
  const place = weightParameter(k, "w", weightOf(of), bytePacking(layout));
  const dots = dotsOf(c, of);
  const order = Array.from({ length: groups * packed }, (_, at) =>
    at % packed < count ? Math.floor(at / packed) * count + (at % packed) : undefined,
  );
  const bias = byteBias(c, of, order);
  return (group) => ({
    place,
    start: mulInt(group, depth * packed),
    depth,
    count,
    wide: true,
    bytes: {
      dots,
      rows: tileRows[dots],
      ...(bias ? { bias: { place: bias, start: mulInt(group, packed) } } : {}),
    },
  });
}

/** How the operand x of a product in words is read: see `WordRows`. */
export function wordRows({ schedule: { graph } }: Context, { node }: Sum): WordRows {
  const { dtype } = nodeOf(graph, node.inputs[0] ?? -1).type;
  return { lessHalf: dtype === "u8", zero: zeroPointOf(opOf(node.op), node.attributes, 0) };
}

/** The matrix of a product in words, with `depth` rows. */
export function wordColumns(c: Context, of: Sum, depth: number): Columns {
  const count = channels(of.node.type.shape);
  const width = roundToFours(count);
  const place = weightParameter(c.k, "w", weightOf(of), wordPacking(depth, count));
  // Of u8, words are less 128, and so is the zero point.
  const bias = byteBias(c, of, upTo(width, count), wordRows(c, of).lessHalf ? 128 : 0);
  return { place, start: 0, depth, count, step: width, wide: true, words: given({ bias }) };
}

/** The filters of a depthwise sum of bytes that is computed as f32, and its bias in integers. */
export function depthwiseBytes(
  c: Context,
  of: Sum,
  [height, width]: Size,
): { readonly filters: Filters; readonly bias?: Place } {
  const count = channels(of.node.type.shape);
  const packing = filtersOfBytes(filterPacking(height * width, count, count));
  const place = weightParameter(c.k, "d", weightOf(of), packing);
  return {
    filters: { place, stride: count, wide: true },
    ...given({ bias: byteBias(c, of, upTo(count, count)) }),
  };
}

/** The numbers from 0 on, of which those below `count` are channels. */
function upTo(places: number, count: number): (number | undefined)[] {
  return Array.from({ length: places }, (_, at) => (at < count ? at : undefined));
}

function weightOf({ stage }: Sum): WeightId {
  const source = sourceOf(stage, 1);
  return source.kind === "weight" ? source.weight : bug("a sum of bytes has constant weights");
}

/** What a sum of bytes by transforms needs: the integers of x, and the bias, with a place for each output channel. */
export function bytesSummed(
  c: Context,
  of: Sum,
): { readonly element: "i8" | "u8"; readonly bias: Place | undefined } {
  const filters = channels(of.node.type.shape);
  return { element: byteOf(c, of), bias: byteBias(c, of, upTo(roundToFours(filters), filters)) };
}

/** The filters of a depthwise sum of bytes. */
export function byteFilters(
  c: Context,
  of: Sum & { readonly types: readonly TensorType[] },
  [height, width]: Size,
): ByteFilters {
  const { k } = c;
  const taps = tapPairs([height, width], k.writtenTaps);
  const inputs = channels(of.types[0]?.shape ?? []);
  const multiplier = channels(of.node.type.shape) / inputs;
  const packing = byteFilterPacking(taps, width, inputs, multiplier);
  const place = weightParameter(k, "d", weightOf(of), packing);
  const stride = roundToFours(inputs);
  const order = Array.from({ length: multiplier * stride }, (_, at) =>
    at % stride < inputs ? (at % stride) * multiplier + Math.floor(at / stride) : undefined,
  );
  return { place, taps, ...given({ bias: byteBias(c, of, order) }) };
}

/** The bias as i32, less the products of x's zero point and the weights; undefined if it is 0. Products are of x less `offset`. */
function byteBias(
  c: Context,
  of: Sum,
  order: readonly (number | undefined)[],
  offset = 0,
): Place | undefined {
  const { schedule, k } = c;
  const bias = sourceOf(of.stage, 2);
  if (bias.kind === "view") return bug("a sum of bytes has a constant bias");
  const zero = zeroPointOf(opOf(of.node.op), of.node.attributes, 0) - offset;
  if (zero === 0 && isZero(schedule.weights, bias.weight)) return undefined;
  const filters = channels(of.node.type.shape);
  return weightParameter(
    k,
    "bias",
    bias.weight,
    biasPacking(schedule.weights, weightOf(of), zero, filters, order),
  );
}
