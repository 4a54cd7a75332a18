// WGSL expressions and words.

import type { Code } from "../text.js";
import { createNames, name, primary, wrap } from "../text.js";

const unary = 15;

/**
 * Precedence levels of WGSL's operators (WGSL §8.19) and how tightly their operands must bind. Shifts and bit operations take unary
 * operands, comparisons do not chain, and `&&` and `||` do not mix; in these cases the grammar requires parentheses.
 */
const operators = {
  "*": { own: 13, left: 13, right: 14 },
  "/": { own: 13, left: 13, right: 14 },
  "%": { own: 13, left: 13, right: 14 },
  "+": { own: 12, left: 12, right: 13 },
  "-": { own: 12, left: 12, right: 13 },
  "<<": { own: 11, left: unary, right: unary },
  ">>": { own: 11, left: unary, right: unary },
  "<": { own: 10, left: 11, right: 11 },
  "<=": { own: 10, left: 11, right: 11 },
  "==": { own: 10, left: 11, right: 11 },
  "!=": { own: 10, left: 11, right: 11 },
  "&": { own: 8, left: unary, right: unary },
  "&&": { own: 5, left: 5, right: 6 },
  "||": { own: 4, left: 6, right: 6 },
} as const;

export type Operator = keyof typeof operators;

export function binary(operator: Operator, a: Code, b: Code): Code {
  const { own, left, right } = operators[operator];
  return { text: `${wrap(a, left)} ${operator} ${wrap(b, right)}`, level: own };
}

/** `a + b` of integers, where a sum on the right needs no parentheses. */
export function integerSum(a: Code, b: Code): Code {
  return { text: `${wrap(a, 12)} + ${wrap(b, 12)}`, level: 12 };
}

/** `base + offset`, without terms that are 0. */
export function plus(base: Code, offset: number): Code {
  if (offset === 0) return base;
  return offset < 0 ? binary("-", base, integer(-offset)) : binary("+", base, integer(offset));
}

export function negative(x: Code): Code {
  return { text: `-${x.text.startsWith("-") ? `(${x.text})` : wrap(x, unary)}`, level: unary };
}

export function integer(value: number): Code {
  return { text: String(value), level: value < 0 ? unary : primary };
}

/** Bits of an unsigned shift count or mask. */
export function unsigned(value: number): Code {
  return name(`${value}u`);
}

/**
 * An f32 in the fewest digits that give it. WGSL has no infinity, so the largest number replaces it; every comparison and clamp gives the
 * same result with it. `nan` is the name of a variable that holds the bits of NaN, since no constant may be NaN.
 */
export function float(value: number): Code {
  if (Number.isNaN(value)) return name("bitcast<f32>(nan_bits)");
  const largest = 3.4028234663852886e38;
  const single = Math.max(-largest, Math.min(largest, Math.fround(value)));
  let text = String(single);
  for (let digits = 1; digits < 10; digits += 1) {
    const short = String(Number(single.toPrecision(digits)));
    // A literal above the largest number is an error, even if it would round to that number.
    if (Math.fround(Number(short)) !== single || Math.abs(Number(short)) > largest) continue;
    text = short;
    break;
  }
  if (Object.is(single, -0)) text = "-0";
  if (!/[.e]/.test(text)) text += ".0";
  return { text, level: text.startsWith("-") ? unary : primary };
}

/** Names for a shader that are not keywords, reserved words, or built-in functions that kernels call. */
export function createWgslNames(more: Iterable<string>): (wish: string) => string {
  const fresh = createNames([...words, ...more]);
  return (wish) => fresh(/^_(_|\W|$)/.test(wish) || wish === "" ? `v${wish}` : wish);
}

const words = // Keywords (WGSL §15.1).
  (
    "alias break case const const_assert continue continuing default diagnostic discard else enable false fn for if let " +
    "loop override requires return struct switch true var while " +
    // Reserved words (§15.2).
    "NULL Self abstract active alignas alignof as asm asm_fragment async attribute auto await become cast catch class " +
    "co_await co_return co_yield coherent column_major common compile compile_fragment concept const_cast consteval " +
    "constexpr constinit crate debugger decltype delete demote demote_to_helper do dynamic_cast enum explicit export " +
    "extends extern external fallthrough filter final finally friend from fxgroup get goto groupshared highp impl " +
    "implements import inline instanceof interface layout lowp macro macro_rules match mediump meta mod module move mut " +
    "mutable namespace new nil noexcept noinline nointerpolation non_coherent noncoherent noperspective null nullptr of " +
    "operator package packoffset partial pass patch pixelfragment precise precision premerge priv protected pub public " +
    "readonly ref regardless register reinterpret_cast require resource restrict self set shared sizeof smooth snorm " +
    "static static_assert static_cast std subroutine super target template this thread_local throw trait try type typedef " +
    "typeid typename typeof union unless unorm unsafe unsized use using varying virtual volatile wgsl where with writeonly " +
    "yield " +
    // Types and functions that kernels use.
    "f32 i32 u32 bool vec2 vec3 vec4 vec2f vec3f vec4f vec4i vec4u vec3u array atomic ptr bitcast select min max clamp abs sqrt exp log tanh floor ceil round " +
    "sin cos pow fma dot dot4I8Packed extractBits atomicAnd atomicOr atomicLoad atomicStore subgroupBroadcast workgroupBarrier storageBarrier"
  ).split(" ");
