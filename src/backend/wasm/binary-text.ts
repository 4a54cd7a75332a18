// Binaries as text of a module: a printable character for each byte, and the second binary as what differs from the first.

import { unsigned } from "./code.js";

/**
 * Bytes as a text that stands between double quotes as it is. A printable ASCII character stands for its code, and U+0100 + b for
 * any other byte b, so that a byte is a character's code modulo 256. Compressed with gzip, binaries are half as large as in
 * base64, where equal bytes give equal characters at one place in three only.
 */
export function bytesText(bytes: Uint8Array): string {
  const pieces: string[] = [];
  for (let start = 0; start < bytes.length; start += 8192) {
    pieces.push(String.fromCharCode(...Array.from(bytes.subarray(start, start + 8192), characterCode)));
  }
  return pieces.join("");
}

/** Not as they are: what ends or escapes a text, and `<`, since a page that holds a module ends it at `</script`. */
const escaped = new Set([0x22, 0x3c, 0x5c]);

function characterCode(byte: number): number {
  return byte >= 0x20 && byte < 0x7f && !escaped.has(byte) ? byte : 0x100 + byte;
}

/** Fewest bytes that are copied, and how far ahead of the last copy the next one is looked for. */
const [least, reach] = [6, 512];

/**
 * What makes `to` of `from`: the length of `to`, then until that is reached how many bytes follow, these bytes, how far from the
 * end of the last copy the next one begins, and its length. Numbers are unsigned LEB128. `to` should go on like `from` after
 * short differences, as the binaries for SIMD and relaxed SIMD do.
 */
export function deltaOf(from: Uint8Array, to: Uint8Array): Uint8Array {
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
