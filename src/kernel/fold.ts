// Folding of constant integer arithmetic, and of loops that run once, before a kernel is printed.

import type { Address, IntBinary, Kernel, Statement, Value } from "./ir.js";
import { walkStatements } from "./walk.js";

/**
 * The kernel with integer constants folded, registers that only rename another value replaced by it, loops that run
 * once (the grid aside) dissolved, and guards on constants decided. Floating-point arithmetic is left alone.
 */
export function foldKernel(kernel: Kernel): Kernel {
  const known = new Map<string, Value>();
  if (kernel.grid.count === 1) known.set(kernel.grid.index.name, integer(0));
  const changing = new Set(kernel.privates.map((register) => register.name));
  walkStatements(kernel.body, (statement) => {
    if (statement.kind === "set") changing.add(statement.register.name);
  });
  const isAlone = kernel.team === 1;
  return { ...kernel, body: foldBody(kernel.body, { known, changing, values: new Map(), isAlone }) };
}

interface State {
  /** Registers that hold a constant, or the same as another register. */
  readonly known: Map<string, Value>;
  /** Registers that are set after their declaration. */
  readonly changing: ReadonlySet<string>;
  /** Whether the block has one item: then a team loop that runs once is no more than its body. */
  readonly isAlone: boolean;
  /** Shared values stay shared. */
  readonly values: Map<Value, Value>;
}

function foldBody(body: readonly Statement[], state: State): Statement[] {
  return body.flatMap((statement) => foldStatement(statement, state));
}

function foldStatement(statement: Statement, state: State): Statement[] {
  switch (statement.kind) {
    case "let": {
      const { register } = statement;
      const value = foldValue(statement.value, state);
      const isConstant =
        value.kind === "const" || (value.kind === "register" && !state.changing.has(value.name));
      if (isConstant && !state.changing.has(register.name) && register.type !== "vec") {
        state.known.set(register.name, value);
        return [];
      }
      return [{ ...statement, value }];
    }
    case "set":
      return [{ ...statement, value: foldValue(statement.value, state) }];
    case "store":
      return [
        {
          ...statement,
          address: foldAddress(statement.address, state),
          value: foldValue(statement.value, state),
        },
      ];
    case "for":
    case "team":
      if (statement.count === 0) return [];
      // Names are unique in a kernel, so the body can stand in the enclosing scope.
      if (statement.count === 1 && (statement.kind === "for" || state.isAlone)) {
        state.known.set(statement.index.name, integer(0));
        return foldBody(statement.body, state);
      }
      return [{ ...statement, body: foldBody(statement.body, state) }];
    case "guard": {
      const condition = foldValue(statement.if, state);
      const then = foldBody(statement.then, state);
      const otherwise = statement.otherwise && foldBody(statement.otherwise, state);
      if (condition.kind === "const") return condition.value ? then : (otherwise ?? []);
      return [{ kind: "guard", if: condition, then, ...(otherwise ? { otherwise } : {}) }];
    }
    case "comment":
      return [statement];
    default:
      return statement satisfies never;
  }
}

function foldAddress(address: Address, state: State): Address {
  if (!address.base) return address;
  return splitOffset(foldValue(address.base, state), address.offset);
}

/** Moves the constant part of a base into the offset. */
function splitOffset(base: Value, offset: number): Address {
  if (base.kind === "const") return { offset: offset + base.value };
  if (base.kind === "int" && base.fn === "add" && base.b.kind === "const") {
    return splitOffset(base.a, offset + base.b.value);
  }
  return { base, offset };
}

/** The value with integer constants folded; the constant of a sum comes last. */
function foldValue(value: Value, state: State): Value {
  const before = state.values.get(value);
  if (before) return before;
  const folded = foldOnce(value, state);
  // A register's meaning changes as loops dissolve; everything above it is built anew for each statement tree.
  if (value.kind !== "register") state.values.set(value, folded);
  return folded;
}

function foldOnce(value: Value, state: State): Value {
  const fold = (x: Value) => foldValue(x, state);
  switch (value.kind) {
    case "register":
      return state.known.get(value.name) ?? value;
    case "const":
      return value;
    case "load":
    case "load_i32":
      return { ...value, address: foldAddress(value.address, state) };
    case "unary":
    case "splat":
    case "lane":
    case "swizzle":
    case "horizontal":
    case "to_f32":
    case "to_i32":
      return { ...value, x: fold(value.x) };
    case "binary":
      return { ...value, a: fold(value.a), b: fold(value.b) };
    case "int":
      return foldInt(value.fn, fold(value.a), fold(value.b));
    case "compare": {
      const a = fold(value.a);
      const b = fold(value.b);
      if (a.kind === "const" && b.kind === "const") {
        const { value: x } = a;
        const { value: y } = b;
        const holds =
          value.fn === "lt" ? x < y : value.fn === "le" ? x <= y : value.fn === "eq" ? x === y : x !== y;
        return { kind: "const", type: "bool", value: holds ? 1 : 0 };
      }
      return { ...value, a, b };
    }
    case "logic": {
      const a = fold(value.a);
      const b = fold(value.b);
      if (a.kind === "const") return (value.fn === "and") === (a.value !== 0) ? b : a;
      if (b.kind === "const") return (value.fn === "and") === (b.value !== 0) ? a : b;
      return { ...value, a, b };
    }
    case "select": {
      const condition = fold(value.if);
      if (condition.kind === "const") return fold(condition.value ? value.then : value.otherwise);
      return { ...value, if: condition, then: fold(value.then), otherwise: fold(value.otherwise) };
    }
    case "select_compare":
      return {
        ...value,
        a: fold(value.a),
        b: fold(value.b),
        then: fold(value.then),
        otherwise: fold(value.otherwise),
      };
    case "madd":
      return { ...value, a: fold(value.a), b: fold(value.b), c: fold(value.c) };
    default:
      return value satisfies never;
  }
}

function foldInt(fn: IntBinary, a: Value, b: Value): Value {
  if (a.kind === "const" && b.kind === "const") return integer(evalInt(fn, a.value, b.value));
  if (fn === "add") {
    if (a.kind === "const") return foldInt("add", b, a);
    if (b.kind === "const") {
      if (b.value === 0) return a;
      if (a.kind === "int" && a.fn === "add" && a.b.kind === "const") {
        return foldInt("add", a.a, integer(evalInt("add", a.b.value, b.value)));
      }
    } else if (a.kind === "int" && a.fn === "add" && a.b.kind === "const") {
      return foldInt("add", foldInt("add", a.a, b), a.b);
    } else if (b.kind === "int" && b.fn === "add" && b.b.kind === "const") {
      return foldInt("add", foldInt("add", a, b.a), b.b);
    }
  }
  if (b.kind === "const") {
    if (b.value === 0 && (fn === "sub" || fn === "shl" || fn === "shr")) return a;
    if (b.value === 0 && (fn === "mul" || fn === "and")) return integer(0);
    if (b.value === 1 && (fn === "mul" || fn === "div")) return a;
    if (b.value === 1 && fn === "rem") return integer(0);
    // (x + c)·k = x·k + c·k, so that constants reach the address.
    if (fn === "mul" && a.kind === "int" && a.fn === "add" && a.b.kind === "const") {
      return foldInt("add", foldInt("mul", a.a, b), integer(evalInt("mul", a.b.value, b.value)));
    }
  }
  if (a.kind === "const" && fn === "mul") return foldInt("mul", b, a);
  return { kind: "int", type: "i32", fn, a, b };
}

/** Integer arithmetic as all targets have it: 32 bits, wrapping, division towards zero. */
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

function integer(value: number): Value {
  return { kind: "const", type: "i32", value };
}
