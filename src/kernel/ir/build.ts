// A builder of kernel IR. Its expressions fold constants, and its bodies read like the loops they become.

import { given } from "#diagnostic/given.js";
import { bug } from "#diagnostic/diagnostic.js";
import type { Grid } from "./body.js";
import type {
  Address,
  FloatBinary,
  FloatUnary,
  IntBinary,
  IntegerElement,
  IntegerVec,
  Kernel,
  Parameter,
  Place,
  Register,
  Statement,
  Value,
  ValueType,
} from "./ir.js";
import { integer, isFolded, simplifyInt } from "./integers.js";
import { bytesOf } from "#ir/target.js";
import { dropUnused, usedParameters } from "./unused.js";

/** An integer expression, or a number known at compile time. */
export type Int = Value | number;

export const f32 = (value: number): Value => ({ kind: "const", type: "f32", value });
export const i32 = (value: Int): Value => (typeof value === "number" ? integer(value) : value);

/** Integer arithmetic. Constants are folded, and `x · 1` and `x + 0` become x. */
export function int(fn: IntBinary, a: Int, b: Int): Int {
  const value = simplifyInt(fn, i32(a), i32(b));
  return known(value) ?? value;
}

export const addInt = (...terms: readonly Int[]): Int =>
  terms.reduce((sum, term) => int("add", sum, term), 0);
export const mulInt = (a: Int, b: Int): Int => int("mul", a, b);

/** `base + offset` as an address; a constant part moves into the offset. */
export function address(base: Int, offset = 0): Address {
  const constant = known(base);
  if (constant !== undefined) return { offset: constant + offset };
  const value = base as Value;
  if (value.kind === "int" && value.fn === "add" && known(value.b) !== undefined) {
    return { base: value.a, offset: offset + (known(value.b) ?? 0) };
  }
  return { base: value, offset };
}

/** One element, or as many as the target has lanes. */
export type Width = "f32" | "vec";

/** What a kernel moves at once: as `Width`, or 16 bytes, which have no alignment. */
export type Moved = Width | "i8x16";

export const load = (place: Place, at: Address, width: Moved = "f32"): Value =>
  width === "i8x16" ? loadIntegers(width, place, at) : { kind: "load", type: width, place, address: at };

export const loadInt = (place: Place, at: Address): Value => ({
  kind: "load_i32",
  type: "i32",
  place,
  address: at,
});

/** The numbers in a table of 256 at the last eight bits of whole numbers. */
export const lookup = (place: Place, x: Value): Value => ({ kind: "lookup", type: widthOf(x), place, x });

/** The value in every lane, if the width is vec and the value is not yet; a constant as 16 bytes. */
export function widen(x: Value, width: Moved): Value {
  if (width === "i8x16") return x.kind === "const" ? integers(width, x.value) : bug("no constant of bytes");
  return width === "vec" && x.type !== "vec" ? { kind: "splat", type: "vec", x } : x;
}

/** The width of an operation on some values: vec if one of them is; then the others become splats. */
function widthOf(...values: readonly Value[]): Width {
  return values.some((value) => value.type === "vec") ? "vec" : "f32";
}

export function unary(fn: FloatUnary, x: Value): Value {
  return { kind: "unary", type: widthOf(x), fn, x };
}

export function binary(fn: FloatBinary, a: Value, b: Value): Value {
  const type = widthOf(a, b);
  return { kind: "binary", type, fn, a: widen(a, type), b: widen(b, type) };
}

/** `a · b + c`. */
export function madd(a: Value, b: Value, c: Value): Value {
  const type = widthOf(a, b, c);
  return { kind: "madd", type, a: widen(a, type), b: widen(b, type), c: widen(c, type) };
}

/** Lane by lane `a fn b ? then : otherwise`. */
export function choose(
  fn: "lt" | "le" | "eq",
  operands: { readonly a: Value; readonly b: Value; readonly then: Value; readonly otherwise: Value },
): Value {
  const { a, b, then, otherwise } = operands;
  const type = widthOf(a, b, then, otherwise);
  return {
    kind: "select_compare",
    type,
    fn,
    a: widen(a, type),
    b: widen(b, type),
    then: widen(then, type),
    otherwise: widen(otherwise, type),
  };
}

/** Integers of a place as a register of this type; see `load_integers`. */
export const loadIntegers = (type: IntegerVec, place: Place, at: Address): Value => ({
  kind: "load_integers",
  type,
  place,
  address: at,
});

/** Four bytes of integers as they are, which all lanes of 32 bits get. */
export const loadFour = (type: "i8x16" | "i16x8", place: Place, at: Address): Value => ({
  kind: "load_integers",
  type,
  place,
  address: at,
  four: true,
});

export const integers = (type: IntegerVec, value: number): Value => ({ kind: "integers", type, value });

export const widenIntegers = (x: Value, signed: boolean): Value => ({
  kind: "widen_integers",
  type: "i16x8",
  x,
  signed,
});

export function shuffle(a: Value, b: Value, lanes: readonly number[]): Value {
  return { kind: "shuffle", type: a.type as IntegerVec, a, b, lanes };
}

export const addIntegers = (a: Value, b: Value): Value => binaryIntegers("add", a, b);

export const subIntegers = (a: Value, b: Value): Value => binaryIntegers("sub", a, b);

/** The greater bytes of two registers. */
export const maxBytes = (a: Value, b: Value, signed: boolean): Value =>
  binaryIntegers(signed ? "max_s" : "max_u", a, b);

function binaryIntegers(fn: Extract<Value, { kind: "binary_integers" }>["fn"], a: Value, b: Value): Value {
  return { kind: "binary_integers", type: a.type as IntegerVec, fn, a, b };
}

/** Integers divided by 2 to the power of `bits`, rounded down. */
export const shiftIntegers = (x: Value, bits: number): Value => ({
  kind: "shift_integers",
  type: "i32x4",
  x,
  bits,
});

export const dotPairs = (a: Value, b: Value): Value => ({ kind: "dot_pairs", type: "i32x4", a, b });

export const dotFours = (a: Value, b: Value, c: Value): Value => ({
  kind: "dot_fours",
  type: "i32x4",
  a,
  b,
  c,
});

/** Four bytes of a place as a word; see `load_word`. */
export const loadWord = (place: Place, at: Address, lessHalf?: true): Value => ({
  kind: "load_word",
  type: "i32",
  place,
  address: at,
  ...given({ lessHalf }),
});

export const packWord = (x: Value): Value => ({ kind: "pack_word", type: "i32", x });

export const dotWords = (a: Value, b: Value, c: Value): Value => ({
  kind: "dot_words",
  type: "i32x4",
  a,
  b,
  c,
});

export const toIntegers = (x: Value): Value => ({ kind: "to_integers", type: "i32x4", x });

/** Integers as f32, rounded to the nearest. */
export const toFloats = (x: Value): Value => ({ kind: "to_f32", type: "vec", x });

/** One lane of a vec; of an f32, the value itself. */
export const laneOf = (x: Value, index: number): Value =>
  x.type === "vec" ? { kind: "lane", type: "f32", x, index } : x;

/** All lanes of a vec combined into one; of an f32, the value itself. */
export const horizontal = (fn: "add" | "max" | "min", x: Value): Value =>
  x.type === "vec" ? { kind: "horizontal", type: "f32", fn, x } : x;

/** The value of x in another item of a subgroup. */
export const broadcast = (x: Value, item: number): Value => ({
  kind: "broadcast",
  type: x.type === "i32" ? "i32" : "f32",
  x,
  item,
});

/** a < b, and the like, on integers. */
export const compare = (fn: "lt" | "le" | "eq", a: Int, b: Int): Value => ({
  kind: "compare",
  type: "bool",
  fn,
  a: i32(a),
  b: i32(b),
});
export const both = (a: Value, b: Value): Value => ({ kind: "logic", type: "bool", fn: "and", a, b });

/** The source of a parameter, before the launch knows its offset. */
export interface Argument<S> {
  readonly parameter: Parameter;
  readonly source: S;
}

/** Calls `body` in a nest of loops, outermost count first. */
export type Loops = (
  names: readonly string[],
  counts: readonly number[],
  body: (...at: Int[]) => void,
) => void;

/** The options for which a kernel is built; the last three are tuning, as in `Tile`. */
export interface BuilderOptions {
  readonly lanes: number;
  readonly team: number;
  readonly sumsInBlocks?: boolean;
  readonly waitingSums?: number;
  readonly writtenTaps?: number;
  /** Which of the two forms of a kernel of bytes is built; see `Kernel.fours`. */
  readonly dots?: "pairs" | "fours";
}

/** The body of a kernel under construction; `S` is the type of the sources of parameters. */
export class KernelBuilder<S> {
  /** Elements of a vec; with 1, all code is scalar. */
  readonly lanes: number;
  /** Items of a block that run in parallel. */
  readonly team: number;
  /** See `Tile`. */
  readonly sumsInBlocks: boolean;
  readonly waitingSums: number;
  readonly writtenTaps: number;
  /** See `BuilderOptions`. */
  readonly dots: "pairs" | "fours";
  readonly #arguments: Argument<S>[] = [];
  #names = new Map<string, number>();
  readonly #stack: Statement[][] = [[]];
  #scratch = 0;
  #shared = { start: 0, elements: 0 };

  constructor(options: BuilderOptions) {
    this.lanes = options.lanes;
    this.team = options.team;
    this.sumsInBlocks = options.sumsInBlocks ?? false;
    this.waitingSums = options.waitingSums ?? Number.POSITIVE_INFINITY;
    this.writtenTaps = options.writtenTaps ?? 0;
    this.dots = options.dots ?? "pairs";
  }

  /** A parameter for `source`. */
  parameter(name: string, parameter: Omit<Parameter, "name">, source: S): Place {
    const unique = this.name(name);
    this.#arguments.push({ parameter: { ...parameter, name: unique }, source });
    return { kind: "parameter", name: unique, ...given({ element: parameter.element }) };
  }

  /** Reserves scratch and returns the address of its start, in elements, a multiple of the lanes. */
  scratch(elements: number): number {
    const start = this.#scratch;
    this.#scratch += this.roundUp(elements);
    return start;
  }

  /** Reserves scratch for integers, and returns its start in elements of theirs. */
  scratchOf(element: IntegerElement | undefined, elements: number): number {
    const perWord = 4 / bytesOf(element);
    return this.scratch(Math.ceil(elements / perWord)) * perWord;
  }

  /** Reserves scratch for elements of float64, and returns its start in such elements. */
  doubles(elements: number): number {
    return Math.ceil(this.scratch(2 * elements + 1) / 2);
  }

  /** Reserves scratch for one nest of loops; nests that follow each other share it. */
  sharedScratch(elements: number): number {
    if (elements > this.#shared.elements) this.#shared = { start: this.scratch(elements), elements };
    return this.#shared.start;
  }

  /** The scratch reserved so far. */
  get reserved(): number {
    return this.#scratch;
  }

  /** A name that is not used in this kernel yet. */
  name(base: string): string {
    const count = (this.#names.get(base) ?? 0) + 1;
    this.#names.set(base, count);
    return count === 1 ? base : this.name(`${base}_${count}`);
  }

  /** Declares a register. */
  let(name: string, value: Value): Register {
    const register: Register = { kind: "register", type: value.type, name: this.name(name) };
    this.#emit({ kind: "let", register, value });
    return register;
  }

  /** Declares an integer register, unless the value is known at compile time. */
  letInt(name: string, value: Int): Int {
    return known(value) ?? this.let(name, i32(value));
  }

  set(register: Register, value: Value): void {
    this.#emit({ kind: "set", register, value });
  }

  /** `register += step`. */
  step(register: Register, step: Int): void {
    this.set(register, i32(int("add", register, step)));
  }

  store(place: Place, at: Address, value: Value): void {
    const stored = place.element ? (nearestOf(value) ?? value) : value;
    this.#emit({ kind: "store", place, address: at, value: stored });
  }

  /** A serial loop; a single iteration needs no loop. */
  for(name: string, count: number, body: (index: Int) => void): void {
    if (count <= 0) return;
    if (count === 1) return body(0);
    const index = this.#index(name);
    this.#emit({ kind: "for", index, count, body: this.#inside(() => body(index)) });
  }

  /** Serial loops, one inside the other. */
  readonly nest: Loops = (names, counts, body) => {
    const descend = (depth: number, at: readonly Int[]): void => {
      const count = counts[depth];
      if (count === undefined) return body(...at);
      this.for(names[depth] ?? "i", count, (index) => descend(depth + 1, [...at, index]));
    };
    descend(0, []);
  };

  /**
   * Independent items of a block, outside of all other loops: a nest of loops for a team of one, else one team loop. Items must not depend
   * on each other; the next loop may read what one loop writes.
   */
  readonly items: Loops = (names, counts, body) => {
    if (this.team === 1) return this.nest(names, counts, body);
    const total = counts.reduce((product, count) => product * count, 1);
    if (total === 0) return;
    const index = this.#index("item");
    const write = (): void => {
      const at: Int[] = [];
      let rest: Int = index;
      for (let depth = counts.length - 1; depth >= 0; depth -= 1) {
        const count = counts[depth] ?? 1;
        const isOutermost = counts.slice(0, depth).every((outer) => outer === 1);
        const name = names[depth] ?? "i";
        at.unshift(count === 1 ? 0 : isOutermost ? rest : this.letInt(name, int("rem", rest, count)));
        if (!isOutermost && count > 1) rest = this.letInt("rest", int("div", rest, count));
      }
      body(...at);
    };
    this.#emit({ kind: "team", index, count: total, body: this.#inside(write) });
  };

  /**
   * A loop over the channels of a last-axis vector: first in vecs, then the remaining ones one by one. It uses vecs only if `wide` says
   * that every vector begins at a multiple of the lanes. So it never accesses a padded lane.
   */
  channels(name: string, count: number, wide: boolean, body: (channel: Int, width: Width) => void): void {
    const groups = wide && this.lanes > 1 ? Math.floor(count / this.lanes) : 0;
    this.for(`${name}Vec`, groups, (index) => body(this.letInt(name, int("mul", index, this.lanes)), "vec"));
    const done = groups * this.lanes;
    this.for(name, count - done, (index) => body(int("add", index, done), "f32"));
  }

  /**
   * A loop over the channels of a last-axis vector that are only moved: those of bytes first 16 at a time, whatever their alignment, then the
   * rest as in `channels`.
   */
  moves(
    name: string,
    count: number,
    of: { readonly wide: boolean; readonly bytes: boolean },
    body: (channel: Int, width: Moved) => void,
  ): void {
    const many = of.bytes ? Math.floor(count / 16) : 0;
    this.for(`${name}Many`, many, (index) => body(this.letInt(name, int("mul", index, 16)), "i8x16"));
    this.channels(name, count - 16 * many, of.wide, (channel, width) =>
      body(int("add", channel, 16 * many), width),
    );
  }

  /** The next multiple of the lanes. */
  roundUp(elements: number): number {
    return Math.ceil(elements / this.lanes) * this.lanes;
  }

  /**
   * Elements from one pixel of a copy to the next, for this many channels: a multiple of the lanes. Elements a KiB or more apart, such as
   * the taps of a window if the channels are a power of two, all map to a few cache lines and evict each other; an additional line (64
   * bytes) avoids that. Depthwise 3×3 on 14×14×512 takes 0.17 ms without it.
   */
  apart(channels: number): number {
    const stride = this.roundUp(channels);
    return this.team === 1 && stride % 256 === 0 ? stride + 16 : stride;
  }

  guard(condition: Value, then: () => void, otherwise?: () => void): void {
    const yes = this.#inside(then);
    const no = otherwise && this.#inside(otherwise);
    this.#emit({ kind: "guard", if: condition, then: yes, ...given({ otherwise: no }) });
  }

  /** A size that stays a constant in the form of the kernel if blocks have many items, even if it is 0 or 1: see `open` of a constant. */
  size(value: number): Int {
    return this.team === 1 ? value : { kind: "const", type: "i32", value, open: true };
  }

  /** A hint to read one element into the cache. */
  prefetch(place: Place, at: Address): void {
    this.#emit({ kind: "prefetch", value: { kind: "load", type: "f32", place, address: at } });
  }

  comment(text: string): void {
    this.#emit({ kind: "comment", text });
  }

  /**
   * The kernel of a grid, and the sources of its parameters. Several grids may be made with the same parameters but separate registers.
   * With `subgroup`, the blocks of a grid are subgroups of this many items.
   */
  finish(
    name: string,
    { blocks, write }: Grid,
    subgroup?: number,
  ): { kernel: Kernel; sources: readonly S[] } {
    const names = new Map(this.#names);
    const index = this.#index("block");
    const statements = dropUnused(this.#inside(() => write(index)));
    this.#names = names;
    const used = usedParameters(statements);
    const called = this.#arguments.filter(({ parameter }) => used.has(parameter.name));
    return {
      kernel: {
        name,
        parameters: called.map(({ parameter }) => parameter),
        scratch: this.#scratch,
        team: subgroup ?? this.team,
        ...(subgroup === undefined ? {} : { subgroup: true }),
        privates: [],
        grid: { index, count: blocks },
        body: statements,
      },
      sources: called.map(({ source }) => source),
    };
  }

  #index(name: string): Register {
    return { kind: "register", type: "i32" satisfies ValueType, name: this.name(name) };
  }

  #inside(write: () => void): readonly Statement[] {
    const body: Statement[] = [];
    this.#stack.push(body);
    write();
    this.#stack.pop();
    return body;
  }

  #emit(statement: Statement): void {
    (this.#stack.at(-1) ?? bug("a kernel without a body")).push(statement);
  }
}

/** The number that an integer expression is, if it is known at compile time. */
function known(value: Int): number | undefined {
  if (typeof value === "number") return value;
  return isFolded(value) ? value.value : undefined;
}

/** A value as the integer nearest to another within bounds, if it has the form that `quantize` gives it. */
export function nearestOf(value: Value): Value | undefined {
  if (value.kind !== "binary" || value.fn !== "min") return undefined;
  const [choice, high] = [value.a, constantOf(value.b)];
  if (choice.kind !== "select_compare" || choice.fn !== "lt" || high === undefined) return undefined;
  const [low, steps] = [constantOf(choice.a), choice.b];
  if (low === undefined || choice.then !== steps || constantOf(choice.otherwise) !== low) return undefined;
  const isMoved = steps.kind === "binary" && steps.fn === "add";
  const [rounded, zero] = isMoved ? [steps.a, constantOf(steps.b)] : [steps, 0];
  if (rounded.kind !== "unary" || rounded.fn !== "round" || zero === undefined) return undefined;
  return { kind: "nearest", type: rounded.type, x: rounded.x, zero, low, high };
}

/** What `nearest` computes, in single steps; see `nearestOf`. */
export function nearestInSteps({ x, zero, low, high }: Extract<Value, { kind: "nearest" }>): Value {
  const steps = binary("add", unary("round", x), f32(zero));
  const atLeast = choose("lt", { a: f32(low), b: steps, then: steps, otherwise: f32(low) });
  return binary("min", atLeast, f32(high));
}

/** The number that an f32, or each lane of a vec, is, if it is known at compile time. */
function constantOf(value: Value): number | undefined {
  const one = value.kind === "splat" ? value.x : value;
  return one.kind === "const" && one.type === "f32" ? one.value : undefined;
}
