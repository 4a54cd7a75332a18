// Kernels that map or move elements: elementwise chains, copies, pad, transpose, slice, resize.

import { channels, elements } from "#ir/type.js";
import type { Shape } from "#ir/type.js";
import type { ResizeTap } from "#ops/resize.js";
import type { Int, Width } from "./build.js";
import {
  address,
  addInt,
  binary,
  both,
  compare,
  f32,
  int,
  load,
  loadInt,
  madd,
  mulInt,
  widen,
} from "./build.js";
import type { Body } from "./body.js";
import type { Value } from "./ir.js";
import type { Build, Operand } from "./operands.js";
import { stridesOf, tableParameter, vectors } from "./operands.js";
import type { Steps } from "./steps.js";
import { broadcastAddress, noSteps, storeResult } from "./steps.js";
import { eachVectorOfGrid, teamBlocks, vectorItems } from "./team.js";
import type { Tile } from "./tile.js";
import { largeBlockSize } from "./tile.js";

/** What a mapping kernel computes. */
export interface Mapping {
  /** The element of the result at an index, or the vec of elements from there on. */
  readonly element: (index: readonly Int[], pixel: Int, width: Width) => Value;
  /** Whether `element` gives vecs. */
  readonly wide: boolean;
  /** Where the element goes, if not to its own place in y. */
  readonly store?: (value: Value, index: readonly Int[]) => void;
}

/**
 * One value per element of the result. Blocks are runs of last-axis vectors; the indices of the axes before are found once
 * per vector.
 */
export function mapBody(k: Build, tile: Tile, y: Operand, epilogue: Steps, mapping: Mapping): Body {
  const size = largeBlockSize(vectors(y.shape), tile.blockVectors);
  const wide = mapping.wide && y.wide && epilogue.wide;
  const write = (pixel: Int, lead: readonly Int[], channel: Int, width: Width): void => {
    const index = y.shape.length === 0 ? [] : [...lead, channel];
    const value = mapping.element(index, pixel, width);
    if (mapping.store) mapping.store(value, index);
    else storeResult(k, y, value, { pixel, channel, index }, epilogue);
  };
  if (k.team > 1) {
    const work = { depth: channels(y.shape), wide, pixels: vectors(y.shape) };
    return {
      blocks: teamBlocks(k, vectorItems(k, work.pixels, work.depth, wide)),
      write: (block) =>
        eachVectorOfGrid(k, block, work, (pixel, channel, width) =>
          write(pixel, leadingIndex(k, y.shape, pixel), channel, width),
        ),
    };
  }
  // Short vectors do not pay for finding their index: there it is found once for a row of them.
  const row = channels(y.shape) < shortVector && y.shape.length > 2 ? (y.shape.at(-2) ?? 1) : 1;
  if (row > 1) return rowsBody(k, tile, y, row, wide, write);
  return {
    blocks: vectors(y.shape) / size,
    write: (block) => {
      const first = k.letInt("first", mulInt(block, size));
      k.items(["i"], [size], (i = 0) => {
        const pixel = k.letInt("pixel", addInt(first, i));
        const lead = leadingIndex(k, y.shape, pixel);
        k.channels("c", channels(y.shape), wide, (channel, width) => write(pixel, lead, channel, width));
      });
    },
  };
}

/** Vectors of fewer channels are written by rows. */
const shortVector = 8;

/** Blocks of rows, which are the vectors along the last axis but one. */
function rowsBody(
  k: Build,
  tile: Tile,
  y: Operand,
  row: number,
  wide: boolean,
  write: (pixel: Int, lead: readonly Int[], channel: Int, width: Width) => void,
): Body {
  const rows = vectors(y.shape) / row;
  const size = largeBlockSize(rows, Math.max(1, Math.floor(tile.blockVectors / row)));
  return {
    blocks: rows / size,
    write: (block) => {
      const first = k.letInt("first", mulInt(block, size));
      k.items(["i"], [size], (i = 0) => {
        const at = k.letInt("row", addInt(first, i));
        const lead = leadingIndex(k, y.shape.slice(0, -1), at);
        k.for("j", row, (j) => {
          const pixel = k.letInt("pixel", addInt(mulInt(at, row), j));
          k.channels("c", channels(y.shape), wide, (channel, width) =>
            write(pixel, [...lead, j], channel, width),
          );
        });
      });
    },
  };
}

/** The index per axis but the last, of a last-axis vector. */
export function leadingIndex(k: Build, shape: Shape, pixel: Int): Int[] {
  const index: Int[] = [];
  let rest = pixel;
  for (let axis = shape.length - 2; axis >= 0; axis -= 1) {
    const extent = shape[axis] ?? 1;
    const isOutermost = elements(shape.slice(0, axis)) === 1;
    index.unshift(extent === 1 ? 0 : k.letInt(`i${axis}`, isOutermost ? rest : int("rem", rest, extent)));
    if (!isOutermost && extent > 1) rest = k.letInt("rest", int("div", rest, extent));
    else if (isOutermost) rest = 0;
  }
  return index;
}

/** The element at an index, or the vec from there on. */
export function loadAt(x: Operand, index: readonly Int[], width: Width = "f32"): Value {
  const strides = stridesOf(x.shape, x.stride);
  return load(x.place, address(addInt(...index.map((at, axis) => mulInt(at, strides[axis] ?? 0)))), width);
}

/** A chain of elementwise steps over a value, or a plain copy. */
export function elementwiseBody(k: Build, tile: Tile, x: Operand, y: Operand, steps: Steps): Body {
  // The flow may itself repeat, as the smaller operand of a lone binary op does.
  const isSame = elements(x.shape) === elements(y.shape) && channels(x.shape) === channels(y.shape);
  const repeats = !isSame && channels(x.shape) === 1;
  return mapBody(k, tile, y, steps, {
    wide: x.wide || repeats,
    element: (index, pixel, width) => {
      const at = isSame ? addInt(mulInt(pixel, x.stride), index.at(-1) ?? 0) : broadcastAddress(x, index);
      return widen(load(x.place, address(at), repeats ? "f32" : width), width);
    },
  });
}

/** Reads x in reading order into a result of another shape. */
export function reshapeBody(k: Build, tile: Tile, x: Operand, y: Operand, epilogue: Steps): Body {
  const depth = channels(x.shape);
  const isSame = depth === channels(y.shape);
  return mapBody(k, tile, y, epilogue, {
    wide: x.wide && isSame,
    element: (index, pixel, width) => {
      const channel = index.at(-1) ?? 0;
      if (isSame) return load(x.place, address(addInt(mulInt(pixel, x.stride), channel)), width);
      const flat = addInt(mulInt(pixel, channels(y.shape)), channel);
      if (x.stride === depth) return load(x.place, address(flat));
      const at = k.letInt("flat", flat);
      return load(x.place, address(addInt(mulInt(int("div", at, depth), x.stride), int("rem", at, depth))));
    },
  });
}

/** `y[index] = x[permuted index]`. */
export function transposeBody(
  k: Build,
  tile: Tile,
  x: Operand,
  y: Operand,
  perm: readonly number[],
  epilogue: Steps,
): Body {
  return mapBody(k, tile, y, epilogue, {
    wide: x.wide && perm.at(-1) === perm.length - 1,
    element: (index, _pixel, width) =>
      loadAt(
        x,
        perm.map((_, axis) => index[perm.indexOf(axis)] ?? 0),
        width,
      ),
  });
}

export function sliceBody(
  k: Build,
  tile: Tile,
  x: Operand,
  y: Operand,
  slice: { readonly begin: readonly number[]; readonly stride: readonly number[] },
  epilogue: Steps,
): Body {
  const { begin, stride } = slice;
  return mapBody(k, tile, y, epilogue, {
    wide: x.wide && (stride.at(-1) ?? 1) === 1 && (begin.at(-1) ?? 0) % k.lanes === 0,
    element: (index, _pixel, width) =>
      loadAt(
        x,
        index.map((at, axis) => addInt(mulInt(at, stride[axis] ?? 1), begin[axis] ?? 0)),
        width,
      ),
  });
}

/** Copies an operand into a concatenation along an inner axis, where its part is not one view: `y` is the whole, from there on. */
export function concatBody(k: Build, tile: Tile, x: Operand, y: Operand, whole: Shape): Body {
  const strides = stridesOf(whole, y.stride);
  return mapBody(k, tile, { ...y, shape: x.shape }, noSteps, {
    wide: x.wide && y.wide,
    element: (index, _pixel, width) => loadAt(x, index, width),
    store: (value, index) =>
      k.store(y.place, address(addInt(...index.map((at, axis) => mulInt(at, strides[axis] ?? 0)))), value),
  });
}

export function padBody(
  k: Build,
  tile: Tile,
  x: Operand,
  y: Operand,
  pad: {
    readonly before: readonly number[];
    readonly mode: "constant" | "reflect" | "edge";
    readonly value: number;
  },
  epilogue: Steps,
): Body {
  const wide = x.wide && channels(x.shape) === channels(y.shape);
  const isPadded = (axis: number): boolean => (x.shape[axis] ?? 1) !== (y.shape[axis] ?? 1);
  const lastOf = (axis: number): number => (x.shape[axis] ?? 1) - 1;
  return mapBody(k, tile, y, epilogue, {
    wide,
    element: (index, _pixel, width) => {
      const places = index.map((at, axis) => addInt(at, -(pad.before[axis] ?? 0)));
      if (pad.mode !== "constant") {
        const inside = (at: Int, axis: number): Int =>
          pad.mode === "edge" ? int("min", int("max", at, 0), lastOf(axis)) : mirror(at, lastOf(axis));
        return loadAt(
          x,
          places.map((at, axis) => (isPadded(axis) ? inside(at, axis) : at)),
          width,
        );
      }
      const tests = places.flatMap((at, axis) =>
        isPadded(axis) ? [compare("le", 0, at), compare("lt", at, x.shape[axis] ?? 1)] : [],
      );
      const [first, ...rest] = tests;
      if (!first) return loadAt(x, places, width);
      const result = k.let("v", widen(f32(pad.value), width));
      k.guard(rest.reduce(both, first), () => k.set(result, loadAt(x, places, width)));
      return result;
    },
  });
}

/** −1 → 1, last + 1 → last − 1; inside, the place itself. */
function mirror(at: Int, last: number): Int {
  const low = int("max", at, int("sub", 0, at));
  return int("min", low, int("sub", 2 * last, low));
}

/** Nearest or bilinear resizing; the neighbours per row and column stand in tables, with shares in whole multiples of 2⁻²⁴. */
export function resizeBody(
  k: Build,
  tile: Tile,
  x: Operand,
  y: Operand,
  taps: {
    readonly rows: readonly ResizeTap[];
    readonly columns: readonly ResizeTap[];
    readonly bilinear: boolean;
  },
  epilogue: Steps,
): Body {
  const table = tableParameter(k, "t", [...taps.rows, ...taps.columns].flatMap(tapEntries));
  const entry = (at: Int, start: number, part: number): Value =>
    loadInt(table, address(addInt(mulInt(at, 3), start), part));
  const share = (at: Int, start: number): Value =>
    binary("mul", { kind: "to_f32", type: "f32", x: entry(at, start, 2) }, f32(1 / shareUnit));
  const [height = 1, width = 1] = [x.shape[1], x.shape[2]];
  const columnTable = taps.rows.length * 3;
  const [, newHeight = 1, newWidth = 1] = y.shape;
  const wide = x.wide && y.wide && epilogue.wide;
  /** Reads the neighbours of a pixel; they and the shares are the same for all its channels. */
  const pixelWriter = (pixel: Int): ((channel: Int, lanes: Width) => void) => {
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
  return pixelBody(k, tile, y, wide, pixelWriter);
}

/**
 * A result that is made pixel by pixel: `writer` computes what all channels of a pixel share, and gives what writes some of them. `wide`
 * says that these may be vecs.
 */
export function pixelBody(
  k: Build,
  tile: Tile,
  y: Operand,
  wide: boolean,
  writer: (pixel: Int) => (channel: Int, width: Width) => void,
): Body {
  const depth = channels(y.shape);
  const pixels = vectors(y.shape);
  if (k.team > 1) {
    const work = { depth, wide, pixels };
    return {
      blocks: teamBlocks(k, vectorItems(k, pixels, depth, wide)),
      write: (block) =>
        eachVectorOfGrid(k, block, work, (pixel, channel, width) => writer(pixel)(channel, width)),
    };
  }
  const size = largeBlockSize(pixels, tile.blockVectors);
  return {
    blocks: pixels / size,
    write: (block) => {
      const first = k.letInt("first", mulInt(block, size));
      k.items(["i"], [size], (i = 0) => {
        const write = writer(k.letInt("pixel", addInt(first, i)));
        k.channels("c", depth, wide, write);
      });
    },
  };
}

/** Shares are whole multiples of 2⁻²⁴ in the table: as fine as f32 in [½, 1), and exact as i32. */
const shareUnit = 2 ** 24;

/** Neighbours and share. Where one of the two has no share, both are the other, by halves: 0 · ∞ would be NaN. */
function tapEntries({ low, high, share }: ResizeTap): number[] {
  const parts = Math.round(share * shareUnit);
  if (parts === 0) return [low, low, shareUnit / 2];
  return parts === shareUnit ? [high, high, shareUnit / 2] : [low, high, parts];
}

/** `a·(1 − share) + b·share`, which keeps infinities. */
function mix(a: Value, b: Value, { own, rest }: { readonly own: Value; readonly rest: Value }): Value {
  return madd(b, own, binary("mul", a, rest));
}
