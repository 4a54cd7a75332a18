// Writes values as a FlatBuffer by the slots of their fields, without code generated from a schema.

import { Builder } from "flatbuffers";

/** The fields of a table, each in its slot; an omitted field has its default value. */
export type Table = readonly (Value | undefined)[];

export type Value =
  | { readonly kind: "i8" | "i32" | "f32"; readonly value: number }
  | { readonly kind: "text"; readonly value: string }
  | { readonly kind: "ints" | "longs" | "floats"; readonly values: readonly number[] }
  /** Read when they are written, and aligned to 16 bytes. */
  | { readonly kind: "bytes"; readonly read: () => Uint8Array }
  | { readonly kind: "table"; readonly fields: Table }
  | { readonly kind: "tables"; readonly items: readonly Table[] };

/** The file whose root is this table. `bytes` is its approximate size: memory is allocated once. At most 2 GiB. */
export function writeFlatBuffer(root: Table, identifier: string, bytes: number): Uint8Array {
  const builder = new Builder(bytes);
  builder.finish(writeTable(builder, root), identifier);
  return builder.asUint8Array();
}

/** The position of the table. Objects that it refers to are written before it. */
function writeTable(builder: Builder, fields: Table): number {
  const offsets = fields.map((field) => (field ? writeApart(builder, field) : undefined));
  builder.startObject(fields.length);
  for (const [slot, field] of fields.entries()) {
    if (field === undefined) continue;
    // With null as the default, every value is written.
    if (field.kind === "i8") builder.addFieldInt8(slot, field.value, null);
    else if (field.kind === "i32") builder.addFieldInt32(slot, field.value, null);
    else if (field.kind === "f32") builder.addFieldFloat32(slot, field.value, null);
    else builder.addFieldOffset(slot, offsets[slot] ?? 0, 0);
  }
  return builder.endObject();
}

/** The position of a value that is stored outside its table; undefined for a number, which is stored in the table. */
function writeApart(builder: Builder, value: Value): number | undefined {
  switch (value.kind) {
    case "text":
      return builder.createString(value.value);
    case "ints":
      return writeWords(builder, value.values, (word) => builder.addInt32(word));
    case "floats":
      return writeWords(builder, value.values, (word) => builder.addFloat32(word));
    case "longs":
      return writeWords(builder, value.values, (word) => builder.addInt64(BigInt(word)), 8);
    case "bytes": {
      const bytes = value.read();
      builder.prep(16, bytes.length);
      return builder.createByteVector(bytes);
    }
    case "table":
      return writeTable(builder, value.fields);
    case "tables": {
      const places = value.items.map((item) => writeTable(builder, item));
      return writeWords(builder, places, (place) => builder.addOffset(place));
    }
    default:
      return undefined;
  }
}

/** A vector of words of some bytes; a FlatBuffer is written from its end to its beginning. */
function writeWords(
  builder: Builder,
  words: readonly number[],
  add: (word: number) => void,
  bytes = 4,
): number {
  builder.startVector(bytes, words.length, bytes);
  for (const word of words.toReversed()) add(word);
  return builder.endVector();
}
