// Integer arithmetic of kernels: evaluation and simplification.

import type { Compare, IntBinary, Value } from "./ir.js";

/** The integers of each register type. */
export const integerLanes = { i8x16: 16, i16x8: 8, i32x4: 4 } as const;

/** `a fn b` with constants folded, the constant of a sum last, and without operations that change nothing. */
export function simplifyInt(fn: IntBinary, a: Value, b: Value): Value {
  if (isFolded(a) && isFolded(b)) return integer(evalInt(fn, a.value, b.value));
  if (fn === "add") {
    if (isFolded(a)) return simplifyInt("add", b, a);
    if (isFolded(b)) {
      if (b.value === 0) return a;
      if (a.kind === "int" && a.fn === "add" && isFolded(a.b)) {
        return simplifyInt("add", a.a, integer(evalInt("add", a.b.value, b.value)));
      }
    } else if (a.kind === "int" && a.fn === "add" && isFolded(a.b)) {
      return simplifyInt("add", simplifyInt("add", a.a, b), a.b);
    } else if (b.kind === "int" && b.fn === "add" && isFolded(b.b)) {
      return simplifyInt("add", simplifyInt("add", a, b.a), b.b);
    }
  }
  if (isFolded(b)) {
    if (b.value === 0 && (fn === "sub" || fn === "shl" || fn === "shr")) return a;
    if (b.value === 0 && (fn === "mul" || fn === "and")) return integer(0);
    if (b.value === 1 && (fn === "mul" || fn === "div")) return a;
    if (b.value === 1 && fn === "rem") return integer(0);
    // (x + c)·k = x·k + c·k, so that constants reach the address.
    if (fn === "mul" && a.kind === "int" && a.fn === "add" && isFolded(a.b)) {
      return simplifyInt("add", simplifyInt("mul", a.a, b), integer(evalInt("mul", a.b.value, b.value)));
    }
  }
  if (isFolded(a) && fn === "mul") return simplifyInt("mul", b, a);
  return { kind: "int", type: "i32", fn, a, b };
}

/** Whether a value is a constant that may be merged into another. */
export function isFolded(value: Value): value is Extract<Value, { kind: "const" }> {
  return value.kind === "const" && value.open !== true;
}

/** Integer arithmetic as on all targets: 32 bits, wrapping, division towards zero. */
export function evalInt(fn: IntBinary, a: number, b: number): number {
  switch (fn) {
    case "add":
      return (a + b) | 0;
    case "sub":
      return (a - b) | 0;
    case "mul":
      return Math.imul(a, b);
    case "div":
      return (a / b) | 0;
    case "rem":
      return (a % b) | 0;
    case "min":
      return Math.min(a, b);
    case "max":
      return Math.max(a, b);
    case "shl":
      return a << b;
    case "shr":
      return a >> b;
    case "and":
      return a & b;
    default:
      return fn satisfies never;
  }
}

export function compares(fn: Compare, a: number, b: number): boolean {
  return fn === "lt" ? a < b : fn === "le" ? a <= b : fn === "eq" ? a === b : a !== b;
}

/** A constant i32. */
export function integer(value: number): Value {
  return { kind: "const", type: "i32", value };
}
