// Reads the data of the page: base64, gzip, then JSON and the codes of images (`../data.ts`).

import type { Film } from "../data.js";

export interface Unpacked {
  readonly film: Film;
  /** The codes of all images. */
  readonly codes: Uint8Array;
}

export async function unpack(base64: string): Promise<Unpacked> {
  const binary = atob(base64.trim());
  const packed = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at += 1) packed[at] = binary.charCodeAt(at);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const length = new DataView(bytes.buffer).getUint32(0, true);
  const film = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length))) as Film;
  return { film, codes: bytes.subarray(4 + length) };
}
