// Packs plain data into bytes and back, without loss and with a hash that proves it whole.

import { bug } from "#diagnostic/diagnostic.js";
import { addToHash, endHash, startHash } from "#runtime/hash.js";

/** Arrays of numbers that are stored as bytes. */
type KeptArray = Float32Array | Float64Array;

const magic = "cleave checkpoint 1\n";
/** Bytes of the hash at the end, as text. */
const hashLength = 16;
/** Arrays begin at multiples of this many bytes, so that they can be read in place. */
const alignment = 8;

/**
 * A value with its name, as bytes. The value is plain data: objects, lists, texts, booleans, all numbers, and arrays of f32 and f64. A
 * property that is undefined is left out. The bytes are a magic text, JSON with the lengths of the arrays, a line end, the arrays, and a hash of
 * all of that. Numbers that JSON lacks (NaN, infinities, −0) become objects with a text.
 */
export function packKept(name: string, value: unknown): Uint8Array {
  const arrays: KeptArray[] = [];
  const json = JSON.stringify({ name, value: plain(value, arrays) });
  const head = new TextEncoder().encode(magic + json);
  const start = padded(head.length + 1);
  const size = arrays.reduce((sum, { byteLength }) => sum + padded(byteLength), start);
  const bytes = new Uint8Array(size + hashLength);
  bytes.fill(0x20, 0, start);
  bytes.set(head);
  // The line end marks the end of the JSON, which contains none.
  bytes[start - 1] = 0x0a;
  let at = start;
  for (const { buffer, byteOffset, byteLength } of arrays) {
    bytes.set(new Uint8Array(buffer, byteOffset, byteLength), at);
    at += padded(byteLength);
  }
  bytes.set(new TextEncoder().encode(hashOf(bytes.subarray(0, size))), size);
  return bytes;
}

/** The value that was packed with that name; undefined if the bytes are incomplete or anything else. */
export function unpackKept(name: string, bytes: Uint8Array): unknown {
  const size = bytes.length - hashLength;
  if (size < magic.length || size % alignment !== 0) return undefined;
  // A copy begins at a multiple of 8, and nothing else writes to it. (`slice` of a Buffer would not copy.)
  const own = new Uint8Array(size);
  own.set(bytes.subarray(0, size));
  const text = (from: number, to: number): string => new TextDecoder().decode(bytes.subarray(from, to));
  if (text(0, magic.length) !== magic || text(size, bytes.length) !== hashOf(own)) return undefined;
  const end = own.indexOf(0x0a, magic.length);
  const kept = JSON.parse(text(magic.length, end)) as { readonly name: string; readonly value: unknown };
  return kept.name === name ? restored(kept.value, own.buffer, { at: end + 1 }) : undefined;
}

function padded(length: number): number {
  return Math.ceil(length / alignment) * alignment;
}

/** The hash of bytes, whose number must be a multiple of 4. */
export function hashOf(bytes: Uint8Array): string {
  const state = startHash();
  addToHash(state, bytes);
  return endHash(state);
}

/** The property names of values that JSON lacks. A plain object whose only property has such a name would be misread. */
const forms = { f32: "$f32", f64: "$f64", number: "$number" } as const;

function plain(value: unknown, arrays: KeptArray[]): unknown {
  if (value instanceof Float32Array || value instanceof Float64Array) {
    arrays.push(value);
    return { [value instanceof Float32Array ? forms.f32 : forms.f64]: value.length };
  }
  if (typeof value === "number" && (!Number.isFinite(value) || Object.is(value, -0)))
    return { [forms.number]: Object.is(value, -0) ? "-0" : String(value) };
  if (Array.isArray(value)) return value.map((one: unknown) => plain(one, arrays) ?? null);
  if (value === null || ["string", "number", "boolean", "undefined"].includes(typeof value)) return value;
  if (typeof value !== "object" || Object.getPrototypeOf(value) !== Object.prototype)
    return bug("a checkpoint is not plain data");
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, plain(one, arrays)]));
}

function restored(value: unknown, buffer: ArrayBuffer, offset: { at: number }): unknown {
  if (Array.isArray(value)) return value.map((one: unknown) => restored(one, buffer, offset));
  if (typeof value !== "object" || value === null) return value;
  const [[form, of] = []] = Object.entries(value);
  if (form === forms.number) return Number(of);
  if (form === forms.f32 || form === forms.f64) {
    const kind = form === forms.f32 ? Float32Array : Float64Array;
    const array = new kind(buffer, offset.at, Number(of));
    offset.at += padded(array.byteLength);
    return array;
  }
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [name, restored(one, buffer, offset)]),
  );
}
