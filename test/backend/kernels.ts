// Short ways to write kernels by hand, and to run their printed form.

import type { Kernel, Parameter, Place, Register, Statement, Value, ValueType } from "#kernel/ir/ir.js";
import type { JsKernel } from "#runtime/js.js";
import { helperText } from "#backend/js/helpers.js";
import type { PrintedKernel } from "#backend/js/print.js";

export const register = (name: string, type: ValueType = "i32"): Register => ({
  kind: "register",
  type,
  name,
});
export const int = (value: number): Value => ({ kind: "const", type: "i32", value });
export const float = (value: number): Value => ({ kind: "const", type: "f32", value });
export const add = (a: Value, b: Value): Value => ({ kind: "int", type: "i32", fn: "add", a, b });
export const mul = (a: Value, b: Value): Value => ({ kind: "int", type: "i32", fn: "mul", a, b });
export const plus = (a: Value, b: Value): Value => ({
  kind: "binary",
  type: a.type === "vec" ? "vec" : "f32",
  fn: "add",
  a,
  b,
});
export const less = (a: Value, b: Value): Value => ({ kind: "compare", type: "bool", fn: "lt", a, b });

export const scratch: Place = { kind: "scratch" };
export const at = (name: string): Place => ({ kind: "parameter", name });

export const load = (
  place: Place,
  base: Value | undefined,
  offset = 0,
  type: "f32" | "vec" = "f32",
): Value => ({
  kind: "load",
  type,
  place,
  address: { ...(base ? { base } : {}), offset },
});
export const store = (place: Place, base: Value | undefined, value: Value, offset = 0): Statement => ({
  kind: "store",
  place,
  address: { ...(base ? { base } : {}), offset },
  value,
});
export const let_ = (to: Register, value: Value): Statement => ({ kind: "let", register: to, value });
export const set = (to: Register, value: Value): Statement => ({ kind: "set", register: to, value });
export const loop = (index: Register, count: number, ...body: Statement[]): Statement => ({
  kind: "for",
  index,
  count,
  body,
});
export const team = (index: Register, count: number, ...body: Statement[]): Statement => ({
  kind: "team",
  index,
  count,
  body,
});
export const guard = (condition: Value, ...then: Statement[]): Statement => ({
  kind: "guard",
  if: condition,
  then,
});

export const block = register("block");

/** A kernel that reads 64 elements `x` and writes 64 elements `y`. */
export function kernel(body: readonly Statement[], more: Partial<Kernel> = {}): Kernel {
  const parameters: Parameter[] = [
    { name: "x", space: "arena", access: "read", extent: 64 },
    { name: "y", space: "arena", access: "write", extent: 64 },
  ];
  return {
    name: "k",
    parameters,
    scratch: 0,
    team: 1,
    privates: [],
    grid: { index: block, count: 1 },
    body,
    ...more,
  };
}

/** The printed function, callable. */
export function callable(printed: PrintedKernel): JsKernel {
  const helpers = [...printed.helpers].map(helperText).join("\n");
  // oxlint-disable-next-line no-new-func
  return new Function(`"use strict"; ${helpers}\n${printed.text}\nreturn ${printed.name};`)() as JsKernel;
}
