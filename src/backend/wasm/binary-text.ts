// Binaries as text of a module.

import { zlibSync } from "fflate";
import { toBase64 } from "../base64.js";
import { unsigned } from "./code.js";

/**
 * Two binaries, each in pieces, as base64 of what zlib makes of them: for each piece of the first, its length and its bytes, then what makes
 * the second's piece of it. Pieces that are nearly the same, such as a kernel's function in both, are so near enough for the compression to
 * find that.
 */
export function binariesText(simd: readonly Uint8Array[], relaxed: readonly Uint8Array[]): string {
  const count = Math.max(simd.length, relaxed.length);
  const pieces = Array.from({ length: count }, (_, at) => {
    const [from, to] = [simd[at] ?? none, relaxed[at] ?? none];
    // What differs nearly everywhere compresses better as it is.
    const [delta, whole] = [deltaOf(from, to), deltaOf(none, to)];
    return joined([unsigned(from.length), from, delta.length < whole.length / 2 ? delta : whole]);
  });
  return toBase64(zlibSync(joined(pieces), { level: 9 }));
}

const none = new Uint8Array();

/** Fewest bytes that are copied, and how far ahead of the last copy the next one is looked for. */
const [least, reach] = [6, 512];

/**
 * What makes `to` of `from`: the length of `to`, then until that is reached how many bytes follow, these bytes, how far from the
 * end of the last copy the next one begins, and its length. Numbers are unsigned LEB128. `to` should go on like `from` after
 * short differences, as the same kernel for SIMD and relaxed SIMD does.
 */
function deltaOf(from: Uint8Array, to: Uint8Array): Uint8Array {
  const pieces: ArrayLike<number>[] = [unsigned(to.length)];
  let [source, at] = [0, 0];
  while (at < to.length) {
    const first = at;
    let copy = { skip: 0, length: 0 };
    while (at < to.length && copy.length === 0) {
      copy = bestCopy(from, source, to, at);
      if (copy.length === 0) at += 1;
    }
    pieces.push(unsigned(at - first), to.subarray(first, at), unsigned(copy.skip), unsigned(copy.length));
    source += copy.skip + copy.length;
    at += copy.length;
  }
  return joined(pieces);
}

function joined(pieces: readonly ArrayLike<number>[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** The longest copy in reach for what follows `at`; of equal ones the nearest. Its length is 0 if none is long enough. */
function bestCopy(
  from: Uint8Array,
  source: number,
  to: Uint8Array,
  at: number,
): { skip: number; length: number } {
  let best = { skip: 0, length: 0 };
  for (let skip = 0; skip <= reach && source + skip < from.length; skip += 1) {
    let length = 0;
    while (at + length < to.length && from[source + skip + length] === to[at + length]) length += 1;
    if (length >= least && length > best.length) best = { skip, length };
  }
  return best;
}
