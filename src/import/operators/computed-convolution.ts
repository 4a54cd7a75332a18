// Convolutions with a computed kernel, as sums over its taps, because the weights of a `conv2d` have to be packed beforehand.

import type { Lowering } from "#import/lowering.js";
import { refuse, unsupported } from "#import/refusal.js";
import type { Ref } from "#import/value.js";
import type { Along } from "./windows.js";

/** The most taps of a computed kernel; each takes a slice of the image. */
const tapLimit = 1024;

/**
 * The convolution of an image [n, h, w, c] with a kernel [kh, kw, c / groups, filters]. If each channel is a group, the image of each tap
 * is scaled by channel, and the results are added. Else the images of all taps are concatenated along the channels, and a matrix product
 * for each group sums over them.
 */
export function computedConvolution(
  { build }: Lowering,
  image: Ref,
  kernel: Ref,
  [rows, columns]: readonly [Along, Along],
  groups: number,
): Ref {
  const [kh = 1, kw = 1, perGroup = 1, filters = 1] = kernel.shape;
  if (kh * kw > tapLimit)
    unsupported(`a computed kernel of ${kh}x${kw}`, `up to ${tapLimit} taps are supported`);
  const isPadded = [rows.before, rows.after, columns.before, columns.after].some((count) => count > 0);
  const padded = isPadded
    ? build.emit("pad", [image], {
        before: [0, rows.before, columns.before, 0],
        after: [0, rows.after, columns.after, 0],
      })
    : image;
  const [n = 1, height = 1, width = 1, depth = 1] = padded.shape;
  const count = (extent: number, along: Along): number =>
    Math.floor((extent - ((along.kernel - 1) * along.dilation + 1)) / along.stride) + 1;
  const [h, w] = [count(height, rows), count(width, columns)];
  if (h < 1 || w < 1) refuse("shape-mismatch", `a kernel of ${kh}x${kw} is larger than its image`);
  const taps = Array.from({ length: kh * kw }, (_, tap) => {
    const [i, j] = [Math.floor(tap / kw), tap % kw];
    return build.emit("slice", [padded], {
      begin: [0, i * rows.dilation, j * columns.dilation, 0],
      size: [n, h, w, depth],
      stride: [1, rows.stride, columns.stride, 1],
    });
  });
  if (perGroup === 1 && groups > 1 && filters === depth) {
    const all = taps.map((tap, at) => {
      const own = build.emit("slice", [kernel], {
        begin: [Math.floor(at / kw), at % kw, 0, 0],
        size: [1, 1, 1, filters],
      });
      return build.emit("mul", [tap, own]);
    });
    return all.reduce((sum, one) => build.emit("add", [sum, one]));
  }

  const each = filters / groups;
  const parts = Array.from({ length: groups }, (_, group) => {
    const own = taps.map((tap) =>
      groups === 1
        ? tap
        : build.emit("slice", [tap], { begin: [0, 0, 0, group * perGroup], size: [n, h, w, perGroup] }),
    );
    const side = own.length > 1 ? build.emit("concat", own, { axis: 3 }) : (own[0] ?? image);
    const inner = kh * kw * perGroup;
    const x = build.emit("reshape", [side], { shape: [n, h * w, inner] });
    const weight =
      groups === 1
        ? kernel
        : build.emit("slice", [kernel], { begin: [0, 0, 0, group * each], size: [kh, kw, perGroup, each] });
    const matrix = build.emit("reshape", [weight], { shape: [1, inner, each] });
    return build.emit("reshape", [build.emit("matmul", [x, matrix])], { shape: [n, h, w, each] });
  });
  return parts.length > 1 ? build.emit("concat", parts, { axis: 3 }) : (parts[0] ?? image);
}
