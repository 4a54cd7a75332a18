// Reads and writes NumPy's .npy files: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html

import type { Result } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import { halfToFloat } from "./half.js";

/** An array of any number type, as f32, in row-major order. */
export interface NpyArray {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

type Reader = (view: DataView, at: number, little: boolean) => number;

/** By NumPy's kind and size in bytes. Wide integers and doubles are rounded to the nearest f32. */
const readers: ReadonlyMap<string, { readonly size: number; readonly read: Reader }> = new Map([
  ["f2", { size: 2, read: (view, at, little) => halfToFloat(view.getUint16(at, little)) }],
  ["f4", { size: 4, read: (view, at, little) => view.getFloat32(at, little) }],
  ["f8", { size: 8, read: (view, at, little) => view.getFloat64(at, little) }],
  ["b1", { size: 1, read: (view, at) => (view.getUint8(at) === 0 ? 0 : 1) }],
  ["u1", { size: 1, read: (view, at) => view.getUint8(at) }],
  ["u2", { size: 2, read: (view, at, little) => view.getUint16(at, little) }],
  ["u4", { size: 4, read: (view, at, little) => view.getUint32(at, little) }],
  ["u8", { size: 8, read: (view, at, little) => Number(view.getBigUint64(at, little)) }],
  ["i1", { size: 1, read: (view, at) => view.getInt8(at) }],
  ["i2", { size: 2, read: (view, at, little) => view.getInt16(at, little) }],
  ["i4", { size: 4, read: (view, at, little) => view.getInt32(at, little) }],
  ["i8", { size: 8, read: (view, at, little) => Number(view.getBigInt64(at, little)) }],
]);

/** The array of a file. */
export interface NpyFile extends NpyArray {
  /** Whether its elements are bytes (uint8), like pixels. */
  readonly isBytes: boolean;
}

/** Reads a .npy file (versions 1 to 3) of real numbers or booleans, in either byte order and layout. */
export function readNpy(bytes: Uint8Array, file: string): Result<NpyFile> {
  const wrong = (message: string, help?: string): Result<never> => ({
    diagnostics: [error("bad-npy", `${file}: ${message}`, help === undefined ? {} : { help: [help] })],
  });
  const header = readHeader(bytes);
  if ("problem" in header) return wrong(header.problem);
  const { descr, isFortran, shape, start } = header;
  const reader = readers.get(descr.slice(1));
  if (!reader) return wrong(`arrays of type ${descr} cannot be read`, "save it with a.astype(np.float32)");
  const count = shape.includes(0) ? 0 : shape.reduce((product, extent) => product * extent, 1);
  const wanted = count * reader.size;
  if (wanted !== bytes.length - start) {
    const printed = `shape (${shape.join(", ")}) of ${descr} needs ${wanted} bytes`;
    return wrong(`${printed}, but ${bytes.length - start} follow the header`, "is the file complete?");
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset + start, wanted);
  const isLittle = !descr.startsWith(">");
  const data = Float32Array.from({ length: count }, (_, at) => reader.read(view, at * reader.size, isLittle));
  const ordered = isFortran ? rowMajor(data, shape) : data;
  return { value: { shape, data: ordered, isBytes: descr.slice(1) === "u1" }, diagnostics: [] };
}

/** The bytes of a .npy file (version 1, little-endian f32, row-major). Throws `RangeError` if the data does not fill the shape. */
export function writeNpy({ shape, data }: NpyArray): Uint8Array {
  const count = shape.reduce((product, extent) => product * extent, 1);
  if (data.length !== count) throw new RangeError(`${data.length} values for shape (${shape.join(", ")})`);
  // A tuple of one item ends in a comma.
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${tuple}), }`;
  const start = Math.ceil((10 + text.length + 1) / 64) * 64;
  const bytes = new Uint8Array(start + 4 * count);
  bytes.set([0x93, ...new TextEncoder().encode("NUMPY"), 1, 0]);
  const view = new DataView(bytes.buffer);
  view.setUint16(8, start - 10, true);
  bytes.set(new TextEncoder().encode(`${text.padEnd(start - 11)}\n`), 10);
  for (const [at, value] of data.entries()) view.setFloat32(start + 4 * at, value, true);
  return bytes;
}

interface NpyHeader {
  /** Byte order and type, such as `<f4`. */
  readonly descr: string;
  readonly isFortran: boolean;
  readonly shape: readonly number[];
  /** Offset of the data in bytes. */
  readonly start: number;
}

function readHeader(bytes: Uint8Array): NpyHeader | { readonly problem: string } {
  const magic = new TextDecoder().decode(bytes.subarray(1, 6));
  if (bytes[0] !== 0x93 || magic !== "NUMPY") return { problem: "this is not a .npy file" };
  const [major = 0] = bytes.subarray(6);
  if (major < 1 || major > 3)
    return { problem: `this is a .npy file of version ${major}, but only versions 1 to 3 can be read` };
  // Version 1 stores the length of the header in 2 bytes, the others in 4.
  const first = major === 1 ? 10 : 12;
  if (bytes.length < first) return { problem: "the header is cut off" };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = first + (major === 1 ? view.getUint16(8, true) : view.getUint32(8, true));
  if (start > bytes.length) return { problem: "the header is cut off" };
  const text = new TextDecoder().decode(bytes.subarray(first, start));
  const descr = /["']descr["']\s*:\s*["']([<>|=][a-zA-Z]\d+)["']/.exec(text)?.[1];
  const order = /["']fortran_order["']\s*:\s*(True|False)/.exec(text)?.[1];
  const tuple = /["']shape["']\s*:\s*\(([\d,\s]*)\)/.exec(text)?.[1];
  if (order === undefined || tuple === undefined)
    return { problem: "the header has no shape or no fortran_order" };
  if (descr === undefined) return { problem: "the header has no type, or one that is not a plain number" };
  const shape = tuple
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .map(Number);
  if (!shape.every(Number.isSafeInteger))
    return { problem: `the shape (${tuple}) is not a list of whole numbers` };
  return { descr, isFortran: order === "True", shape, start };
}

/** Converts column-major values to row-major order. */
function rowMajor(data: Float32Array, shape: readonly number[]): Float32Array {
  const result = new Float32Array(data.length);
  const index = shape.map(() => 0);
  // Column-major strides, in elements.
  const strides = shape.map((_, axis) =>
    shape.slice(0, axis).reduce((product, extent) => product * extent, 1),
  );
  let from = 0;
  for (let to = 0; to < result.length; to += 1) {
    result[to] = data[from] ?? 0;
    for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
      const stride = strides[axis] ?? 0;
      index[axis] = (index[axis] ?? 0) + 1;
      from += stride;
      if ((index[axis] ?? 0) < (shape[axis] ?? 0)) break;
      from -= stride * (shape[axis] ?? 0);
      index[axis] = 0;
    }
  }
  return result;
}
