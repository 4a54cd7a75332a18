// WebAssembly instructions as bytes: an expression is the code of its operands followed by its own instruction.

import type { Opcode } from "./opcodes.js";
import { opcodes } from "./opcodes.js";

/** A piece of a function's body. */
export type Code = readonly number[];

export type ValType = "i32" | "f32" | "f64" | "v128";

export const valTypes: Readonly<Record<ValType, number>> = { i32: 0x7f, f32: 0x7d, f64: 0x7c, v128: 0x7b };

/** An instruction without immediates, after the code of its operands. */
export function op(name: Opcode, ...operands: readonly Code[]): Code {
  return [...operands.flat(), ...opcodes[name]];
}

export function i32Const(value: number): Code {
  return [...opcodes["i32.const"], ...signed(value)];
}

export function f32Const(value: number): Code {
  return [...opcodes["f32.const"], ...f32Bytes(value)];
}

/** The same f32 in all four lanes. */
export function v128Const(value: number): Code {
  const bytes = f32Bytes(value);
  return [...opcodes["v128.const"], ...bytes, ...bytes, ...bytes, ...bytes];
}

/** The same i32 in all four lanes. */
export function i32x4Const(value: number): Code {
  const bytes = bytesOf(4, (view) => view.setInt32(0, value, true));
  return [...opcodes["v128.const"], ...bytes, ...bytes, ...bytes, ...bytes];
}

/** The same bytes again and again in 16. */
export function v128Bytes(bytes: readonly number[]): Code {
  const all = Array.from({ length: 16 }, (_, at) => bytes[at % bytes.length] ?? 0);
  return [...opcodes["v128.const"], ...all];
}

export function localGet(index: number): Code {
  return [...opcodes["local.get"], ...unsigned(index)];
}

export function localSet(index: number, value: Code): Code {
  return [...value, ...opcodes["local.set"], ...unsigned(index)];
}

export function localTee(index: number, value: Code): Code {
  return [...value, ...opcodes["local.tee"], ...unsigned(index)];
}

export function call(index: number, ...operands: readonly Code[]): Code {
  return [...operands.flat(), ...opcodes.call, ...unsigned(index)];
}

/** A load or store; `offset` in bytes is added to the address, which is a multiple of the bytes of an element. */
export function memory(name: Opcode, offset: number, bytes: 1 | 2 | 4, ...operands: readonly Code[]): Code {
  return [...operands.flat(), ...opcodes[name], bytes >> 1, ...unsigned(offset)];
}

export function extractLane(x: Code, lane: number): Code {
  return [...x, ...opcodes["f32x4.extract_lane"], lane];
}

export function replaceLane(x: Code, lane: number, value: Code): Code {
  return [...x, ...value, ...opcodes["f32x4.replace_lane"], lane];
}

/** Lanes of `a` and then those of `b`, of 4 bytes unless there are more of them; lanes that are not given are the first. */
export function shuffle(a: Code, b: Code, lanes: readonly number[], laneBytes = 4): Code {
  const bytes = lanes.flatMap((lane) => Array.from({ length: laneBytes }, (_, at) => lane * laneBytes + at));
  const all = Array.from({ length: 16 }, (_, at) => bytes[at] ?? 0);
  return [...a, ...b, ...opcodes["i8x16.shuffle"], ...all];
}

const voidType = 0x40;

/** Repeats `body` while `condition` holds; `body` runs at least once. */
export function doWhile(body: Code, condition: Code): Code {
  return [...opcodes.loop, voidType, ...body, ...condition, ...opcodes.br_if, 0, ...opcodes.end];
}

export function ifElse(condition: Code, then: Code, otherwise: Code): Code {
  const rest = otherwise.length > 0 ? [...opcodes.else, ...otherwise] : [];
  return [...condition, ...opcodes.if, voidType, ...then, ...rest, ...opcodes.end];
}

/** LEB128 of an integer from 0 to 2³² − 1. */
export function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  do {
    const byte = rest % 128;
    rest = Math.floor(rest / 128);
    bytes.push(rest > 0 ? byte | 0x80 : byte);
  } while (rest > 0);
  return bytes;
}

/** LEB128 of an i32. */
function signed(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value | 0; ; rest >>= 7) {
    const byte = rest & 0x7f;
    const isLast = rest >> 6 === 0 || rest >> 6 === -1;
    bytes.push(isLast ? byte : byte | 0x80);
    if (isLast) return bytes;
  }
}

function f32Bytes(value: number): number[] {
  return bytesOf(4, (view) => view.setFloat32(0, value, true));
}

function bytesOf(count: number, write: (view: DataView) => void): number[] {
  const bytes = new Uint8Array(count);
  write(new DataView(bytes.buffer));
  return [...bytes];
}
