// Ranges of the integers of a kernel: if a result surely fits 32 bits, JavaScript needs no `| 0`.

import { greatest, least } from "#diagnostic/extremes.js";
import type { IntBinary, Kernel, Register, Value } from "#kernel/ir/ir.js";
import { walkStatements } from "#kernel/ir/walk.js";
import type { Increment } from "../increment.js";
import { stepOf } from "../increment.js";

/** Inclusive bounds; infinite where nothing is known. */
export interface Range {
  readonly low: number;
  readonly high: number;
}

const unknown: Range = { low: -Infinity, high: Infinity };

/** The range of a load of an i32, or of a conversion. */
const anyI32: Range = { low: -(2 ** 31), high: 2 ** 31 - 1 };

/** Whether every value of the range is an i32 other than −0. */
export function fitsI32({ low, high }: Range): boolean {
  return low >= anyI32.low && high <= anyI32.high;
}

/**
 * Returns a function that gives the range of any i32 value of the kernel, before it is wrapped to 32 bits. `table` bounds the table's
 * entries.
 */
export function createRanges(kernel: Kernel, table: Range = anyI32): (value: Value) => Range {
  const indices = new Map<string, Range>([
    [kernel.grid.index.name, { low: 0, high: Math.max(0, kernel.grid.count - 1) }],
  ]);
  const writes = new Map<
    string,
    { readonly first: boolean; readonly value: Value; readonly times: number }[]
  >();
  walkStatements(kernel.body, (statement, times) => {
    if (statement.kind === "for" || statement.kind === "team") {
      indices.set(statement.index.name, { low: 0, high: Math.max(0, statement.count - 1) });
    } else if ((statement.kind === "let" || statement.kind === "set") && statement.register.type === "i32") {
      const { name } = statement.register;
      writes.set(name, [
        ...(writes.get(name) ?? []),
        { first: statement.kind === "let", value: statement.value, times },
      ]);
    }
  });

  const known = new Map<string, Range>();
  const open = new Set<string>();

  function ofRegister(register: Register): Range {
    const { name } = register;
    const index = indices.get(name);
    if (index) return index;
    const before = known.get(name);
    if (before) return before;
    const all = writes.get(name);
    const scope = all?.find((write) => write.first)?.times;
    if (!all || scope === undefined || open.has(name)) return unknown;
    open.add(name);
    let result: Range | undefined;
    let drift: Range = { low: 0, high: 0 };
    for (const { value, times } of all) {
      const step = stepOf(register, value);
      if (step) {
        // From its declaration to its end, the register takes this increment at most `runs` times.
        const { low, high } = ofStep(step);
        const runs = times / scope;
        drift = {
          low: drift.low + Math.min(0, low * runs),
          high: drift.high + Math.max(0, high * runs),
        };
      } else {
        const range = wrapped(of(value));
        result = result ? unite(result, range) : range;
      }
    }
    open.delete(name);
    const range = result ? { low: result.low + drift.low, high: result.high + drift.high } : unknown;
    known.set(name, range);
    return range;
  }

  function ofStep({ value, sign }: Increment): Range {
    const range = of(value);
    return sign > 0 ? range : { low: -range.high, high: -range.low };
  }

  function of(value: Value): Range {
    switch (value.kind) {
      case "const":
        return { low: value.value, high: value.value };
      case "register":
        return ofRegister(value);
      case "load_i32":
        return table;
      case "to_i32":
        return anyI32;
      case "select":
        return unite(of(value.then), of(value.otherwise));
      case "int":
        return combine(value.fn, wrapped(of(value.a)), wrapped(of(value.b)));
      default:
        return unknown;
    }
  }

  return of;
}

/** The range of a value after it is wrapped to 32 bits. */
function wrapped(range: Range): Range {
  return fitsI32(range) ? range : anyI32;
}

function unite(a: Range, b: Range): Range {
  return { low: Math.min(a.low, b.low), high: Math.max(a.high, b.high) };
}

function combine(fn: IntBinary, a: Range, b: Range): Range {
  switch (fn) {
    case "add":
      return { low: a.low + b.low, high: a.high + b.high };
    case "sub":
      return { low: a.low - b.high, high: a.high - b.low };
    case "mul":
      return corners(a, b, (x, y) => x * y);
    case "min":
      return { low: Math.min(a.low, b.low), high: Math.min(a.high, b.high) };
    case "max":
      return { low: Math.max(a.low, b.low), high: Math.max(a.high, b.high) };
    case "div":
      return b.low > 0 ? corners(a, b, (x, y) => Math.trunc(x / y)) : anyI32;
    case "rem":
      return b.low > 0
        ? { low: a.low < 0 ? 1 - b.high : 0, high: Math.min(Math.max(a.high, 0), b.high - 1) }
        : anyI32;
    case "and":
      return b.low >= 0 ? { low: 0, high: b.high } : a.low >= 0 ? { low: 0, high: a.high } : anyI32;
    case "shr":
      return b.low === b.high && b.low >= 0 && b.low < 32
        ? { low: a.low >> b.low, high: a.high >> b.low }
        : anyI32;
    case "shl":
      return anyI32;
    default:
      return fn satisfies never;
  }
}

function corners(a: Range, b: Range, f: (x: number, y: number) => number): Range {
  const all = [f(a.low, b.low), f(a.low, b.high), f(a.high, b.low), f(a.high, b.high)];
  return { low: least(all), high: greatest(all) };
}
