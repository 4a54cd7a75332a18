// Values of a kernel that runs under the checker, and the state that they are computed from.

import { bug } from "#diagnostic/diagnostic.js";
import { binaryFunctions, unaryFunctions } from "#ops/scalar-eval.js";
import type { Access, Room, Surroundings } from "./access.js";
import { roomOf } from "./access.js";
import type { Toucher } from "./memory.js";
import { compares, evalInt, integerLanes } from "../ir/integers.js";
import type { Address, Kernel, Parameter, Place, Value } from "../ir/ir.js";

/** Values of registers by slot; a vec's value is replaced, never changed. */
interface Values {
  numbers: number[];
  vecs: (readonly number[])[];
}

/** The values of the running item, or of the block. */
export interface Registers extends Values {
  readonly slots: Map<string, number>;
}

/** A running kernel. */
export interface Machine {
  readonly kernel: Kernel;
  readonly around: Surroundings;
  readonly who: Toucher;
  readonly registers: Registers;
  /** Values of private registers by item. */
  readonly privates: ReadonlyMap<string, Map<number, number | readonly number[]>>;
  readonly parameters: ReadonlyMap<string, Parameter>;
  readonly memory: Access;
  /** Values of the items of a subgroup, which run in lockstep; else empty. */
  items: readonly Values[];
  /** The number of team loops entered in this block. */
  barriers: number;
}

/** The slot of a register's value. */
export function slotOf({ registers }: Machine, name: string): number {
  const slot = registers.slots.get(name) ?? registers.slots.size;
  registers.slots.set(name, slot);
  return slot;
}

/** With one lane, a vec is a single number. */
export function isVec({ around }: Machine, { type }: Value): boolean {
  return type === "vec" ? around.lanes > 1 : type in integerLanes;
}

/** Makes an item of a subgroup the one whose code runs now. */
export function enterItem({ items, who, registers }: Machine, item: number): void {
  who.item = item;
  Object.assign(registers, items[item] ?? bug(`no item ${item} in a subgroup`));
}

/** The item whose private registers are used: with a team of one, the block. */
export function itemOf({ kernel, who }: Machine): number {
  return kernel.team === 1 ? 0 : who.item;
}

function privateOf(machine: Machine, name: string): number | readonly number[] | undefined {
  const value = machine.privates.get(name)?.get(itemOf(machine));
  if (value === undefined) {
    machine.around.say(`${machine.kernel.name}: private ${name} is read before it is set in its block`);
  }
  return value;
}

/** What the checker watches of a place. */
export function roomIn({ parameters }: Machine, place: Place): Room {
  return roomOf(place, place.kind === "parameter" ? parameters.get(place.name) : undefined);
}

/** An address, in elements from the base of its place. */
export function addressOf(machine: Machine, { base, offset }: Address): () => number {
  if (!base) return () => offset;
  const value = numberOf(machine, base);
  return () => value() + offset;
}

/** A value that is one number. */
export function numberOf(machine: Machine, value: Value): () => number {
  const of = (operand: Value) => numberOf(machine, operand);
  const isOne = machine.around.lanes === 1;
  switch (value.kind) {
    case "register": {
      const { registers } = machine;
      const slot = slotOf(machine, value.name);
      if (!machine.privates.has(value.name)) return () => registers.numbers[slot] ?? 0;
      return () => Number(privateOf(machine, value.name) ?? 0);
    }
    case "const":
      return () => value.value;
    case "load":
    case "load_i32": {
      const room = roomIn(machine, value.place);
      const address = addressOf(machine, value.address);
      return () => machine.memory.load(room, address());
    }
    case "unary": {
      const x = of(value.x);
      const f = unaryFunctions[value.fn];
      return () => f(x());
    }
    case "nearest": {
      const x = of(value.x);
      return () => nearest(x(), value);
    }
    case "lookup": {
      const x = of(value.x);
      const entry = entryOf(machine, value);
      return () => entry(x());
    }
    case "binary": {
      const [a, b, f] = [of(value.a), of(value.b), binaryFunctions[value.fn]];
      return () => f(a(), b());
    }
    case "int": {
      const [a, b, fn] = [of(value.a), of(value.b), value.fn];
      return () => evalInt(fn, a(), b());
    }
    case "compare": {
      const [a, b, fn] = [of(value.a), of(value.b), value.fn];
      return () => Number(compares(fn, a(), b()));
    }
    case "logic": {
      const [a, b, isAnd] = [of(value.a), of(value.b), value.fn === "and"];
      // Both sides run, as on targets without lazy evaluation.
      return () => {
        const [left, right] = [a(), b()];
        return isAnd ? left && right : left || right;
      };
    }
    case "select": {
      // Neither side may load out of bounds.
      const [condition, then, otherwise] = [of(value.if), of(value.then), of(value.otherwise)];
      return () => {
        const [yes, no] = [then(), otherwise()];
        return condition() ? yes : no;
      };
    }
    case "select_compare": {
      const [a, b, then, otherwise] = [of(value.a), of(value.b), of(value.then), of(value.otherwise)];
      return () => {
        const [yes, no] = [then(), otherwise()];
        return compares(value.fn, a(), b()) ? yes : no;
      };
    }
    case "madd": {
      const [a, b, c] = [of(value.a), of(value.b), of(value.c)];
      return () => a() * b() + c();
    }
    case "lane": {
      if (isOne) return of(value.x);
      const x = vecOf(machine, value.x);
      return () => lane(x(), value.index);
    }
    case "horizontal": {
      if (isOne) return of(value.x);
      const x = vecOf(machine, value.x);
      const f = binaryFunctions[value.fn];
      return () => x().reduce((a, b) => f(a, b));
    }
    case "broadcast": {
      const x = of(value.x);
      return () => {
        const { item } = machine.who;
        enterItem(machine, value.item);
        const result = x();
        enterItem(machine, item);
        return result;
      };
    }
    case "load_integers":
    case "integers":
    case "widen_integers":
    case "shuffle":
    case "binary_integers":
    case "shift_integers":
    case "dot_pairs":
    case "dot_fours":
    case "dot_words":
    case "to_integers":
      return bug(`${machine.kernel.name}: a ${value.kind} is not one number`);
    case "load_word": {
      const room = roomIn(machine, value.place);
      const address = addressOf(machine, value.address);
      const less = value.lessHalf ? 128 : 0;
      return () => {
        if (address() % 4 !== 0)
          machine.around.say(`${machine.kernel.name}: a word that is not at a multiple of 4`);
        return wordOf(machine.memory.loadMany(room, address(), 4, false).map((byte) => byte - less));
      };
    }
    case "pack_word": {
      const x = vecOf(machine, value.x);
      return () => {
        const all = x();
        if (all.some((one) => !(one >= -128 && one <= 127)))
          machine.around.say(`${machine.kernel.name}: a word of ${all.join(", ")}`);
        return wordOf(all);
      };
    }
    case "splat":
    case "swizzle":
    case "to_f32":
      return of(value.x);
    case "to_i32": {
      const x = of(value.x);
      return () => x() | 0;
    }
    default:
      return value satisfies never;
  }
}

/** A value of several lanes. */
export function vecOf(machine: Machine, value: Value): () => readonly number[] {
  const of = (operand: Value) => vecOf(machine, operand);
  switch (value.kind) {
    case "register": {
      const { registers } = machine;
      const slot = slotOf(machine, value.name);
      if (!machine.privates.has(value.name)) return () => registers.vecs[slot] ?? [];
      const zeros = Array.from({ length: machine.around.lanes }, () => 0);
      return () => {
        const own = privateOf(machine, value.name);
        return typeof own === "object" ? own : zeros;
      };
    }
    case "load": {
      const room = roomIn(machine, value.place);
      const address = addressOf(machine, value.address);
      return () => machine.memory.loadMany(room, address(), machine.around.lanes, true);
    }
    case "unary": {
      const x = of(value.x);
      const f = unaryFunctions[value.fn];
      return () => x().map((one) => f(one));
    }
    case "nearest": {
      const x = of(value.x);
      return () => x().map((one) => nearest(one, value));
    }
    case "lookup": {
      const x = of(value.x);
      const entry = entryOf(machine, value);
      return () => x().map(entry);
    }
    case "binary": {
      const [a, b, f] = [of(value.a), of(value.b), binaryFunctions[value.fn]];
      return () => zip(a(), b(), f);
    }
    case "select": {
      const condition = numberOf(machine, value.if);
      const [then, otherwise] = [of(value.then), of(value.otherwise)];
      return () => {
        const [yes, no] = [then(), otherwise()];
        return condition() ? yes : no;
      };
    }
    case "select_compare": {
      const [a, b, then, otherwise] = [of(value.a), of(value.b), of(value.then), of(value.otherwise)];
      return () => {
        const [yes, no] = [then(), otherwise()];
        const holds = zip(a(), b(), (x, y) => Number(compares(value.fn, x, y)));
        return holds.map((one, k) => (one ? lane(yes, k) : lane(no, k)));
      };
    }
    case "madd": {
      const [a, b, c] = [of(value.a), of(value.b), of(value.c)];
      return () => {
        const sum = c();
        return zip(a(), b(), (x, y) => x * y).map((product, k) => product + lane(sum, k));
      };
    }
    case "splat": {
      const x = numberOf(machine, value.x);
      return () => {
        const one = x();
        return Array.from({ length: machine.around.lanes }, () => one);
      };
    }
    case "swizzle": {
      const x = of(value.x);
      return () => {
        const all = x();
        return value.lanes.map((index) => lane(all, index));
      };
    }
    case "load_integers": {
      const room = roomIn(machine, value.place);
      const address = addressOf(machine, value.address);
      const count = integerLanes[value.type];
      if (!value.four) return () => machine.memory.loadMany(room, address(), count, false);
      return () => {
        const four = machine.memory.loadMany(room, address(), count / 4, false);
        return Array.from({ length: count }, (_, k) => lane(four, k % four.length));
      };
    }
    case "integers": {
      const all = new Array<number>(integerLanes[value.type]).fill(value.value);
      return () => all;
    }
    case "widen_integers": {
      const x = of(value.x);
      return () => x().slice(0, 8);
    }
    case "shuffle": {
      const [a, b] = [of(value.a), of(value.b)];
      return () => {
        const both = [...a(), ...b()];
        return value.lanes.map((index) => lane(both, index));
      };
    }
    case "binary_integers": {
      const unused = value.type === "i16x8" ? 16 : 0;
      if (value.fn === "max_s" || value.fn === "max_u") return zipped(of(value.a), of(value.b), Math.max);
      const sign = value.fn === "add" ? 1 : -1;
      return zipped(of(value.a), of(value.b), (x, y) => ((x + sign * y) << unused) >> unused);
    }
    case "shift_integers": {
      const x = of(value.x);
      return () => x().map((one) => one >> value.bits);
    }
    case "dot_pairs": {
      const products = zipped(of(value.a), of(value.b), (x, y) => x * y);
      return () => sumsOf(products(), 2);
    }
    case "dot_fours": {
      const products = zipped(of(value.a), of(value.b), (x, y) => {
        // The weights of padding are 0.
        if (x !== 0 && (y < 0 || y > 127))
          machine.around.say(`${machine.kernel.name}: ${y} in a dot of seven bits`);
        return x * y;
      });
      const c = of(value.c);
      return () => zip(sumsOf(products(), 4), c(), (x, y) => (x + y) | 0);
    }
    case "dot_words": {
      const [a, b, c] = [of(value.a), numberOf(machine, value.b), of(value.c)];
      return () => {
        const word = b();
        const products = a().map((x, at) => x * ((word << (24 - 8 * (at % 4))) >> 24));
        return zip(sumsOf(products, 4), c(), (x, y) => (x + y) | 0);
      };
    }
    case "to_integers": {
      const x = of(value.x);
      return () => x().map((one) => one | 0);
    }
    case "to_f32": {
      const x = of(value.x);
      return () => x().map(Math.fround);
    }
    case "const":
    case "load_i32":
    case "int":
    case "compare":
    case "logic":
    case "lane":
    case "horizontal":
    case "broadcast":
    case "to_i32":
    case "load_word":
    case "pack_word":
      return bug(`${machine.kernel.name}: a ${value.kind} is not a vec`);
    default:
      return value satisfies never;
  }
}

/** Looks a whole number up; see `lookup` of the IR. */
function entryOf(machine: Machine, { place }: Extract<Value, { kind: "lookup" }>): (x: number) => number {
  const room = roomIn(machine, place);
  return (x) => {
    if (!Number.isInteger(x)) machine.around.say(`${machine.kernel.name}: ${x} is looked up in a table`);
    return machine.memory.load(room, x & 255);
  };
}

function nearest(
  x: number,
  { zero, low, high }: { readonly zero: number; readonly low: number; readonly high: number },
): number {
  const steps = unaryFunctions.round(x) + zero;
  return Math.min(low < steps ? steps : low, high);
}

function zipped(
  a: () => readonly number[],
  b: () => readonly number[],
  f: (a: number, b: number) => number,
): () => number[] {
  return () => zip(a(), b(), f);
}

/** Four bytes as a word. */
function wordOf(bytes: readonly number[]): number {
  return bytes.reduce((word, byte, at) => word | ((byte & 255) << (8 * at)), 0);
}

/** The sum of each group of neighbours. */
function sumsOf(all: readonly number[], neighbours: number): number[] {
  const sums = new Array<number>(all.length / neighbours).fill(0);
  for (const [at, one] of all.entries()) {
    const to = Math.floor(at / neighbours);
    sums[to] = lane(sums, to) + one;
  }
  return sums;
}

function zip(a: readonly number[], b: readonly number[], f: (a: number, b: number) => number): number[] {
  return a.map((x, k) => f(x, lane(b, k)));
}

function lane(all: readonly number[], index: number): number {
  return all[index] ?? bug("a lane is missing");
}
