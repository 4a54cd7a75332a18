// Bytes as base64 text.

/** Encodes bytes as base64, a piece at a time. */
export function toBase64(bytes: Uint8Array): string {
  const pieces: string[] = [];
  // A multiple of 3 bytes, so that pieces join without padding, and small enough for the arguments of one call.
  const piece = 3 * 8192;
  for (let start = 0; start < bytes.length; start += piece) {
    pieces.push(btoa(String.fromCharCode(...bytes.subarray(start, start + piece))));
  }
  return pieces.join("");
}
