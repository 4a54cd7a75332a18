// Recognizes increments of registers: `register = register ± value`.

import type { Register, Value } from "#kernel/ir/ir.js";

/** The increment in `register = register ± value`. */
export interface Increment {
  readonly value: Value;
  readonly sign: 1 | -1;
}

/** The increment, if `value` is the register plus or minus another value. */
export function stepOf(register: Register, value: Value): Increment | undefined {
  if (value.kind !== "int") return undefined;
  if (value.fn === "add") {
    if (isRegister(value.a, register)) return { value: value.b, sign: 1 };
    if (isRegister(value.b, register)) return { value: value.a, sign: 1 };
    // Folding moves constants to the end: (register + x) + c.
    const inner = stepOf(register, value.a);
    if (inner?.sign === 1) {
      return { value: { kind: "int", type: "i32", fn: "add", a: inner.value, b: value.b }, sign: 1 };
    }
  }
  if (value.fn === "sub" && isRegister(value.a, register)) return { value: value.b, sign: -1 };
  return undefined;
}

function isRegister(value: Value, register: Register): boolean {
  return value.kind === "register" && value.name === register.name;
}
