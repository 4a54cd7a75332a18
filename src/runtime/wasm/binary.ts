// The binaries of a module, from the text in it.

/**
 * The text's bytes, decompressed, are for each piece of the binary for SIMD its length, its bytes, and then what makes the
 * other binary's piece of it: the length of that, and then again and again how many bytes follow, these bytes, how many of
 * the first piece to skip, how many to copy. Numbers are unsigned LEB128.
 */
export async function binaryOf(
  name: string,
  text: string,
  wanted: "simd" | "relaxed",
): Promise<Uint8Array<ArrayBuffer>> {
  if (typeof DecompressionStream !== "function") {
    throw new Error(`${name}: this engine has no DecompressionStream; compile with --target js for it`);
  }
  const bytes = await decompress(text);
  let at = 0;
  const number = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  const take = (count: number) => bytes.subarray(at, (at += count));
  const parts: Uint8Array[] = [];
  while (at < bytes.length) {
    const simd = take(number());
    if (wanted === "simd") parts.push(simd);
    let source = 0;
    for (let left = number(); left > 0;) {
      const literal = take(number());
      source += number();
      const copied = simd.subarray(source, (source += number()));
      if (wanted === "relaxed") parts.push(literal, copied);
      left -= literal.length + copied.length;
    }
  }
  const binary = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let end = 0;
  for (const part of parts) {
    binary.set(part, end);
    end += part.length;
  }
  return binary;
}

/** What zlib compressed, from base64. */
async function decompress(text: string): Promise<Uint8Array> {
  const binary = atob(text);
  const packed = new Uint8Array(binary.length);
  for (let at = 0; at < packed.length; at++) packed[at] = binary.charCodeAt(at);
  const { readable, writable } = new DecompressionStream("deflate");
  const writer = writable.getWriter();
  const written = writer.write(packed).then(() => writer.close());
  const [bytes] = await Promise.all([new Response(readable).arrayBuffer(), written]);
  return new Uint8Array(bytes);
}
