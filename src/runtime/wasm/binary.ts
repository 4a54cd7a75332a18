// The binaries of a module, from the text in it.

/** The binary for SIMD, and what makes the one for relaxed SIMD of it; `size` is the number of bytes of the first. */
export interface Binaries {
  readonly size: number;
  readonly simd: string;
  readonly relaxed: string;
}

/** A binary of the net `name`. Throws if the text was not read as it was written. */
export function binaryOf(
  name: string,
  { size, simd, relaxed }: Binaries,
  wanted: "simd" | "relaxed",
): Uint8Array<ArrayBuffer> {
  if (simd.length !== size) {
    throw new Error(`${name}: the module's text was not read as UTF-8; serve it with "charset=utf-8"`);
  }
  return wanted === "simd" ? textBytes(simd) : applyDelta(textBytes(simd), textBytes(relaxed));
}

/** A byte is a character's code modulo 256. */
function textBytes(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < bytes.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}

/** The length of the result; then again and again how many bytes follow, these bytes, how many bytes of `from` to skip, how many to copy. */
function applyDelta(from: Uint8Array, delta: Uint8Array): Uint8Array<ArrayBuffer> {
  let at = 0;
  /** An unsigned number in LEB128. */
  const number = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = delta[at++] ?? 0;
      value += (byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  const result = new Uint8Array(number());
  let [source, end] = [0, 0];
  const put = (bytes: Uint8Array): number => {
    result.set(bytes, end);
    end += bytes.length;
    return bytes.length;
  };
  while (end < result.length) {
    const count = number();
    at += put(delta.subarray(at, at + count));
    source += number();
    const length = number();
    source += put(from.subarray(source, source + length));
  }
  return result;
}
