// Reads the data of a film's page as its script does.

import { gunzipSync } from "node:zlib";
import type { Film } from "#film/data.js";

export function readPage(html: string): { readonly film: Film; readonly codes: Uint8Array } {
  const [, base64 = ""] = /<script type="text\/plain" id="film">([^<]*)<\/script>/.exec(html) ?? [];
  const bytes = gunzipSync(Buffer.from(base64, "base64"));
  const length = bytes.readUInt32LE(0);
  return {
    film: JSON.parse(bytes.toString("utf8", 4, 4 + length)) as Film,
    codes: bytes.subarray(4 + length),
  };
}
