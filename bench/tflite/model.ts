// A model of TensorFlow Lite as a FlatBuffer: its tensors, operators and constants.

import type { Shape } from "../../src/ir/type.js";
import { elements } from "../../src/ir/type.js";
import type { Table, Value } from "./flatbuffer.js";
import { writeFlatBuffer } from "./flatbuffer.js";
import type { Quantization } from "./integers.js";
import type { Builtin, Options } from "./schema.js";
import { builtins, tensorTypes } from "./schema.js";

export interface TfliteTensor {
  readonly shape: Shape;
  readonly name: string;
  readonly type: keyof typeof tensorTypes;
  readonly quantization?: Quantization;
  /** Of a constant: its values, made when they are written. */
  readonly read?: () => ArrayBufferView;
}

export interface TfliteCall {
  readonly op: Builtin;
  readonly inputs: readonly number[];
  readonly output: number;
  readonly options?: Options;
}

/** Tensors are named by their places in the list. */
export interface TfliteModel {
  readonly name: string;
  readonly tensors: readonly TfliteTensor[];
  readonly calls: readonly TfliteCall[];
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
}

/** The bytes of a file. Buffer 0 is empty; all computed tensors use it. */
export function writeModel({ name, tensors, calls, inputs, outputs }: TfliteModel): Uint8Array {
  const constants = tensors.filter(({ read }) => read);
  const codes = [...new Set(calls.map(({ op }) => op))];
  const subgraph: Table = [
    { kind: "tables", items: tensors.map((tensor) => tensorTable(tensor, constants.indexOf(tensor) + 1)) },
    { kind: "ints", values: inputs },
    { kind: "ints", values: outputs },
    { kind: "tables", items: calls.map((call) => callTable(call, codes.indexOf(call.op))) },
    text("main"),
  ];
  const buffers = constants.map(({ read }): Table => [
    read && { kind: "bytes", read: () => bytesOf(read()) },
  ]);
  const model: Table = [
    int(3),
    { kind: "tables", items: codes.map(codeTable) },
    { kind: "tables", items: [subgraph] },
    text(name),
    { kind: "tables", items: [[], ...buffers] },
  ];
  const bytes = constants.reduce(
    (sum, { shape, type }) => sum + (type === "i8" ? 1 : 4) * elements(shape) + 64,
    0,
  );
  const scales = tensors.reduce((sum, { quantization }) => sum + 12 * (quantization?.scales.length ?? 0), 0);
  return writeFlatBuffer(model, "TFL3", bytes + scales + 512 * tensors.length + 65_536);
}

function tensorTable({ shape, name, type, quantization }: TfliteTensor, buffer: number): Table {
  return [
    { kind: "ints", values: shape },
    byte(tensorTypes[type]),
    int(buffer),
    text(name),
    quantization && { kind: "table", fields: quantizationTable(quantization) },
  ];
}

/** Without the range of a converter, and details of other kinds of quantization. */
function quantizationTable({ scales, zero, axis }: Quantization): Table {
  return [
    undefined,
    undefined,
    { kind: "floats", values: scales },
    { kind: "longs", values: scales.map(() => zero) },
    undefined,
    undefined,
    int(axis),
  ];
}

function callTable({ inputs, output, options }: TfliteCall, code: number): Table {
  return [
    int(code),
    { kind: "ints", values: inputs },
    { kind: "ints", values: [output] },
    options && byte(options.type),
    options && { kind: "table", fields: options.fields },
  ];
}

/** The number is in two fields: the first, of one byte, is for old readers. */
function codeTable(op: Builtin): Table {
  return [byte(builtins[op]), undefined, int(1), int(builtins[op])];
}

const int = (value: number): Value => ({ kind: "i32", value });
const byte = (value: number): Value => ({ kind: "i8", value });
const text = (value: string): Value => ({ kind: "text", value });

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
