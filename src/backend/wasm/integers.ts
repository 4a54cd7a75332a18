// Instructions for integers in memory and in registers.

import type { IntegerElement, Value } from "#kernel/ir/ir.js";
import type { Code } from "./code.js";
import { v128Bytes } from "./code.js";
import type { Opcode } from "./opcodes.js";

/** How integers of a type become i32, one of them or four, and how one is stored. */
export const conversions: Readonly<
  Record<
    IntegerElement,
    {
      readonly load: Opcode;
      readonly store: Opcode;
      readonly loadVec: Opcode;
      readonly widen: readonly Opcode[];
    }
  >
> = {
  i8: {
    load: "i32.load8_s",
    store: "i32.store8",
    loadVec: "v128.load32_zero",
    widen: ["i16x8.extend_low_i8x16_s", "i32x4.extend_low_i16x8_s"],
  },
  u8: {
    load: "i32.load8_u",
    store: "i32.store8",
    loadVec: "v128.load32_zero",
    widen: ["i16x8.extend_low_i8x16_u", "i32x4.extend_low_i16x8_u"],
  },
  i16: { load: "i32.load16_s", store: "i32.store16", loadVec: "v128.load16x4_s", widen: [] },
  i32: { load: "i32.load", store: "i32.store", loadVec: "v128.load", widen: [] },
};

/** The instruction that loads integers into a register. */
export function integerLoad({
  type,
  place: { element },
  four,
}: Extract<Value, { kind: "load_integers" }>): Opcode {
  if (four) return "v128.load32_splat";
  if (type !== "i16x8" || element === "i16") return "v128.load";
  return element === "u8" ? "v128.load8x8_u" : "v128.load8x8_s";
}

/** A register with the same integer in all lanes. */
export function integerConstant({ type, value }: Extract<Value, { kind: "integers" }>): Code {
  const count = { i8x16: 1, i16x8: 2, i32x4: 4 }[type];
  return v128Bytes(Array.from({ length: count }, (_, at) => (value >> (8 * at)) & 255));
}
