// Arithmetic of the kernel IR as WebAssembly code: on numbers, vecs and whole numbers.

import type { Value, ValueType } from "#kernel/ir/ir.js";
import type { Code, ValType } from "./code.js";
import { extractLane, localGet, localSet, localTee, op, replaceLane, shuffle } from "./code.js";
import type { Functions } from "./functions.js";

/** What a printer of values offers to those who print a part of one. */
interface Printing {
  readonly of: (value: Value) => Code;
  /** A local for a part of the statement. */
  readonly local: (type: ValType) => number;
  readonly isWide: (type: ValueType) => boolean;
  readonly functions: Functions;
}

type Of<Kind extends Value["kind"]> = Extract<Value, { kind: Kind }>;

export interface Arithmetic {
  unary(value: Of<"unary">): Code;
  binary(value: Of<"binary">): Code;
  /** The sum or the extreme of the lanes of a vec. */
  horizontal(value: Of<"horizontal">): Code;
  /** Of whole numbers. */
  integer(value: Of<"int">): Code;
  compare(value: Of<"compare">): Code;
}

export function createArithmetic({ of, local, isWide, functions }: Printing): Arithmetic {
  function unary({ fn, type, x }: Of<"unary">): Code {
    switch (fn) {
      case "exp":
      case "log":
      case "tanh":
      case "erf":
        if (isWide(type)) return functions.math(fn, of(x));
        return extractLane(functions.math(fn, op("f32x4.splat", of(x))), 0);
      case "sin":
      case "cos":
        return eachLane(type, [x], (one = []) => functions.host(fn, one));
      case "f32":
        return of(x);
      default: {
        const name = fn === "round" ? "nearest" : fn;
        return isWide(type) ? op(`f32x4.${name}`, of(x)) : op(`f32.${name}`, of(x));
      }
    }
  }

  function binary({ fn, type, a, b }: Of<"binary">): Code {
    switch (fn) {
      case "pow":
        return eachLane(type, [a, b], (x = [], y = []) => functions.host(fn, x, y));
      case "min":
      case "max":
        if (!isWide(type)) return op(`f32.${fn}`, of(a), of(b));
        // `pmax(x, 0)` is one instruction of the processor, where `max` takes several. If x is NaN, it gives NaN, as it must.
        if (isConstant(b)) return op(`f32x4.p${fn}`, of(a), of(b));
        if (isConstant(a)) return op(`f32x4.p${fn}`, of(b), of(a));
        return extreme(fn, of(a), of(b));
      default:
        return isWide(type) ? op(`f32x4.${fn}`, of(a), of(b)) : op(`f32.${fn}`, of(a), of(b));
    }
  }

  /**
   * The larger or smaller of two vecs, lane by lane. `pmax(a, b)` is `a < b ? b : a`, one instruction of the processor, where `max` takes
   * eight. If a lane is NaN in one operand, the two orders of the operands give different results, one of which is NaN, and or-ing the bits
   * of both keeps it NaN. Everywhere else both orders give the same number (of zeros with different signs, the or gives -0).
   */
  function extreme(fn: "min" | "max", a: Code, b: Code): Code {
    const [x, y] = [local("v128"), local("v128")];
    const straight = op(`f32x4.p${fn}`, localTee(x, a), localTee(y, b));
    return op("v128.or", straight, op(`f32x4.p${fn}`, localGet(y), localGet(x)));
  }

  function eachLane(type: ValueType, operands: readonly Value[], f: (...lanes: Code[]) => Code): Code {
    if (!isWide(type)) return f(...operands.map(of));
    const wholes = operands.map((operand) => ({ index: local("v128"), code: of(operand) }));
    const set = wholes.flatMap(({ index, code }) => localSet(index, code));
    const laneOf = (lane: number): Code =>
      f(...wholes.map(({ index }) => extractLane(localGet(index), lane)));
    const first = op("f32x4.splat", laneOf(0));
    return [...set, ...[1, 2, 3].reduce((all, lane) => replaceLane(all, lane, laneOf(lane)), first)];
  }

  function horizontal({ fn, x }: Of<"horizontal">): Code {
    if (!isWide(x.type)) return of(x);
    const [all, halves] = [local("v128"), local("v128")];
    const combine = (a: Code, b: Code): Code => op(`f32x4.${fn}`, a, b);
    const swapped = (whole: number, order: readonly number[]): Code =>
      shuffle(localGet(whole), localGet(whole), order);
    const two = combine(localTee(all, of(x)), swapped(all, [2, 3, 0, 1]));
    return extractLane(combine(localTee(halves, two), swapped(halves, [1, 0, 3, 2])), 0);
  }

  function integer({ fn, a, b }: Of<"int">): Code {
    switch (fn) {
      case "min":
      case "max": {
        const [x, y] = [local("i32"), local("i32")];
        const isLess = op(fn === "min" ? "i32.lt_s" : "i32.gt_s", localGet(x), localGet(y));
        return op("select", localTee(x, of(a)), localTee(y, of(b)), isLess);
      }
      case "div":
      case "rem":
      case "shr":
        return op(`i32.${fn}_s`, of(a), of(b));
      default:
        return op(`i32.${fn}`, of(a), of(b));
    }
  }

  function compare({ fn, a, b }: Of<"compare">): Code {
    if (a.type === "f32") return op(`f32.${fn}`, of(a), of(b));
    const name = fn === "lt" || fn === "le" ? (`i32.${fn}_s` as const) : (`i32.${fn}` as const);
    return op(name, of(a), of(b));
  }

  return { unary, binary, horizontal, integer, compare };
}

function isConstant(value: Value): boolean {
  return value.kind === "const" || (value.kind === "splat" && value.x.kind === "const");
}
