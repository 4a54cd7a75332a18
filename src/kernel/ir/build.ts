// A builder of kernel IR, whose bodies read like the loops they become.

import { given } from "#diagnostic/given.js";
import { bug } from "#diagnostic/diagnostic.js";
import type { Grid } from "./body.js";
import type { Int, Width, Moved } from "./expressions.js";
import { i32, int, known } from "./expressions.js";
import type {
  Address,
  IntegerElement,
  Kernel,
  Parameter,
  Place,
  Register,
  Statement,
  Value,
  ValueType,
} from "./ir.js";
import { nearestOf } from "./nearest.js";
import { bytesOf } from "#ir/target.js";
import { dropUnused, usedParameters } from "./unused.js";

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
