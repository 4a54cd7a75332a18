// Values of the kernel IR as JavaScript expressions, lane by lane.

import { bug } from "#diagnostic/diagnostic.js";
import type { Address, IntegerElement, Kernel, Place, Register, Statement, Value } from "#kernel/ir/ir.js";
import { countUses, operandsOf } from "#kernel/ir/walk.js";
import type { Code } from "../text.js";
import { call, element, name } from "../text.js";
import { binary, conditional, integerSum, negative, number, toI32 } from "./code.js";
import type { Helper } from "./helpers.js";
import type { Pointers } from "../pointers.js";
import { carrier } from "../pointers.js";
import type { Range } from "./ranges.js";
import { fitsI32 } from "./ranges.js";

export interface ExpressionOptions {
  readonly kernel: Kernel;
  readonly lanes: number;
  readonly fresh: (wish: string) => string;
  /** JavaScript names of the parameters. */
  readonly parameters: ReadonlyMap<string, string>;
  readonly pointers: Pointers;
  readonly range: (value: Value) => Range;
}

export interface Expressions {
  readonly helpers: ReadonlySet<Helper>;
  nameOf(register: Register): string;
  /** One expression, or one per lane for a vec. */
  lanesOf(value: Value): Code[];
  scalar(value: Value): Code;
  /** The value as it is assigned to a register; the value of a pointer includes the base of its parameter. */
  assigned(register: Register, value: Value): Code[];
  /** The bounds of an integer that is stored, and lanes of the sum that is to be put within them; undefined for other values. */
  unbounded(value: Value): { readonly sums: Code[]; readonly low: Code; readonly high: Code } | undefined;
  /** If the value is a floating-point sum that contains the register, the other terms. */
  accumulated(register: Register, value: Value): Code[] | undefined;
  /** `A[…]` for each of `count` elements from the address on. */
  addresses(place: Place, address: Address, count: number): Code[];
  /** Declarations of values that the statement would else compute twice. */
  hoistShared(statement: Statement): string[];
  /** Calls `print` with private registers that mean those of item `index`. */
  insideTeam<T>(index: Register, print: () => T): T;
  /** The range of a register, including the base of its parameter if it is a pointer. */
  range(register: Register): Range;
}

/** An upper bound for bases of parameters; arenas and weights are smaller than 4 GiB. */
const largestBase = 2 ** 30;

/**
 * A number of float64 this large has no fraction, so adding it to a smaller one rounds that to the nearest integer, ties to even: the steps
 * of float64 between 2⁵² and 2⁵³ are 1. What is beyond 2⁵¹ gets a result that is beyond all bounds, too.
 */
const roundingTerm = 1.5 * 2 ** 52;

export function createExpressions(options: ExpressionOptions): Expressions {
  const { kernel, lanes, fresh, parameters, pointers } = options;
  const helpers = new Set<Helper>();
  const names = new Map<string, string>();
  const hoisted = new Map<Value, Code[]>();
  const privates = new Set(kernel.team > 1 ? kernel.privates.map((register) => register.name) : []);
  let item: string | undefined;

  function nameOf(register: Register): string {
    let text = names.get(register.name);
    if (text === undefined) names.set(register.name, (text = fresh(register.name)));
    return text;
  }

  function registerLanes(register: Register): Code[] {
    const own = nameOf(register);
    const count = register.type === "vec" ? lanes : 1;
    if (privates.has(register.name)) {
      const index =
        item ?? bug(`${kernel.name} uses ${register.name}, private to an item, outside a team loop`);
      if (count === 1) return [element(own, name(index))];
      return range(count).map((k) => element(own, name(`${index} * ${count} + ${k}`)));
    }
    return count === 1 ? [name(own)] : range(count).map((k) => name(`${own}$${k}`));
  }

  function lanesOf(value: Value): Code[] {
    const before = hoisted.get(value);
    if (before) return before;
    switch (value.kind) {
      case "register":
        return registerLanes(value);
      case "const":
        return [value.type === "bool" ? name(value.value ? "true" : "false") : number(value.value)];
      case "load":
        return addresses(value.place, value.address, value.type === "vec" ? lanes : 1);
      case "load_i32":
        return addresses(value.place, value.address, 1);
      case "unary":
        return lanesOf(value.x).map((x) => unary(value.fn, x));
      case "binary":
        return zip(lanesOf(value.a), lanesOf(value.b), (a, b) => float(value.fn, a, b));
      case "int":
        return [integer(value)];
      case "compare":
        return [binary(compareOperators[value.fn], scalar(value.a), scalar(value.b))];
      case "logic":
        return [binary(value.fn === "and" ? "&&" : "||", scalar(value.a), scalar(value.b))];
      case "select": {
        const condition = scalar(value.if);
        return zip(lanesOf(value.then), lanesOf(value.otherwise), (a, b) => conditional(condition, a, b));
      }
      case "select_compare": {
        const conditions = zip(lanesOf(value.a), lanesOf(value.b), (a, b) =>
          binary(compareOperators[value.fn], a, b),
        );
        const choices = zip(lanesOf(value.then), lanesOf(value.otherwise), (a, b) => [a, b] as const);
        return zip(conditions, choices, (condition, [a, b]) => conditional(condition, a, b));
      }
      case "madd": {
        const product = zip(lanesOf(value.a), lanesOf(value.b), (a, b) => binary("*", a, b));
        return zip(lanesOf(value.c), product, (c, p) => binary("+", c, p));
      }
      case "splat": {
        const x = scalar(value.x);
        return range(lanes).map(() => x);
      }
      case "lane":
        return [at(lanesOf(value.x), value.index)];
      case "swizzle": {
        const all = lanesOf(value.x);
        return value.lanes.map((index) => at(all, index));
      }
      case "horizontal": {
        const all = lanesOf(value.x);
        const fn = value.fn;
        return [halve(all, (a, b) => float(fn, a, b))];
      }
      case "broadcast":
        return bug("this target has no subgroups");
      case "to_f32":
        return [scalar(value.x)];
      case "to_i32":
        return [toI32(scalar(value.x))];
      case "lookup": {
        const from = baseOf(value.place, undefined);
        return lanesOf(value.x).map((x) => {
          const byte = binary("&", x, number(255));
          return element(arrayOf(kernel, value.place), from ? integerSum(from, byte) : byte);
        });
      }
      case "nearest":
        return bug("nearest integers are only stored");
      case "load_integers":
      case "integers":
      case "widen_integers":
      case "shuffle":
      case "binary_integers":
      case "shift_integers":
      case "dot_pairs":
      case "dot_fours":
      case "load_word":
      case "pack_word":
      case "dot_words":
      case "to_integers":
        return bug("this target has no registers of integers");
      default:
        return value satisfies never;
    }
  }

  function scalar(value: Value): Code {
    const all = lanesOf(value);
    const [only] = all;
    if (!only || all.length !== 1) return bug(`${kernel.name} uses a vec where one value is wanted`);
    return only;
  }

  function integer(value: Extract<Value, { kind: "int" }>): Code {
    const a = scalar(value.a);
    const b = scalar(value.b);
    const fits = fitsI32(options.range(value));
    const wrap = (code: Code) => (fits ? code : toI32(code));
    switch (value.fn) {
      case "add":
        if (value.b.kind === "const" && value.b.value < 0 && value.b.value > -(2 ** 31)) {
          return wrap(binary("-", a, number(-value.b.value)));
        }
        return wrap(integerSum(a, b));
      case "sub":
        return wrap(binary("-", a, b));
      case "mul":
        // A product of a negative number and 0 would be −0.
        return fits && isNeverMinusZero(options.range(value.a), options.range(value.b))
          ? binary("*", a, b)
          : call("Math.imul", a, b);
      case "div":
        return toI32(binary("/", a, b));
      case "rem":
        return options.range(value.a).low >= 0 ? binary("%", a, b) : toI32(binary("%", a, b));
      case "min":
      case "max":
        return call(`Math.${value.fn}`, a, b);
      case "shl":
        return binary("<<", a, b);
      case "shr":
        return binary(">>", a, b);
      case "and":
        return binary("&", a, b);
      default:
        return value.fn satisfies never;
    }
  }

  function unary(fn: Extract<Value, { kind: "unary" }>["fn"], x: Code): Code {
    switch (fn) {
      case "neg":
        return negative(x);
      case "erf":
        helpers.add("erf");
        return call("erf", x);
      case "round":
        helpers.add("roundHalfEven");
        return call("roundHalfEven", x);
      case "f32":
        return call("Math.fround", x);
      default:
        return call(`Math.${fn}`, x);
    }
  }

  function addresses(place: Place, address: Address, count: number): Code[] {
    const array = arrayOf(kernel, place);
    const base = baseOf(place, address.base);
    return range(count).map((k) => element(array, sum(base, address.offset + k)));
  }

  /** Base of the parameter plus base of the address, or just the pointer that contains both. */
  function baseOf(place: Place, base: Value | undefined): Code | undefined {
    const parameter = place.kind === "parameter" ? parameterName(place.name) : undefined;
    if (!base) return parameter;
    if (!parameter) return scalar(base);
    const pointer = carrier(base, (register) => pointers.has(register));
    if (pointer && place.kind === "parameter" && pointers.get(pointer.name) === place.name)
      return scalar(base);
    return integerSum(parameter, scalar(base));
  }

  function parameterName(parameter: string): Code {
    return name(parameters.get(parameter) ?? bug(`${kernel.name} has no parameter ${parameter}`));
  }

  function assigned(register: Register, value: Value): Code[] {
    const parameter = pointers.get(register.name);
    if (parameter === undefined) return lanesOf(value);
    const pointer = carrier(value, (other) => pointers.has(other));
    if (pointer && pointers.get(pointer.name) === parameter) return lanesOf(value);
    if (value.kind === "const") return [sum(parameterName(parameter), value.value)];
    return [integerSum(parameterName(parameter), scalar(value))];
  }

  function accumulated(register: Register, value: Value): Code[] | undefined {
    const own = (x: Value) => x.kind === "register" && x.name === register.name;
    if (hoisted.has(value)) return undefined;
    if (value.kind === "madd" && own(value.c)) {
      if (mentions(value.a, register) || mentions(value.b, register)) return undefined;
      return zip(lanesOf(value.a), lanesOf(value.b), (a, b) => binary("*", a, b));
    }
    if (value.kind === "binary" && value.fn === "add") {
      if (own(value.a) && !mentions(value.b, register)) return lanesOf(value.b);
      if (own(value.b) && !mentions(value.a, register)) return lanesOf(value.a);
    }
    return undefined;
  }

  function unbounded(value: Value): ReturnType<Expressions["unbounded"]> {
    if (value.kind !== "nearest") return undefined;
    const sums = lanesOf(value.x).map((x) =>
      binary("-", binary("+", x, number(roundingTerm)), number(roundingTerm - value.zero)),
    );
    return { sums, low: number(value.low), high: number(value.high) };
  }

  function hoistShared(statement: Statement): string[] {
    hoisted.clear();
    const lines: string[] = [];
    // A vec is stored element by element, so all elements that it reads are read before the first is written.
    const late = statement.kind === "store" && lanes > 1 && statement.value.type === "vec";
    for (const [value, uses] of countUses(statement, (value) => repeats(value, lanes))) {
      const isLateLoad = late && value.kind === "load";
      if (uses < 2 && !isLateLoad) continue;
      if (value.kind === "splat" || value.kind === "swizzle") continue;
      const own = fresh("t");
      const codes = lanesOf(value);
      const targets = codes.length === 1 ? [name(own)] : codes.map((_, k) => name(`${own}$${k}`));
      codes.forEach((code, k) => lines.push(`const ${at(targets, k).text} = ${code.text};`));
      hoisted.set(value, targets);
    }
    return lines;
  }

  return {
    helpers,
    nameOf,
    lanesOf,
    scalar,
    assigned,
    unbounded,
    accumulated,
    addresses,
    hoistShared,
    insideTeam(index, print) {
      const outer = item;
      item = nameOf(index);
      const result = print();
      item = outer;
      return result;
    },
    range(register) {
      const { low, high } = options.range(register);
      return pointers.has(register.name) ? { low, high: high + largestBase } : { low, high };
    },
  };
}

function isNeverMinusZero(a: Range, b: Range): boolean {
  return a.low > 0 || b.low > 0 || (a.low >= 0 && b.low >= 0);
}

const compareOperators = { lt: "<", le: "<=", eq: "===", ne: "!==" } as const;

function float(fn: Extract<Value, { kind: "binary" }>["fn"], a: Code, b: Code): Code {
  switch (fn) {
    case "add":
      return binary("+", a, b);
    case "sub":
      return binary("-", a, b);
    case "mul":
      return binary("*", a, b);
    case "div":
      return binary("/", a, b);
    default:
      return call(`Math.${fn}`, a, b);
  }
}

/** What the elements of a place are, if not f32. */
export function elementOf({ kind, element }: Place): IntegerElement | "f64" | undefined {
  return kind === "doubles" ? "f64" : element;
}

/** The name of the array of a place: a letter for the memory, and what it holds. */
export function arrayOf(kernel: Kernel, place: Place): string {
  return `${memoryOf(kernel, place)}${elementOf(place) ?? ""}`;
}

/** The name of the array of f32 of the memory where a place is. */
export function memoryOf(kernel: Kernel, place: Place): string {
  if (place.kind !== "parameter") return "S";
  const parameter = kernel.parameters.find(({ name }) => name === place.name);
  if (!parameter) return bug(`${kernel.name} has no parameter ${place.name}`);
  return { arena: "A", weights: "W", prepared: "P", table: "T" }[parameter.space];
}

/** `base + offset`, without terms that are 0. */
function sum(base: Code | undefined, offset: number): Code {
  if (!base) return number(offset);
  if (offset === 0) return base;
  return offset < 0 ? binary("-", base, number(-offset)) : integerSum(base, number(offset));
}

/** How often the text of an operand is printed within the text of the value. */
function repeats(value: Value, lanes: number): number {
  if (value.kind === "splat") return lanes;
  return 1;
}

function mentions(value: Value, register: Register): boolean {
  if (value.kind === "register") return value.name === register.name;
  return operandsOf(value).some((operand) => mentions(operand, register));
}

/** Combines neighbours until one is left. */
function halve(all: readonly Code[], combine: (a: Code, b: Code) => Code): Code {
  const [first, second, ...rest] = all;
  if (!first) return bug("a horizontal operation over no lanes");
  if (!second) return first;
  if (rest.length === 0) return combine(first, second);
  const half = Math.ceil(all.length / 2);
  return combine(halve(all.slice(0, half), combine), halve(all.slice(half), combine));
}

function zip<A, B, C>(a: readonly A[], b: readonly B[], f: (a: A, b: B) => C): C[] {
  if (a.length !== b.length) bug(`operands of ${a.length} and ${b.length} lanes`);
  return a.map((x, k) => f(x, at(b, k)));
}

function at<T>(list: readonly T[], index: number): T {
  return list[index] ?? bug(`no lane ${index} of ${list.length}`);
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, k) => k);
}
