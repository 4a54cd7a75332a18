// Softmax along an axis: the greatest value, the exponentials and their sum, the quotients. The kernel reads its result again.

import { bug } from "#diagnostic/diagnostic.js";
import { channels, elements } from "#ir/type.js";
import { axisOf } from "#ops/reduce.js";
import type { Body } from "../ir/body.js";
import type { Int } from "../ir/expressions.js";
import { address, addInt, binary, f32, load, mulInt, unary, widen } from "../ir/expressions.js";
import { foldLines, oneLine } from "../part/folds.js";
import type { FloatBinary, Place, Register, Value } from "../ir/ir.js";
import { mapBody } from "../part/map.js";
import type { Build, Operand } from "../part/operands.js";
import { stridesOf } from "../part/operands.js";
import { noSteps } from "../part/steps.js";
import { sumLoops } from "../part/sums.js";
import { largeBlockSize } from "../part/tile.js";
import type { Context } from "./context.js";
import { portsOf, stageOf } from "./context.js";

/** Rows that cannot be computed as vecs in place are computed in scratch, because exponentials cost far more than copies. */
export function softmaxInScratch(c: Context): Body {
  return softmax(c, true);
}

/** Rows are computed in place, because items of a block have no separate scratch. */
export function softmaxInPlace(c: Context): Body {
  return softmax(c, false);
}

function softmax(c: Context, copies: boolean): Body {
  const { x, y } = portsOf(c, "read_write");
  const { node } = stageOf(c, 0, "softmax");
  const axis = axisOf(node.attributes.axis, node.type.shape) ?? bug(`${node.name} has no such axis`);
  const last = x.shape.length - 1;
  return axis === last ? channelSoftmax(c, x, y, copies) : axisSoftmax(c, x, y, axis);
}

function channelSoftmax({ k, tile }: Context, x: Operand, y: Operand, copies: boolean): Body {
  const depth = channels(x.shape);
  const rows = elements(x.shape) / depth;
  const size = largeBlockSize(rows, Math.max(1, Math.ceil(tile.blockVectors / depth)));
  const isCopied = copies && k.lanes > 1 && depth >= k.lanes && !(x.wide && y.wide);
  return {
    blocks: rows / size,
    write: (block) => {
      const copy: Row = { place: { kind: "scratch" }, start: isCopied ? k.scratch(depth) : 0, wide: true };
      k.items(["row"], [size], (index = 0) => {
        const row = k.letInt("row", addInt(mulInt(block, size), index));
        const from: Row = { place: x.place, start: k.letInt("p", mulInt(row, x.stride)), wide: x.wide };
        const to: Row = { place: y.place, start: k.letInt("q", mulInt(row, y.stride)), wide: y.wide };
        if (isCopied && !x.wide) copyRow(k, depth, from, copy, (value) => value);
        const source = isCopied && !x.wide ? copy : from;
        const powers = isCopied ? copy : to;
        const most = foldRow(k, depth, source, "max", Number.NEGATIVE_INFINITY);
        copyRow(k, depth, source, powers, (value) => unary("exp", binary("sub", value, most)));
        const total = foldRow(k, depth, powers, "add", 0);
        if (powers.wide && !to.wide)
          copyRow(k, depth, powers, powers, (value) => binary("div", value, total));
        copyRow(k, depth, powers, to, (value) =>
          powers.wide && !to.wide ? value : binary("div", value, total),
        );
      });
    },
  };
}

/** The channels of one pixel. */
interface Row {
  readonly place: Place;
  readonly start: Int;
  /** Whether it begins at a multiple of the lanes. */
  readonly wide: boolean;
}

/** `to = change(from)` for each channel; both may be the same row. */
function copyRow(k: Build, depth: number, from: Row, to: Row, change: (value: Value) => Value): void {
  k.channels("c", depth, from.wide && to.wide, (c, width) =>
    k.store(
      to.place,
      address(addInt(to.start, c)),
      change(load(from.place, address(addInt(from.start, c)), width)),
    ),
  );
}

/** The sum or the greatest of the channels of a row. */
function foldRow(k: Build, depth: number, row: Row, fold: FloatBinary, start: number): Register {
  return foldLines(k, oneLine(depth, row.wide, row.start), fold, start, (at, width) =>
    load(row.place, address(at), width),
  );
}

/** Along another axis, the channels of a vec belong to neighbouring softmaxes. */
function axisSoftmax(c: Context, x: Operand, y: Operand, axis: number): Body {
  const { k } = c;
  const one = { ...y, shape: y.shape.map((extent, at) => (at === axis ? 1 : extent)) };
  const count = x.shape[axis] ?? 1;
  const [step, stepOut] = [x, y].map((operand) => stridesOf(operand.shape, operand.stride)[axis] ?? 0);
  const start = (operand: Operand, index: readonly Int[]): Int => {
    const strides = stridesOf(operand.shape, operand.stride);
    return addInt(...index.map((at, which) => mulInt(at, strides[which] ?? 0)));
  };
  return mapBody(c, one, noSteps, {
    wide: x.wide,
    element: (index, _pixel, width) => {
      const [from, to] = [k.letInt("p", start(x, index)), k.letInt("q", start(y, index))];
      const read = (j: Int): Value => load(x.place, address(addInt(from, mulInt(j, step ?? 0))), width);
      const result = (j: Int) => address(addInt(to, mulInt(j, stepOut ?? 0)));
      const most = k.let("most", widen(f32(Number.NEGATIVE_INFINITY), width));
      k.for("j", count, (j) => k.set(most, binary("max", most, read(j))));
      const total = k.let("total", widen(f32(0), width));
      sumLoops(k, [total], [{ name: "j", count }], ([sum = total], j = 0) => {
        const power = k.let("power", unary("exp", binary("sub", read(j), most)));
        k.store(y.place, result(j), power);
        k.set(sum, binary("add", sum, power));
      });
      return total;
    },
    store: (total, index) => {
      const to = k.letInt("q", start(y, index));
      const width = total.type === "vec" ? "vec" : "f32";
      k.for("j", count, (j) => {
        const at = address(addInt(to, mulInt(j, stepOut ?? 0)));
        k.store(y.place, at, binary("div", load(y.place, at, width), total));
      });
    },
  });
}
