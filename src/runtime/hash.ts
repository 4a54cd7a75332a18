// The hash that ties a module to its packed weights.

/**
 * 64 bits over the bytes, as 16 hexadecimal digits: two MurmurHash3 (x86_32, Austin Appleby, public domain) with
 * different constants. It detects a wrong file, not a forged one. Bytes after the last multiple of 4 are not read:
 * weights are f32.
 */
export function hashBytes(bytes: Uint8Array): string {
  const state = startHash();
  addToHash(state, bytes);
  return endHash(state);
}

/** The state of a hash: both halves, and the number of words so far. */
export function startHash(): Int32Array {
  return Int32Array.of(0x2f0b4c47, 0x5bd1e995, 0);
}

/** Adds the bytes of one piece; all but the last have a multiple of 4. */
export function addToHash(state: Int32Array, bytes: Uint8Array): void {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  const words = new Int32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength >> 2);
  let [a = 0, b = 0] = state;
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? 0;
    let k = Math.imul(word, 0xcc9e2d51);
    k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
    a ^= k;
    a = (Math.imul((a << 13) | (a >>> 19), 5) + 0xe6546b64) | 0;
    k = Math.imul(word, 0x239b961b);
    k = Math.imul((k << 17) | (k >>> 15), 0xab0e9789);
    b ^= k;
    b = (Math.imul((b << 15) | (b >>> 17), 5) + 0x561ccd1b) | 0;
  }
  state.set([a, b, (state[2] ?? 0) + words.length]);
}

export function endHash([a = 0, b = 0, count = 0]: Int32Array): string {
  return hexadecimal(mix(a ^ count)) + hexadecimal(mix(b ^ count));
}

function mix(h: number): number {
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

function hexadecimal(word: number): string {
  return (word >>> 0).toString(16).padStart(8, "0");
}
