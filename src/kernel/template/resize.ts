// Resizes the height and width of values.

import type { ResizeTap } from "#ops/resize.js";
import { resizeTaps } from "#ops/resize.js";
import type { Body } from "../ir/body.js";
import type { Int, Moved } from "../ir/expressions.js";
import { address, addInt, binary, f32, int, load, loadInt, madd, mulInt } from "../ir/expressions.js";
import type { Value } from "../ir/ir.js";
import { pixelBody } from "../part/map.js";
import { tableParameter } from "../part/operands.js";
import { storeResult } from "../part/steps.js";
import type { Context } from "./context.js";
import { epilogueOf, movesBytes, portsOf, stageOf } from "./context.js";

/** Nearest or bilinear resizing. Tables hold the neighbours of each row and column, with weights in integer multiples of 2⁻²⁴. */
export function resizeBody(c: Context): Body {
  const { k } = c;
  const ports = portsOf(c);
  const { x, y } = ports;
  const { node, stage } = stageOf(c, 0, "resize");
  const epilogue = epilogueOf(c, stage);
  const { size, method } = node.attributes;
  const taps = {
    rows: resizeTaps(x.shape[1] ?? 1, size[0], node.attributes),
    columns: resizeTaps(x.shape[2] ?? 1, size[1], node.attributes),
    bilinear: method === "bilinear",
  };
  const table = tableParameter(k, "t", [...taps.rows, ...taps.columns].flatMap(tapEntries));
  const entry = (at: Int, start: number, part: number): Value =>
    loadInt(table, address(addInt(mulInt(at, 3), start), part));
  const share = (at: Int, start: number): Value =>
    binary("mul", { kind: "to_f32", type: "f32", x: entry(at, start, 2) }, f32(1 / shareUnit));
  const [height = 1, width = 1] = [x.shape[1], x.shape[2]];
  const columnTable = taps.rows.length * 3;
  const [, newHeight = 1, newWidth = 1] = y.shape;
  const wide = x.wide && y.wide && epilogue.wide;
  /** Reads the neighbours of a pixel; they and their weights are the same for all its channels. */
  const pixelWriter = (pixel: Int): ((channel: Int, lanes: Moved) => void) => {
    const column = k.letInt("column", int("rem", pixel, newWidth));
    const line = k.letInt("line", int("div", pixel, newWidth));
    const row = k.letInt("row", int("rem", line, newHeight));
    const image = mulInt(int("div", line, newHeight), height * width * x.stride);
    const corner = (dy: number, dx: number): Int =>
      k.letInt(
        "p",
        addInt(
          image,
          mulInt(entry(row, 0, dy), width * x.stride),
          mulInt(entry(column, columnTable, dx), x.stride),
        ),
      );
    const corners = [corner(0, 0), ...(taps.bilinear ? [corner(0, 1), corner(1, 0), corner(1, 1)] : [])];
    const sharesOf = (name: string, at: Int, start: number) => {
      const own = k.let(name, share(at, start));
      return { own, rest: k.let("rest", binary("sub", f32(1), own)) };
    };
    const [down, right] = taps.bilinear
      ? [sharesOf("down", row, 0), sharesOf("right", column, columnTable)]
      : [];
    return (channel, lanes) => {
      const [a, b, c, d] = corners.map((at) => load(x.place, address(addInt(at, channel)), lanes));
      if (!a) return;
      const value =
        b && c && d && down && right ? mix(k.let("upper", mix(a, b, right)), mix(c, d, right), down) : a;
      storeResult(k, y, value, { pixel, channel }, epilogue);
    };
  };
  return pixelBody(c, y, { wide, bytes: !taps.bilinear && movesBytes(c, ports) }, pixelWriter);
}

/** Weights are integer multiples of 2⁻²⁴ in the table: as fine as f32 in [½, 1), and exact as i32. */
const shareUnit = 2 ** 24;

/** The neighbours and the weight. If the weight of one is 0, both entries are the other, each with one half, because 0 · ∞ would be NaN. */
function tapEntries({ low, high, share }: ResizeTap): number[] {
  const parts = Math.round(share * shareUnit);
  if (parts === 0) return [low, low, shareUnit / 2];
  return parts === shareUnit ? [high, high, shareUnit / 2] : [low, high, parts];
}

/** `a·(1 − share) + b·share`, which keeps infinities. */
function mix(a: Value, b: Value, { own, rest }: { readonly own: Value; readonly rest: Value }): Value {
  return madd(b, own, binary("mul", a, rest));
}
