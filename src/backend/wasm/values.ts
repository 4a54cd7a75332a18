// Values of the kernel IR as WebAssembly code.

import { bug } from "#diagnostic/diagnostic.js";
import type {
  Address,
  IntegerElement,
  Kernel,
  Place,
  Register,
  Statement,
  Value,
  ValueType,
} from "#kernel/ir/ir.js";
import { countUses } from "#kernel/ir/walk.js";
import { nearestOf } from "#kernel/ir/nearest.js";
import { bytesOf } from "#ir/target.js";
import { integerLanes } from "#kernel/ir/integers.js";
import { createAddresses, kernelParameters } from "./addresses.js";
import { createArithmetic } from "./arithmetic.js";
import type { Code, ValType } from "./code.js";
import {
  extractLane,
  f32Const,
  i32Const,
  localGet,
  localSet,
  localTee,
  memory,
  op,
  shuffle,
  v128Const,
} from "./code.js";
import type { Functions } from "./functions.js";
import { conversions, createIntegerStores, integerBinary, integerConstant, integerLoad } from "./integers.js";
import type { Opcode } from "./opcodes.js";
import { opcodes } from "./opcodes.js";

export interface Values {
  /** Types of the locals after the parameters. */
  readonly locals: readonly ValType[];
  indexOf(register: Register): number;
  of(value: Value): Code;
  /** The value that is assigned to a register; for a pointer, in bytes from the start of memory. */
  assigned(register: Register, value: Value): Code;
  store(place: Place, address: Address, value: Value): Code;
  /** Stores values that the statement would else compute twice in locals. It must be called for each statement, before its code is made. */
  keepShared(statement: Statement): Code;
  /** Sets the locals of constants, which a loop would else make again and again. */
  constants(): Code;
  /** Makes the code of a body; the locals of its declarations can be reused after it. */
  inScope(print: () => Code): Code;
}

export interface ValueOptions {
  readonly lanes: number;
  /** Whether multiply-adds of vecs are one instruction of relaxed SIMD. */
  readonly relaxed: boolean;
  readonly functions: Functions;
}

type Of<Kind extends Value["kind"]> = Extract<Value, { kind: Kind }>;

export function createValues(kernel: Kernel, { lanes, relaxed, functions }: ValueOptions): Values {
  const firstLocal = kernelParameters.length + kernel.parameters.length;
  const locals: ValType[] = [];
  const registers = new Map<string, number>();
  const kept = new Map<Value, number>();
  // Reusing locals keeps them few and gives similar bodies the same ones: the code is short and compresses well.
  const free = new Set<number>();
  /** The locals in use, by the surrounding bodies, outermost first, and by the statement. */
  const scopes: number[][] = [[]];
  let ofStatement: number[] = [];

  const isWide = (type: ValueType): boolean => type === "vec" && lanes > 1;

  /** The first free local of a type. */
  function take(type: ValType): number {
    const found = locals.findIndex((one, at) => one === type && free.has(at));
    const at = found >= 0 ? found : locals.push(type) - 1;
    free.delete(at);
    return at;
  }

  function release(taken: readonly number[]): void {
    for (const at of taken) free.add(at);
  }

  /** A local for a part of a statement. */
  function local(type: ValType): number {
    const at = take(type);
    ofStatement.push(at);
    return firstLocal + at;
  }

  /** A constant of 16 bytes in a local: engines make one in three instructions, wherever it is used. Zeros take one. */
  const known = new Map<string, { readonly local: number; readonly code: Code }>();
  function constant(code: Code): Code {
    if (code.slice(opcodes["v128.const"].length).every((byte) => byte === 0)) return code;
    const key = code.join();
    const before = known.get(key);
    if (before) return localGet(before.local);
    // Code before this may set all locals that were free once.
    const local = firstLocal + locals.push("v128") - 1;
    known.set(key, { local, code });
    return localGet(local);
  }

  const stores = createIntegerStores({
    of,
    local,
    constant,
    isWide,
    lookups,
  });

  const { unary, binary, horizontal, integer, compare } = createArithmetic({ of, local, isWide, functions });
  const { isPointer, hasPointer, inBytes, assigned } = createAddresses(kernel, {
    of,
    indexOf,
    isKept: (value) => kept.has(value),
  });

  function inScope(print: () => Code): Code {
    scopes.push([]);
    const code = print();
    release(scopes.pop() ?? []);
    return code;
  }

  /** The local of a register; if it has none yet, the innermost body declares one. */
  function indexOf(register: Register): number {
    const known = registers.get(register.name);
    if (known !== undefined) return known;
    const at = take(valType(register.type));
    scopes.at(-1)?.push(at);
    registers.set(register.name, firstLocal + at);
    return firstLocal + at;
  }

  function valType(type: ValueType): ValType {
    if (type === "i32" || type === "bool") return "i32";
    return isWide(type) || type in integerLanes ? "v128" : "f32";
  }

  function of(value: Value): Code {
    const before = kept.get(value);
    if (before !== undefined) return localGet(before);
    switch (value.kind) {
      case "register":
        if (isPointer(value.name)) bug(`${kernel.name} uses the pointer ${value.name} as a number`);
        return localGet(indexOf(value));
      case "const":
        return value.type === "f32" ? f32Const(value.value) : i32Const(value.value);
      case "load":
        if (value.place.element) return loadConverted(value, value.place.element);
        return load(isWide(value.type) ? "v128.load" : "f32.load", value);
      case "load_i32":
        return load("i32.load", value);
      case "load_integers":
        return load(integerLoad(value), value);
      case "nearest":
        return bug("an integer that is not stored");
      case "lookup": {
        const [first = [], ...more] = lookups(value);
        if (!isWide(value.type)) return op("f32.convert_i32_s", first);
        const all = more.reduce(
          (code, entry, at) => [...code, ...entry, ...opcodes["i32x4.replace_lane"], at + 1],
          op("i32x4.splat", first),
        );
        return op("f32x4.convert_i32x4_s", all);
      }
      case "integers":
        return constant(integerConstant(value));
      case "widen_integers":
        return op(`i16x8.extend_low_i8x16_${value.signed ? "s" : "u"}`, of(value.x));
      case "shuffle":
        return shuffleIntegers(value);
      case "binary_integers":
        return op(integerBinary(value), of(value.a), of(value.b));
      case "shift_integers":
        return op("i32x4.shr_s", of(value.x), i32Const(value.bits));
      case "dot_pairs":
        return op("i32x4.dot_i16x8_s", of(value.a), of(value.b));
      case "dot_fours":
        return op("i32x4.relaxed_dot_i8x16_i7x16_add_s", of(value.a), of(value.b), of(value.c));
      case "load_word":
      case "pack_word":
      case "dot_words":
      case "to_integers":
        return bug("this target has no words of bytes");
      case "unary":
        return unary(value);
      case "binary":
        return binary(value);
      case "int":
        return integer(value);
      case "compare":
        return compare(value);
      case "logic":
        return op(value.fn === "and" ? "i32.and" : "i32.or", of(value.a), of(value.b));
      case "select":
        return op("select", of(value.then), of(value.otherwise), of(value.if));
      case "select_compare": {
        const bound = boundOf(value);
        if (bound && isWide(value.type)) return op(`f32x4.p${bound}`, of(value.a), of(value.b));
        const [a, b, then, otherwise] = [value.a, value.b, value.then, value.otherwise].map(of);
        if (!a || !b || !then || !otherwise) return bug("a choice of less than four");
        return isWide(value.type)
          ? op("v128.bitselect", then, otherwise, op(`f32x4.${value.fn}`, a, b))
          : op("select", then, otherwise, op(`f32.${value.fn}`, a, b));
      }
      case "madd": {
        const [a, b, c] = [of(value.a), of(value.b), of(value.c)];
        if (!isWide(value.type)) return op("f32.add", op("f32.mul", a, b), c);
        return relaxed ? op("f32x4.relaxed_madd", a, b, c) : op("f32x4.add", op("f32x4.mul", a, b), c);
      }
      case "splat":
        return splat(value);
      case "lane":
        return isWide(value.x.type) ? extractLane(of(value.x), value.index) : of(value.x);
      case "swizzle": {
        if (!isWide(value.type)) return of(value.x);
        const x = local("v128");
        return shuffle(localTee(x, of(value.x)), localGet(x), value.lanes);
      }
      case "horizontal":
        return horizontal(value);
      case "broadcast":
        return bug("this target has no subgroups");
      case "to_f32":
        return op(isWide(value.type) ? "f32x4.convert_i32x4_s" : "f32.convert_i32_s", of(value.x));
      case "to_i32":
        return op("i32.trunc_sat_f32_s", of(value.x));
      default:
        return value satisfies never;
    }
  }

  function splat({ x }: Of<"splat">): Code {
    if (lanes === 1) return of(x);
    if (x.kind === "const") return constant(v128Const(x.value));
    if (x.kind === "load" && !x.place.element && !kept.has(x)) return load("v128.load32_splat", x);
    return op("f32x4.splat", of(x));
  }

  function load(name: Opcode, { place, address }: Extract<Value, { address: Address }>): Code {
    const { base, offset } = inBytes(place, address);
    return memory(name, offset, bytesOf(place.element), base);
  }

  /** The entries that a lookup finds, lane by lane, as i32. */
  function lookups({ x, place }: Of<"lookup">): Code[] {
    const { base, offset } = inBytes(place, { offset: 0 });
    return lastBytes(x).map((byte) =>
      memory("i32.load", offset, 4, op("i32.add", base, op("i32.shl", byte, i32Const(2)))),
    );
  }

  /** The last eight bits of whole numbers, lane by lane, as i32. Of integers in memory they are the first byte. */
  function lastBytes(x: Value): Code[] {
    const lanes = isWide(x.type) ? [0, 1, 2, 3] : [0];
    if (x.kind === "load" && x.place.element && !kept.has(x)) {
      const { base, offset } = inBytes(x.place, x.address);
      const at = local("i32");
      const size = bytesOf(x.place.element);
      return lanes.map((lane) =>
        memory("i32.load8_u", offset + lane * size, 1, lane === 0 ? localTee(at, base) : localGet(at)),
      );
    }
    const bits = stores.bitsOf(kept.has(x) ? x : (nearestOf(x) ?? x));
    if (!isWide(x.type)) return [op("i32.and", op("i32.reinterpret_f32", bits), i32Const(255))];
    const all = local("v128");
    return lanes.map((lane) => [
      ...(lane === 0 ? localTee(all, bits) : localGet(all)),
      ...opcodes["i8x16.extract_lane_u"],
      4 * lane,
    ]);
  }

  /** Integers as f32. */
  function loadConverted(value: Of<"load">, element: IntegerElement): Code {
    const names = conversions[element];
    if (!isWide(value.type)) return op("f32.convert_i32_s", load(names.load, value));
    const wide = names.widen.reduce((code: Code, name) => op(name, code), load(names.loadVec, value));
    return op("f32x4.convert_i32x4_s", wide);
  }

  function shuffleIntegers({ type, a, b, lanes: order }: Of<"shuffle">): Code {
    const count = integerLanes[type];
    if (a !== b) return shuffle(of(a), of(b), order, 16 / count);
    const x = local("v128");
    return shuffle(localTee(x, of(a)), localGet(x), order, 16 / count);
  }

  function store(place: Place, address: Address, value: Value): Code {
    const { base, offset } = inBytes(place, address);
    const bytes = bytesOf(place.element);
    if (value.type in integerLanes) return memory("v128.store", offset, bytes, base, of(value));
    if (place.element) return stores.store(place.element, value, base, offset);
    return memory(isWide(value.type) ? "v128.store" : "f32.store", offset, bytes, base, of(value));
  }

  function keepShared(statement: Statement): Code {
    kept.clear();
    release(ofStatement);
    ofStatement = [];
    return [...countUses(statement)].flatMap(([value, uses]) => {
      if (uses < 2 || hasPointer(value)) return [];
      const index = local(valType(value.type));
      const code = localSet(index, of(value));
      kept.set(value, index);
      return code;
    });
  }

  const constants = (): Code => [...known.values()].flatMap(({ local, code }) => localSet(local, code));
  return { locals, constants, indexOf, of, assigned, store, keepShared, inScope };
}

/** The instruction that is this choice, also for NaN: `a < b ? b : a` is `pmax(a, b)`. */
function boundOf({ fn, a, b, then, otherwise }: Of<"select_compare">): "max" | undefined {
  return fn === "lt" && isSame(then, b) && isSame(otherwise, a) ? "max" : undefined;
}

function isSame(a: Value, b: Value): boolean {
  if (a.kind === "splat" && b.kind === "splat") return isSame(a.x, b.x);
  return a === b || (a.kind === "const" && b.kind === "const" && Object.is(a.value, b.value));
}
