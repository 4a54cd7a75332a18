// NumPy's .npy files: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html

import type { Result } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";

/** An array of any number type, as f32. */
export interface NpyArray {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

type Reader = (view: DataView, at: number, little: boolean) => number;

const readers: Readonly<Record<string, { readonly size: number; readonly read: Reader }>> = {
  f4: { size: 4, read: (view, at, little) => view.getFloat32(at, little) },
  f8: { size: 8, read: (view, at, little) => view.getFloat64(at, little) },
  u1: { size: 1, read: (view, at) => view.getUint8(at) },
  i1: { size: 1, read: (view, at) => view.getInt8(at) },
  b1: { size: 1, read: (view, at) => view.getUint8(at) },
  u2: { size: 2, read: (view, at, little) => view.getUint16(at, little) },
  i2: { size: 2, read: (view, at, little) => view.getInt16(at, little) },
  u4: { size: 4, read: (view, at, little) => view.getUint32(at, little) },
  i4: { size: 4, read: (view, at, little) => view.getInt32(at, little) },
  i8: { size: 8, read: (view, at, little) => Number(view.getBigInt64(at, little)) },
  u8: { size: 8, read: (view, at, little) => Number(view.getBigUint64(at, little)) },
};

/** The array of a .npy file (versions 1 to 3). */
export function readNpy(bytes: Uint8Array, file: string): Result<NpyArray> {
  const wrong = (message: string): Result<NpyArray> => ({
    diagnostics: [error("bad-npy", `${file}: ${message}`)],
  });
  if (bytes.length < 12 || bytes[0] !== 0x93 || new TextDecoder().decode(bytes.subarray(1, 6)) !== "NUMPY")
    return wrong("this is no .npy file");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isLong = (bytes[6] ?? 1) >= 2;
  const start = isLong ? 12 : 10;
  const length = isLong ? view.getUint32(8, true) : view.getUint16(8, true);
  if (start + length > bytes.length) return wrong("the header is cut off");
  const header = new TextDecoder("latin1").decode(bytes.subarray(start, start + length));
  const descr = /'descr':\s*'([<>|=]?)([a-z]\d+)'/.exec(header);
  const shapeText = /'shape':\s*\(([\d,\s]*)\)/.exec(header)?.[1];
  if (!descr || shapeText === undefined) return wrong("the header has no type or no shape");
  const reader = readers[descr[2] ?? ""];
  if (!reader) return wrong(`arrays of type ${descr[2]} cannot be read; save it as float32`);
  if (/'fortran_order':\s*True/.test(header))
    return wrong("the array is in Fortran order; save np.ascontiguousarray(a)");
  const shape = shapeText
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .map(Number);
  const count = shape.reduce((product, extent) => product * extent, 1);
  if (start + length + count * reader.size > bytes.length)
    return wrong(`the data is cut off: shape (${shape.join(", ")}) needs ${count * reader.size} bytes`);
  const data = new Float32Array(count);
  for (let at = 0; at < count; at += 1)
    data[at] = reader.read(view, start + length + at * reader.size, descr[1] !== ">");
  return { value: { shape, data }, diagnostics: [] };
}
