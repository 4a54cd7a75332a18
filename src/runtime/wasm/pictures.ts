// Pixels of pictures in another size, by WebAssembly.

import { withPictures } from "../pictures.js";
import type { PictureInput, Resize, Taps } from "../pixels.js";
import { tapsOf } from "../pixels.js";

/** The function of the binary that `src/backend/wasm/resizer.ts` makes. Numbers are in bytes, but `entries` and `count`. */
type Weigh = (
  table: number,
  entries: number,
  entryBytes: number,
  source: number,
  tapStep: number,
  count: number,
  step: number,
  target: number,
  targetEntryStep: number,
  targetStep: number,
) => void;

/** The net, whose `run` and `runSync` also take pictures. `binary` is the text of `resizerText`. */
export function withWasmPictures<N extends object>(
  net: N,
  inputs: readonly PictureInput[],
  binary: string,
): N {
  return withPictures(net, inputs, makeResizer(binary));
}

/** The most bytes of rows that are in memory at once, unless a row has more. */
const bandBytes = 1 << 18;

/** `resized` of `src/runtime/pixels.ts` in WebAssembly, which has the same results; `free` gives its memory back. */
export function makeResizer(binary: string): { readonly resize: Resize; free(): void } {
  let made: { readonly memory: WebAssembly.Memory; readonly weigh: Weigh } | undefined;
  const resize: Resize = (pixels, { from, width, height }, channels) => {
    made ??= instantiate(binary);
    const { memory, weigh } = made;
    const stride = pixels.data.length / (pixels.width * pixels.height);
    const line = pixels.width * stride;
    const columns = tapsOf(width, from.x, from.width, pixels.width);
    const rows = tapsOf(height, from.y, from.height, pixels.height);
    const first = rows.first[0] ?? 0;
    const count = (rows.first.at(-1) ?? 0) + (rows.count.at(-1) ?? 0) - first;
    // Tables, rows in the width of the input with four bytes for each pixel, the result, and a band of the picture.
    const [columnBytes, rowBytes] = [entryBytes(columns), entryBytes(rows)];
    const rowTable = width * columnBytes;
    const narrow = rowTable + height * rowBytes;
    const result = narrow + 4 * width * count;
    const band = result + height * width * channels + 4;
    const most = Math.min(count, Math.max(1, Math.floor(bandBytes / line)));
    const missing = band + most * line + 4 - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / 65_536));
    writeTable(new Int32Array(memory.buffer, 0, rowTable / 4), columns, stride, 0);
    writeTable(new Int32Array(memory.buffer, rowTable, (height * rowBytes) / 4), rows, 4 * width, first);
    const bytes = new Uint8Array(memory.buffer);
    for (let row = 0; row < count; row += most) {
      const some = Math.min(most, count - row);
      const start = (first + row) * line;
      bytes.set(pixels.data.subarray(start, start + some * line), band);
      weigh(0, width, columnBytes, band, stride, some, line, narrow + 4 * width * row, 4, 4 * width);
    }
    weigh(rowTable, height, rowBytes, narrow, 4 * width, width, 4, result, width * channels, channels);
    return { data: bytes.slice(result, result + height * width * channels), width, height };
  };
  return { resize, free: () => void (made = undefined) };
}

function entryBytes({ most }: Taps): number {
  return 4 * (2 + most);
}

/** Entries of a table; `step` is the distance of taps, and `first` what the first of all pixels is. */
function writeTable(table: Int32Array, taps: Taps, step: number, first: number): void {
  for (const [at, begin] of taps.first.entries()) {
    const to = at * (2 + taps.most);
    table[to] = (begin - first) * step;
    table[to + 1] = taps.count[at] ?? 0;
    table.set(taps.weight.subarray(at * taps.most, (at + 1) * taps.most), to + 2);
  }
}

function instantiate(text: string): { readonly memory: WebAssembly.Memory; readonly weigh: Weigh } {
  const binary = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 65_536 });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(binary), { host: { memory } });
  return { memory, weigh: exports["weigh"] as Weigh };
}
