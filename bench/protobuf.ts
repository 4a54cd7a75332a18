// The few lines of protobuf's wire format that writing an ONNX file takes: https://protobuf.dev/programming-guides/encoding/

/** A message under construction: pieces of bytes in order, so that large tensors are not copied at every level. */
export interface Message {
  readonly pieces: Uint8Array[];
}

/** A message of fields. */
export function message(...fields: readonly Message[]): Message {
  return { pieces: fields.flatMap(({ pieces }) => pieces) };
}

/** A whole number ≥ 0, as a varint. */
export function varintField(field: number, value: number): Message {
  return { pieces: [tag(field, 0), varint(value)] };
}

/** A `float`. */
export function floatField(field: number, value: number): Message {
  return { pieces: [tag(field, 5), new Uint8Array(Float32Array.of(value).buffer)] };
}

export function textField(field: number, text: string): Message {
  return bytesField(field, new TextEncoder().encode(text));
}

export function bytesField(field: number, bytes: Uint8Array): Message {
  return { pieces: [tag(field, 2), varint(bytes.length), bytes] };
}

export function messageField(field: number, { pieces }: Message): Message {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  return { pieces: [tag(field, 2), varint(length), ...pieces] };
}

/** The bytes of a whole message. */
export function encode({ pieces }: Message): Uint8Array {
  return Buffer.concat(pieces);
}

function tag(field: number, wireType: number): Uint8Array {
  return varint(field * 8 + wireType);
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  return Uint8Array.from([...bytes, rest]);
}
