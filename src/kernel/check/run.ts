// Runs a kernel under the checker: statements and values become closures over one state.

import type { Surroundings } from "./access.js";
import { watch } from "./access.js";
import type { Toucher } from "./memory.js";
import type { Machine, Registers } from "./value.js";
import { addressOf, enterItem, isVec, itemOf, numberOf, roomIn, slotOf, vecOf } from "./value.js";
import type { Kernel, Register, Statement, Value } from "../ir/ir.js";

/** Runs all blocks of a kernel, one after another; accesses are reported to `around`. */
export function runKernel(kernel: Kernel, around: Surroundings): void {
  const who: Toucher = { block: 0, item: 0, epoch: 0 };
  const registers: Registers = { slots: new Map(), numbers: [], vecs: [] };
  const machine: Machine = {
    kernel,
    around,
    who,
    registers,
    privates: new Map(
      kernel.privates.map(({ name }) => [name, new Map<number, number | readonly number[]>()]),
    ),
    parameters: new Map(kernel.parameters.map((parameter) => [parameter.name, parameter])),
    memory: watch(kernel, around, who),
    items: [],
    barriers: 0,
  };
  const grid = slotOf(machine, kernel.grid.index.name);
  const run = bodyOf(machine, kernel.body);
  for (let block = 0; block < kernel.grid.count; block += 1) {
    who.block = block;
    who.item = outside;
    who.epoch += 1;
    machine.barriers = 0;
    registers.numbers[grid] = block;
    for (const items of machine.privates.values()) items.clear();
    run();
  }
}

/** The item number of code outside team loops. */
const outside = -3;

function bodyOf(machine: Machine, body: readonly Statement[]): () => void {
  const steps = body.map((statement) => stepOf(machine, statement));
  return () => {
    for (const step of steps) step();
  };
}

function stepOf(machine: Machine, statement: Statement): () => void {
  const { who, registers, kernel } = machine;
  switch (statement.kind) {
    case "comment":
      return () => {};
    case "let":
    case "set":
      return assignment(machine, statement.register, statement.value);
    case "store": {
      const room = roomIn(machine, statement.place);
      const address = addressOf(machine, statement.address);
      if (isVec(machine, statement.value)) {
        const value = vecOf(machine, statement.value);
        const isAligned = statement.value.type === "vec";
        return () => machine.memory.storeMany(room, address(), value(), isAligned);
      }
      const value = numberOf(machine, statement.value);
      return () => machine.memory.store(room, address(), value());
    }
    case "for": {
      const index = slotOf(machine, statement.index.name);
      const body = bodyOf(machine, statement.body);
      return () => {
        for (let round = 0; round < statement.count; round += 1) {
          registers.numbers[index] = round;
          body();
        }
      };
    }
    case "team": {
      const index = slotOf(machine, statement.index.name);
      const body = kernel.subgroup ? stepBody(machine, statement.body) : bodyOf(machine, statement.body);
      return () => {
        // There is a barrier between two team loops, but none before the first. A single item needs none.
        if (machine.barriers > 0 || kernel.team === 1) who.epoch += 1;
        machine.barriers += 1;
        if (kernel.subgroup) inStep(machine, statement.count, index, body);
        else
          for (let item = 0; item < statement.count; item += 1) {
            who.item = item;
            registers.numbers[index] = item;
            body();
          }
        who.item = outside;
        if (kernel.team === 1) who.epoch += 1;
      };
    }
    case "prefetch": {
      const value = numberOf(machine, statement.value);
      return () => void value();
    }
    case "guard": {
      const condition = numberOf(machine, statement.if);
      const then = bodyOf(machine, statement.then);
      const otherwise = bodyOf(machine, statement.otherwise ?? []);
      return () => (condition() ? then() : otherwise());
    }
    default:
      return statement satisfies never;
  }
}

/** Runs the body of a loop over the items of a subgroup: each item has separate values, and all run in lockstep. */
function inStep(machine: Machine, count: number, index: number, body: () => void): void {
  const { numbers, vecs } = machine.registers;
  machine.items = Array.from({ length: count }, (_, item) => {
    const own = { numbers: [...numbers], vecs: [...vecs] };
    own.numbers[index] = item;
    return own;
  });
  body();
  machine.items = [];
  Object.assign(machine.registers, { numbers, vecs });
}

/** A body in which each statement, also inside its loops, runs for all items before the next statement. */
function stepBody(machine: Machine, body: readonly Statement[]): () => void {
  const forAll = (step: () => void): void => {
    for (const item of machine.items.keys()) {
      enterItem(machine, item);
      step();
    }
  };
  const steps = body.map((statement) => {
    if (statement.kind !== "for") {
      const step = stepOf(machine, statement);
      return () => forAll(step);
    }
    const index = slotOf(machine, statement.index.name);
    const inner = stepBody(machine, statement.body);
    return () => {
      for (let round = 0; round < statement.count; round += 1) {
        forAll(() => void (machine.registers.numbers[index] = round));
        inner();
      }
    };
  });
  return () => {
    for (const step of steps) step();
  };
}

function assignment(machine: Machine, register: Register, from: Value): () => void {
  const { registers } = machine;
  const own = machine.privates.get(register.name);
  const slot = slotOf(machine, register.name);
  if (isVec(machine, register)) {
    const value = vecOf(machine, from);
    if (own) return () => void own.set(itemOf(machine), value());
    return () => {
      registers.vecs[slot] = value();
    };
  }
  const value = numberOf(machine, from);
  if (own) return () => void own.set(itemOf(machine), value());
  return () => {
    registers.numbers[slot] = value();
  };
}
