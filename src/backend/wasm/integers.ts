// Instructions for integers in memory and in registers.

import { bug } from "#diagnostic/diagnostic.js";
import { bytesOf } from "#ir/target.js";
import type { IntegerElement, Value, ValueType } from "#kernel/ir/ir.js";
import type { Code, ValType } from "./code.js";
import { f32Const, localGet, localTee, memory, op, v128Bytes, v128Const } from "./code.js";
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

/** The instruction for two registers of integers. */
export function integerBinary({ type, fn }: Extract<Value, { kind: "binary_integers" }>): Opcode {
  const name = `${type}.${fn}`;
  const found = binaries.find((one) => one === name);
  return found ?? bug(`there is no ${name}`);
}

const binaries = [
  "i8x16.max_s",
  "i8x16.max_u",
  "i16x8.add",
  "i16x8.sub",
  "i32x4.add",
  "i32x4.sub",
] as const satisfies readonly Opcode[];

/** A register with the same integer in all lanes. */
export function integerConstant({ type, value }: Extract<Value, { kind: "integers" }>): Code {
  const count = { i8x16: 1, i16x8: 2, i32x4: 4 }[type];
  return v128Bytes(Array.from({ length: count }, (_, at) => (value >> (8 * at)) & 255));
}

type Nearest = Extract<Value, { kind: "nearest" }>;

/** What a printer of values offers to those who print a part of one. */
interface Printing {
  readonly of: (value: Value) => Code;
  /** A local for a part of the statement. */
  readonly local: (type: ValType) => number;
  /** A constant of 16 bytes, made once per kernel. */
  readonly constant: (code: Code) => Code;
  readonly isWide: (type: ValueType) => boolean;
  /** The entries that a lookup finds, lane by lane, as i32. */
  readonly lookups: (value: Extract<Value, { kind: "lookup" }>) => Code[];
}

/** Adding it to a float of up to 22 bits leaves its whole part in the last bits. */
const magic = 1.5 * 2 ** 23;

/** Prints stores of floats as integers. */
export function createIntegerStores({ of, local, constant, isWide, lookups }: Printing): {
  readonly store: (element: IntegerElement, value: Value, base: Code, offset: number) => Code;
  /** Floats whose last 22 bits are those of whole numbers. */
  readonly bitsOf: (value: Value) => Code;
} {
  /** Whole numbers as integers. */
  function store(element: IntegerElement, value: Value, base: Code, offset: number): Code {
    const bytes = bytesOf(element);
    if (value.kind === "lookup") {
      const to = local("i32");
      return lookups(value).flatMap((entry, lane) =>
        memory(
          conversions[element].store,
          offset + lane * bytes,
          bytes,
          lane === 0 ? localTee(to, base) : localGet(to),
          entry,
        ),
      );
    }
    if (element === "i32") {
      const convert = isWide(value.type) ? "i32x4.trunc_sat_f32x4_s" : "i32.trunc_sat_f32_s";
      return memory(
        isWide(value.type) ? "v128.store" : "i32.store",
        offset,
        bytes,
        base,
        op(convert, of(value)),
      );
    }
    const bits = bitsOf(value);
    if (!isWide(value.type))
      return memory(conversions[element].store, offset, bytes, base, op("i32.reinterpret_f32", bits));
    // The saturation of narrowing changes nothing.
    const x = local("v128");
    const narrow = (name: Opcode, code: Code): Code => op(name, localTee(x, code), localGet(x));
    const halves = narrow("i16x8.narrow_i32x4_s", op("i32x4.sub", bits, constant(v128Const(magic))));
    const packed =
      bytes === 2
        ? halves
        : narrow(element === "i8" ? "i8x16.narrow_i16x8_s" : "i8x16.narrow_i16x8_u", halves);
    return [...memory(`v128.store${bytes === 1 ? 32 : 64}_lane`, offset, bytes, base, packed), 0];
  }

  const bitsOf = (value: Value): Code => (value.kind === "nearest" ? nearestBits(value) : wholeBits(value));

  /** A float whose last 22 bits are those of a whole number: its sum with 1.5 · 2²³. A conversion takes several instructions. */
  function wholeBits(value: Value): Code {
    return isWide(value.type)
      ? op("f32x4.add", of(value), constant(v128Const(magic)))
      : op("f32.add", of(value), f32Const(magic));
  }

  /** The same for the nearest whole number: the sum with 1.5 · 2²³ is rounded, with ties to even. */
  function nearestBits({ type, x, zero, low, high }: Nearest): Code {
    if (isWide(type)) {
      const rounded = op("f32x4.add", of(x), constant(v128Const(magic)));
      const moved = zero === 0 ? rounded : op("f32x4.add", rounded, constant(v128Const(zero)));
      // `pmax(a, b)` is `a < b ? b : a`, so NaN becomes the least.
      const above = op("f32x4.pmax", constant(v128Const(magic + low)), moved);
      return op("f32x4.pmin", constant(v128Const(magic + high)), above);
    }
    const rounded = op("f32.add", of(x), f32Const(magic));
    const steps = local("f32");
    const moved = localTee(steps, op("f32.add", rounded, f32Const(zero)));
    const isAbove = op("f32.lt", f32Const(magic + low), localGet(steps));
    const above = op("select", moved, f32Const(magic + low), isAbove);
    return op("f32.min", above, f32Const(magic + high));
  }

  return { store, bitsOf };
}
