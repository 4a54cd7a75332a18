// Writes safetensors files in pieces, so that not all values must be in memory at once.

import { expectArgument, expectList } from "#diagnostic/argument.js";
import { aText, recordOf } from "#diagnostic/options.js";
import { elements } from "#ir/type.js";
import { floatToHalf } from "./half.js";

/** A tensor to write. */
export interface TensorToWrite {
  readonly name: string;
  readonly shape: readonly number[];
  /** F32 by default; F16 rounds to the nearest half. Values of integer types must be integers of that type. */
  readonly dtype?: keyof typeof arrays;
  /** Called once, when the tensor is written. The result must be valid only until the next tensor. */
  readonly values: () => Float32Array;
}

/** The array of the elements of a type, in the order of bytes of the format, which every machine that runs JavaScript today has. */
const arrays = {
  F32: (values: Float32Array) => values,
  F16: (values: Float32Array) => Uint16Array.from(values, floatToHalf),
  I32: (values: Float32Array) => Int32Array.from(values),
  I16: (values: Float32Array) => Int16Array.from(values),
  I8: (values: Float32Array) => Int8Array.from(values),
  U8: (values: Float32Array) => Uint8Array.from(values),
} as const;

/** Bytes per element. */
const sizes: Readonly<Record<keyof typeof arrays, number>> = { F32: 4, F16: 2, I32: 4, I16: 2, I8: 1, U8: 1 };

const aRecord = recordOf("texts by name", aText);

/**
 * The file in pieces, in order: first the header, then one piece per tensor. The data begins at a multiple of 8 bytes.
 * Throws `RangeError` for a repeated or reserved name, and for values that do not fill
 * their shape.
 */
export function* writeSafetensors(
  tensors: readonly TensorToWrite[],
  metadata: Readonly<Record<string, string>> = {},
): Generator<Uint8Array> {
  expectList("writeSafetensors", "a list of tensors", tensors);
  expectArgument("writeSafetensors", aRecord.takes, metadata, aRecord.holds(metadata));
  const header = new Map<string, unknown>();
  if (Object.keys(metadata).length > 0) header.set("__metadata__", metadata);
  let at = 0;
  for (const { name, shape, dtype = "F32" } of tensors) {
    if (name === "__metadata__")
      throw new RangeError(`a tensor cannot be named ${name}, which the format reserves`);
    if (header.has(name)) throw new RangeError(`a second tensor named ${name}`);
    const size = elements(shape) * sizes[dtype];
    header.set(name, { dtype, shape, data_offsets: [at, at + size] });
    at += size;
  }
  const text = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  const padded = Math.ceil(text.length / 8) * 8;
  const head = new Uint8Array(8 + padded).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(padded), true);
  head.set(text, 8);
  yield head;
  for (const { name, shape, dtype = "F32", values } of tensors) {
    const data = values();
    if (data.length !== elements(shape))
      throw new RangeError(`tensor ${name} [${shape.join(", ")}] gave ${data.length} values`);
    const { buffer, byteOffset, byteLength } = arrays[dtype](data);
    yield new Uint8Array(buffer, byteOffset, byteLength);
  }
}
