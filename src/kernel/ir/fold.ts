// Folds constant integer arithmetic, and loops that run once, before a kernel is printed.

import { given } from "#diagnostic/given.js";
import { compares, integer, integerLanes, isFolded, simplifyInt } from "./integers.js";
import type { Address, Kernel, Statement, Value, ValueType } from "./ir.js";
import { mapOperands, walkStatements } from "./walk.js";

/**
 * The kernel with integer constants folded, registers that only rename another value replaced by it, loops that run once (except the grid)
 * dissolved, and guards on constants decided. Floating-point arithmetic is not changed.
 */
export function foldKernel(kernel: Kernel): Kernel {
  const known = new Map<string, Value>();
  if (kernel.grid.count === 1) known.set(kernel.grid.index.name, integer(0));
  const changing = new Set(kernel.privates.map((register) => register.name));
  walkStatements(kernel.body, (statement) => {
    if (statement.kind === "set") changing.add(statement.register.name);
  });
  const isAlone = kernel.team === 1;
  const body = foldBody(kernel.body, { known, changing, values: new Map(), isAlone });
  return { ...kernel, body };
}

interface State {
  /** Registers that hold a constant, or the same value as another register. */
  readonly known: Map<string, Value>;
  /** Registers that are set after their declaration. */
  readonly changing: ReadonlySet<string>;
  /** Whether the block has one item; then a team loop that runs once can be replaced by its body. */
  readonly isAlone: boolean;
  /** Folded values by original, so that shared values stay shared. */
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
      if (isConstant && !state.changing.has(register.name) && !isVec(register.type)) {
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
      // Names are unique in a kernel, so the body can move into the enclosing scope.
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
      return [{ kind: "guard", if: condition, then, ...given({ otherwise }) }];
    }
    case "prefetch":
      return [
        {
          kind: "prefetch",
          value: { ...statement.value, address: foldAddress(statement.value.address, state) },
        },
      ];
    case "comment":
      return [statement];
    default:
      return statement satisfies never;
  }
}

const isVec = (type: ValueType): boolean => type === "vec" || type in integerLanes;

function foldAddress(address: Address, state: State): Address {
  if (!address.base) return address;
  return splitOffset(foldValue(address.base, state), address.offset);
}

/** Moves the constant part of a base into the offset. */
function splitOffset(base: Value, offset: number): Address {
  if (isFolded(base)) return { offset: offset + base.value };
  if (base.kind === "int" && base.fn === "add" && isFolded(base.b)) {
    return splitOffset(base.a, offset + base.b.value);
  }
  return { base, offset };
}

/** The value with integer constants folded; the constant of a sum comes last. */
function foldValue(value: Value, state: State): Value {
  const before = state.values.get(value);
  if (before) return before;
  const folded = foldOnce(value, state);
  // The value of a register changes as loops dissolve, so values that contain registers are rebuilt for each tree of statements.
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
    case "load_integers":
    case "load_word":
      return { ...value, address: foldAddress(value.address, state) };
    case "int":
      return simplifyInt(value.fn, fold(value.a), fold(value.b));
    case "compare": {
      const a = fold(value.a);
      const b = fold(value.b);
      if (isFolded(a) && isFolded(b)) {
        return { kind: "const", type: "bool", value: compares(value.fn, a.value, b.value) ? 1 : 0 };
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
    default:
      return mapOperands(value, fold);
  }
}
