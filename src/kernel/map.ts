// Kernels that map or move elements: elementwise chains, copies, pad, transpose, slice, resize.

import { channels, elements } from "#ir/type.js";
import type { Shape } from "#ir/type.js";
import type { ResizeTap } from "#ops/resize.js";
import type { Int } from "./build.js";
import { address, addInt, both, compare, f32, int, load, loadInt, mulInt } from "./build.js";
import type { Body } from "./convolution.js";
import { storeResult } from "./convolution.js";
import type { Value } from "./ir.js";
import type { Build, Operand, Steps } from "./operands.js";
import { stridesOf, tableParameter } from "./operands.js";
import { blockSize } from "./tile.js";

/** Most last-axis vectors of a block. */
const blockVectors = 256;

/**
 * One value per element of the result: `element` gets the index per axis. Blocks are runs of last-axis vectors; the indices
 * of the axes before are found once per vector.
 */
export function mapBody(
  k: Build,
  y: Operand,
  element: (index: readonly Int[], pixel: Int) => Value,
  epilogue: Steps,
  store: (value: Value, pixel: Int, channel: Int, index: readonly Int[]) => void = (
    value,
    pixel,
    channel,
    index,
  ) => storeResult(k, y, value, { pixel, channel, index }, epilogue),
): Body {
  const vectors = elements(y.shape) / channels(y.shape);
  const size = blockSize(vectors, blockVectors);
  return {
    blocks: vectors / size,
    write: (block) =>
      k.for("i", size, (i) => {
        const pixel = k.letInt("pixel", addInt(mulInt(block, size), i));
        const lead = leadingIndex(k, y.shape, pixel);
        k.for("c", channels(y.shape), (c) => {
          const index = y.shape.length === 0 ? [] : [...lead, c];
          store(element(index, pixel), pixel, c, index);
        });
      }),
  };
}

/** The index per axis but the last, of a last-axis vector. */
function leadingIndex(k: Build, shape: Shape, pixel: Int): Int[] {
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

/** The element at an index. */
export function loadAt(x: Operand, index: readonly Int[]): Value {
  const strides = stridesOf(x.shape, x.stride);
  return load(x.place, address(addInt(...index.map((at, axis) => mulInt(at, strides[axis] ?? 0)))));
}

/** A chain of elementwise steps over a value, or a plain copy. */
export function elementwiseBody(k: Build, x: Operand, y: Operand, steps: Steps): Body {
  const strides = stridesOf(x.shape, x.stride);
  const lead = y.shape.length - x.shape.length;
  return mapBody(
    k,
    y,
    (index) =>
      load(
        x.place,
        // The flow may itself broadcast, as the smaller operand of a lone binary op does.
        address(
          addInt(
            ...x.shape.map((extent, axis) =>
              extent === 1 ? 0 : mulInt(index[axis + lead] ?? 0, strides[axis] ?? 0),
            ),
          ),
        ),
      ),
    steps,
  );
}

/** Reads x in reading order into a result of another shape. */
export function reshapeBody(k: Build, x: Operand, y: Operand, epilogue: Steps): Body {
  const depth = channels(x.shape);
  return mapBody(
    k,
    y,
    (index, pixel) => {
      const flat = addInt(mulInt(pixel, channels(y.shape)), index.at(-1) ?? 0);
      if (x.stride === depth) return load(x.place, address(flat));
      const place = k.letInt("flat", flat);
      return load(
        x.place,
        address(addInt(mulInt(int("div", place, depth), x.stride), int("rem", place, depth))),
      );
    },
    epilogue,
  );
}

/** `y[index] = x[permuted index]`. */
export function transposeBody(
  k: Build,
  x: Operand,
  y: Operand,
  perm: readonly number[],
  epilogue: Steps,
): Body {
  return mapBody(
    k,
    y,
    (index) =>
      loadAt(
        x,
        perm.map((_, axis) => index[perm.indexOf(axis)] ?? 0),
      ),
    epilogue,
  );
}

export function sliceBody(
  k: Build,
  x: Operand,
  y: Operand,
  slice: { readonly begin: readonly number[]; readonly stride: readonly number[] },
  epilogue: Steps,
): Body {
  return mapBody(
    k,
    y,
    (index) =>
      loadAt(
        x,
        index.map((at, axis) => addInt(mulInt(at, slice.stride[axis] ?? 1), slice.begin[axis] ?? 0)),
      ),
    epilogue,
  );
}

/** Copies an operand into a concatenation along an inner axis, where its part is not one dense view. */
export function concatBody(k: Build, x: Operand, y: Operand, whole: Shape, stride: number): Body {
  const strides = stridesOf(whole, stride);
  return mapBody(
    k,
    { ...y, shape: x.shape },
    (index) => loadAt(x, index),
    (value) => value,
    (value, _pixel, _channel, index) =>
      k.store(y.place, address(addInt(...index.map((at, axis) => mulInt(at, strides[axis] ?? 0)))), value),
  );
}

export function padBody(
  k: Build,
  x: Operand,
  y: Operand,
  pad: {
    readonly before: readonly number[];
    readonly mode: "constant" | "reflect" | "edge";
    readonly value: number;
  },
  epilogue: Steps,
): Body {
  return mapBody(
    k,
    y,
    (index) => {
      const places = index.map((at, axis) => addInt(at, -(pad.before[axis] ?? 0)));
      if (pad.mode !== "constant") {
        return loadAt(
          x,
          places.map((at, axis) => {
            const last = (x.shape[axis] ?? 1) - 1;
            const edge = int("min", int("max", at, 0), last);
            if ((x.shape[axis] ?? 1) === (y.shape[axis] ?? 1)) return at;
            return pad.mode === "edge" ? edge : mirror(at, last);
          }),
        );
      }
      const result = k.let("v", f32(pad.value));
      const tests = places.flatMap((at, axis) => {
        const extent = x.shape[axis] ?? 1;
        return extent === (y.shape[axis] ?? 1) ? [] : [compare("le", 0, at), compare("lt", at, extent)];
      });
      const [first, ...rest] = tests;
      if (!first) return loadAt(x, places);
      k.guard(rest.reduce(both, first), () => k.set(result, loadAt(x, places)));
      return result;
    },
    epilogue,
  );
}

/** −1 → 1, last + 1 → last − 1; inside, the place itself. */
function mirror(at: Int, last: number): Int {
  const low = int("max", at, int("sub", 0, at));
  return int("min", low, int("sub", 2 * last, low));
}

/** Nearest or bilinear resizing; the neighbours per row and column stand in tables, the shares as bits of f32. */
export function resizeBody(
  k: Build,
  x: Operand,
  y: Operand,
  taps: {
    readonly rows: readonly ResizeTap[];
    readonly columns: readonly ResizeTap[];
    readonly bilinear: boolean;
  },
  epilogue: Steps,
): Body {
  const table = tableParameter(
    k,
    "t",
    [...taps.rows, ...taps.columns].flatMap((tap) => [tap.low, tap.high, Math.round(tap.share * shareUnit)]),
  );
  const columnsAt = taps.rows.length * 3;
  return mapBody(
    k,
    y,
    (index) => {
      const [n = 0, row = 0, column = 0, c = 0] = index;
      const entry = (at: Int, start: number, part: number): Value =>
        loadInt(table, address(addInt(mulInt(at, 3), start), part));
      const at = (dy: number, dx: number): Value =>
        loadAt(x, [n, entry(row, 0, dy), entry(column, columnsAt, dx), c]);
      if (!taps.bilinear) return at(0, 0);
      const share = (place: Int, start: number): Value => ({
        kind: "binary",
        type: "f32",
        fn: "mul",
        a: { kind: "to_f32", type: "f32", x: entry(place, start, 2) },
        b: f32(1 / shareUnit),
      });
      const [down, right] = [k.let("down", share(row, 0)), k.let("right", share(column, columnsAt))];
      const upper = k.let("upper", mix(k, at(0, 0), at(0, 1), right));
      return mix(k, upper, mix(k, at(1, 0), at(1, 1), right), down);
    },
    epilogue,
  );
}

/** Shares are whole multiples of 2⁻²⁴ in the table: as fine as f32 in [½, 1), and exact as i32. */
const shareUnit = 2 ** 24;

/** `a + (b − a)·share`. */
function mix(k: Build, a: Value, b: Value, share: Value): Value {
  const from = k.let("from", a);
  const difference: Value = { kind: "binary", type: "f32", fn: "sub", a: b, b: from };
  return { kind: "madd", type: "f32", a: difference, b: share, c: from };
}
