// Seeded mutations of protobuf's wire format: fields with other numbers, types and lengths, messages that end too soon.

import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import type { Random } from "#ops/random.js";

/** A field as it lies in the file. What can be read as a message is one. */
interface Field {
  number: number;
  wire: number;
  /** A varint, the bytes of a number of fixed size, or those of a text. */
  value: bigint | Uint8Array;
  message?: Field[];
  /** The length that is written in place of the right one. */
  length?: bigint;
  /** So many bytes of the message are left out at its end; the lengths around it are right. */
  cut?: number;
}

const lengths = [
  0n,
  1n,
  127n,
  128n,
  1n << 20n,
  (1n << 31n) - 1n,
  1n << 32n,
  (1n << 53n) + 1n,
  (1n << 64n) - 1n,
];
const varints = [0n, 1n, 2n, 255n, 1n << 31n, 1n << 40n, (1n << 63n) - 1n, 1n << 63n, (1n << 64n) - 1n];

/** The bytes of a message with a change in one of its fields, however deep; bytes that are none stay as they are. */
export function mutateWire(bytes: Uint8Array, random: Random): Uint8Array {
  const message = fieldsOf(bytes);
  if (!message || message.length === 0) return bytes;
  const all: { readonly field: Field; readonly holder: Field[] }[] = [];
  const open = [message];
  for (let holder = open.pop(); holder; holder = open.pop())
    for (const field of holder) {
      all.push({ field, holder });
      if (field.message) open.push(field.message);
    }
  const { field, holder } = random.pick(all);
  // A copy, since it may hold the place that it goes to.
  const other = structuredClone(random.pick(all).field);
  switch (random.int(0, 7)) {
    case 0:
      field.number = random.int(1, 30);
      break;
    case 1:
      field.wire = random.int(0, 7);
      break;
    case 2:
      field.length = random.next() < 0.5 ? random.pick(lengths) : BigInt(sizeOf(field) + random.int(1, 9));
      break;
    case 3:
      field.cut = random.int(1, 20);
      break;
    case 4:
      if (typeof field.value === "bigint") field.value = random.pick(varints);
      else field.value = field.value.slice().fill(random.int(0, 255));
      delete field.message;
      break;
    case 5:
      holder.push(...Array.from({ length: random.pick([1, 2, 1000]) }, () => other));
      break;
    case 6:
      holder.splice(holder.indexOf(field), 1);
      break;
    default:
      Object.assign(field, { ...other, number: field.number });
  }
  return bytesOf(message);
}

/** The fields of a message; undefined if it is none. */
function fieldsOf(bytes: Uint8Array, depth = 0): Field[] | undefined {
  const fields: Field[] = [];
  const reader = new BinaryReader(bytes);
  try {
    while (reader.pos < reader.len) {
      const [number, wire] = reader.tag();
      if (wire === WireType.Varint) fields.push({ number, wire, value: BigInt(reader.uint64()) });
      else if (wire === WireType.LengthDelimited) {
        const value = reader.bytes();
        const message = value.length > 1 && depth < 12 ? fieldsOf(value, depth + 1) : undefined;
        fields.push({ number, wire, value, ...(message ? { message } : {}) });
      } else if (wire === WireType.Bit32 || wire === WireType.Bit64) {
        const begin = reader.pos;
        reader.skip(wire);
        fields.push({ number, wire, value: bytes.slice(begin, reader.pos) });
      } else return undefined;
    }
  } catch {
    return undefined;
  }
  return fields;
}

function bytesOf(fields: readonly Field[]): Uint8Array {
  const writer = new BinaryWriter();
  for (const field of fields) {
    // As `tag` refuses types that are none.
    writer.uint32(((field.number << 3) | field.wire) >>> 0);
    if (field.wire === Number(WireType.Varint) && typeof field.value === "bigint") writer.uint64(field.value);
    else {
      const body = bodyOf(field);
      if (field.wire === Number(WireType.LengthDelimited)) writer.uint64(field.length ?? BigInt(body.length));
      writer.raw(body);
    }
  }
  return writer.finish();
}

function bodyOf({ value, message, cut = 0 }: Field): Uint8Array {
  const whole = message ? bytesOf(message) : typeof value === "bigint" ? Uint8Array.of(1) : value;
  return whole.subarray(0, Math.max(0, whole.length - cut));
}

function sizeOf(field: Field): number {
  return bodyOf(field).length;
}
