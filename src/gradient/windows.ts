// Moves of elements that several rules use: into zeros, to and from the taps of a window, and linear maps along an axis.

import type { NodeId } from "#ir/graph.js";
import type { Shape } from "#ir/type.js";
import { elements } from "#ir/type.js";
import type { Padding, Size } from "#ops/attributes.js";
import type { GradientBuilder } from "./gradient-builder.js";

/**
 * Zeros of `shape` with element i of x at `begin + i · stride` along each axis; leaves out elements outside. The transpose of a slice.
 */
export function placeInZeros(
  build: GradientBuilder,
  x: NodeId,
  begin: readonly number[],
  stride: readonly number[],
  shape: Shape,
): NodeId {
  const spread = insertZeros(build, x, stride);
  const from = build.shape(spread);
  const cut = from.map((extent, axis) => {
    const first = Math.max(0, -(begin[axis] ?? 0));
    const end = Math.min(extent, (shape[axis] ?? 0) - (begin[axis] ?? 0));
    return { first, size: end - first };
  });
  if (cut.some(({ size }) => size <= 0)) return build.constant(shape, 0);
  const inside = sliced(
    build,
    spread,
    cut.map(({ first }) => first),
    cut.map(({ size }) => size),
  );
  const before = begin.map((first) => Math.max(0, first));
  const after = shape.map((extent, axis) => extent - (before[axis] ?? 0) - (cut[axis]?.size ?? 0));
  return padded(build, inside, before, after);
}

/** x with stride − 1 zeros between neighbours, and as many after the last. */
function insertZeros(build: GradientBuilder, x: NodeId, stride: readonly number[]): NodeId {
  if (stride.every((one) => one === 1)) return x;
  const shape = build.shape(x);
  const apart = shape.flatMap((extent, axis) => ((stride[axis] ?? 1) > 1 ? [extent, 1] : [extent]));
  const after = shape.flatMap((_, axis) => ((stride[axis] ?? 1) > 1 ? [0, (stride[axis] ?? 1) - 1] : [0]));
  const filled = padded(
    build,
    build.reshape(x, apart),
    after.map(() => 0),
    after,
  );
  return build.reshape(
    filled,
    shape.map((extent, axis) => extent * (stride[axis] ?? 1)),
  );
}

/** Elements `begin` to `begin + (size − 1) · stride`; x itself if these are all. */
export function sliced(
  build: GradientBuilder,
  x: NodeId,
  begin: readonly number[],
  size: readonly number[],
  stride: readonly number[] = size.map(() => 1),
): NodeId {
  const isAll =
    begin.every((first) => first === 0) &&
    stride.every((one) => one === 1) &&
    build.shape(x).every((extent, axis) => extent === size[axis]);
  return isAll ? x : build.op("slice", [x], { begin, size, stride });
}

/** x with `value` around it; x itself if nothing is added. */
function padded(
  build: GradientBuilder,
  x: NodeId,
  before: readonly number[],
  after: readonly number[],
  value = 0,
): NodeId {
  if (before.every((extent) => extent === 0) && after.every((extent) => extent === 0)) return x;
  return build.op("pad", [x], { before, after, value });
}

/** Windows over the rows and columns of an [n, h, w, c] value. */
export interface Windows {
  readonly kernel: Size;
  readonly stride: Size;
  readonly dilation: Size;
  readonly padding: Padding;
}

/** The positions [i, j] of the taps, row by row. */
export function tapsOf({ kernel }: Pick<Windows, "kernel">): (readonly [number, number])[] {
  return Array.from({ length: kernel[0] * kernel[1] }, (_, tap) => [
    Math.floor(tap / kernel[1]),
    tap % kernel[1],
  ]);
}

/** For each tap, the elements of x that it reads at all [h', w'] positions, `fill` outside x: [n, h', w', c] each. */
export function seenByTaps(
  build: GradientBuilder,
  x: NodeId,
  windows: Windows,
  [height, width]: Size,
  fill = 0,
): NodeId[] {
  const { stride, dilation, padding } = windows;
  const [top, bottom, left, right] = padding;
  const [n = 1, , , c = 1] = build.shape(x);
  const around = padded(build, x, [0, top, left, 0], [0, bottom, right, 0], fill);
  return tapsOf(windows).map(([i, j]) =>
    sliced(
      build,
      around,
      [0, i * dilation[0], j * dilation[1], 0],
      [n, height, width, c],
      [1, stride[0], stride[1], 1],
    ),
  );
}

/** The transpose of `seenByTaps` with zeros outside: adds the values of the taps where these read, as an [n, h, w, c] value. */
export function addFromTaps(
  build: GradientBuilder,
  taps: readonly NodeId[],
  windows: Windows,
  shape: Shape,
): NodeId {
  const { stride, dilation, padding } = windows;
  const parts = tapsOf(windows).map(([i, j], tap) =>
    placeInZeros(
      build,
      taps[tap] ?? 0,
      [0, i * dilation[0] - padding[0], j * dilation[1] - padding[2], 0],
      [1, stride[0], stride[1], 1],
      shape,
    ),
  );
  return parts.reduce((sum, part) => build.op("add", [sum, part]));
}

/** A linear map along an axis, whose new extent is `rows`: y[…, i, …] = Σₖ matrix(k, i) · x[…, k, …]. */
export function mapAxis(
  build: GradientBuilder,
  x: NodeId,
  axis: number,
  rows: number,
  matrix: (from: number, to: number) => number,
): NodeId {
  const shape = build.shape(x);
  const extent = shape[axis] ?? 1;
  const last = shape.length - 1;
  const swap = shape.map((_, at) => (at === axis ? last : at === last ? axis : at));
  const flat = build.reshape(build.transpose(x, swap), [elements(shape) / extent, extent]);
  const w = build.constant([extent, rows], (at) => matrix(Math.floor(at / rows), at % rows));
  const moved = swap.map((from) => (from === axis ? rows : (shape[from] ?? 1)));
  return build.transpose(build.reshape(build.op("matmul", [flat, w]), moved), swap);
}
