// Runs a kernel under the checker: statements and values become closures over one state.

import { bug } from "#diagnostic/diagnostic.js";
import type { Surroundings } from "./check-access.js";
import { watch } from "./check-access.js";
import type { Toucher } from "./check-memory.js";
import { erf, roundHalfEven } from "#ops/scalar-eval.js";
import { evalInt } from "./fold.js";
import type {
  Address,
  FloatBinary,
  FloatUnary,
  Kernel,
  Parameter,
  Place,
  Register,
  Statement,
  Value,
} from "./ir.js";

/** A value as it runs: one number, or one per lane for a vec. */
type Run = () => readonly number[];

/** Runs all blocks of a kernel, one after another, and reports what the surroundings see. */
export function runKernel(kernel: Kernel, around: Surroundings): void {
  const who: Toucher = { block: 0, item: 0, epoch: 0 };
  const registers = new Map<string, readonly number[]>();
  const privates = new Map(
    kernel.privates.map((register) => [register.name, new Map<number, readonly number[]>()]),
  );
  const machine: Machine = {
    kernel,
    around,
    who,
    registers,
    privates,
    parameters: new Map(kernel.parameters.map((parameter) => [parameter.name, parameter])),
    memory: watch(kernel, around, who),
    barriers: 0,
  };
  const run = bodyOf(machine, kernel.body);
  for (let block = 0; block < kernel.grid.count; block += 1) {
    who.block = block;
    who.item = outside;
    who.epoch += 1;
    machine.barriers = 0;
    registers.set(kernel.grid.index.name, [block]);
    for (const items of privates.values()) items.clear();
    run();
  }
}

/** The item of what stands outside team loops. */
const outside = -3;

interface Machine {
  readonly kernel: Kernel;
  readonly around: Surroundings;
  readonly who: Toucher;
  readonly registers: Map<string, readonly number[]>;
  /** Values of private registers by item. */
  readonly privates: ReadonlyMap<string, Map<number, readonly number[]>>;
  readonly parameters: ReadonlyMap<string, Parameter>;
  readonly memory: ReturnType<typeof watch>;
  /** Team loops entered in this block. */
  barriers: number;
}

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
    case "set": {
      const value = valueOf(machine, statement.value);
      const { name } = statement.register;
      const own = machine.privates.get(name);
      return own
        ? () => {
            own.set(itemOf(machine), value());
          }
        : () => {
            registers.set(name, value());
          };
    }
    case "store": {
      const parameter = parameterOf(machine, statement.place);
      const address = addressOf(machine, statement.address);
      const value = valueOf(machine, statement.value);
      return () => machine.memory.store(parameter, address(), value());
    }
    case "for": {
      const body = bodyOf(machine, statement.body);
      return () => {
        for (let index = 0; index < statement.count; index += 1) {
          registers.set(statement.index.name, [index]);
          body();
        }
      };
    }
    case "team": {
      const body = bodyOf(machine, statement.body);
      return () => {
        // Between two team loops stands a barrier; before the first there is none. One item alone needs none.
        if (machine.barriers > 0 || kernel.team === 1) who.epoch += 1;
        machine.barriers += 1;
        for (let index = 0; index < statement.count; index += 1) {
          who.item = index;
          registers.set(statement.index.name, [index]);
          body();
        }
        who.item = outside;
        if (kernel.team === 1) who.epoch += 1;
      };
    }
    case "guard": {
      const condition = valueOf(machine, statement.if);
      const then = bodyOf(machine, statement.then);
      const otherwise = bodyOf(machine, statement.otherwise ?? []);
      return () => (condition()[0] ? then() : otherwise());
    }
    default:
      return statement satisfies never;
  }
}

/** Whose private registers are meant: with a team of one, the block's. */
function itemOf({ kernel, who }: Machine): number {
  return kernel.team === 1 ? 0 : who.item;
}

function registerOf(machine: Machine, register: Register): Run {
  const { name } = register;
  const own = machine.privates.get(name);
  if (!own) return () => machine.registers.get(name) ?? bug(`register ${name} has no value`);
  return () => {
    const value = own.get(itemOf(machine));
    if (value) return value;
    machine.around.say(`${machine.kernel.name}: private ${name} is read before it is set in its block`);
    return Array.from({ length: register.type === "vec" ? machine.around.lanes : 1 }, () => 0);
  };
}

function parameterOf(machine: Machine, place: Place): Parameter | undefined {
  return place.kind === "scratch" ? undefined : machine.parameters.get(place.name);
}

function addressOf(machine: Machine, { base, offset }: Address): () => number {
  if (!base) return () => offset;
  const value = valueOf(machine, base);
  return () => first(value()) + offset;
}

function valueOf(machine: Machine, value: Value): Run {
  const of = (operand: Value) => valueOf(machine, operand);
  switch (value.kind) {
    case "register":
      return registerOf(machine, value);
    case "const": {
      const constant = [value.value];
      return () => constant;
    }
    case "load":
    case "load_i32": {
      const parameter = parameterOf(machine, value.place);
      const address = addressOf(machine, value.address);
      const count = value.type === "vec" ? machine.around.lanes : 1;
      return () => machine.memory.load(parameter, address(), count);
    }
    case "unary": {
      const x = of(value.x);
      const f = unaryFunctions[value.fn];
      return () => x().map((lane) => f(lane));
    }
    case "binary":
      return zip(of(value.a), of(value.b), binaryFunctions[value.fn]);
    case "int":
      return zip(of(value.a), of(value.b), (a, b) => evalInt(value.fn, a, b));
    case "compare": {
      const { fn } = value;
      return zip(of(value.a), of(value.b), (a, b) => Number(compares(fn, a, b)));
    }
    case "logic":
      return zip(of(value.a), of(value.b), value.fn === "and" ? (a, b) => a && b : (a, b) => a || b);
    case "select": {
      const condition = of(value.if);
      // Both sides run, as they do on targets without a lazy select: neither may load out of bounds.
      const then = of(value.then);
      const otherwise = of(value.otherwise);
      return () => {
        const [a, b] = [then(), otherwise()];
        return first(condition()) ? a : b;
      };
    }
    case "select_compare": {
      const holds = zip(of(value.a), of(value.b), (a, b) => Number(compares(value.fn, a, b)));
      const then = of(value.then);
      const otherwise = of(value.otherwise);
      return () => {
        const [a, b] = [then(), otherwise()];
        return holds().map((lane, k) => (lane ? a[k] : b[k]) ?? bug("a lane is missing"));
      };
    }
    case "madd": {
      const c = of(value.c);
      const product = zip(of(value.a), of(value.b), (a, b) => a * b);
      return zip(product, c, (p, sum) => p + sum);
    }
    case "splat": {
      const x = of(value.x);
      return () => Array.from({ length: machine.around.lanes }, () => first(x()));
    }
    case "lane": {
      const x = of(value.x);
      return () => [x()[value.index] ?? bug("a lane is missing")];
    }
    case "swizzle": {
      const x = of(value.x);
      return () => {
        const lanes = x();
        return value.lanes.map((lane) => lanes[lane] ?? bug("a lane is missing"));
      };
    }
    case "horizontal": {
      const x = of(value.x);
      const f = binaryFunctions[value.fn];
      return () => [x().reduce((a, b) => f(a, b))];
    }
    case "to_f32":
      return of(value.x);
    case "to_i32": {
      const x = of(value.x);
      return () => [first(x()) | 0];
    }
    default:
      return value satisfies never;
  }
}

function zip(a: Run, b: Run, f: (a: number, b: number) => number): Run {
  return () => {
    const right = b();
    return a().map((x, k) => f(x, right[k] ?? bug("a lane is missing")));
  };
}

function first(lanes: readonly number[]): number {
  return lanes[0] ?? bug("a value without lanes");
}

function compares(fn: "lt" | "le" | "eq" | "ne", a: number, b: number): boolean {
  return fn === "lt" ? a < b : fn === "le" ? a <= b : fn === "eq" ? a === b : a !== b;
}

const unaryFunctions: Readonly<Record<FloatUnary, (x: number) => number>> = {
  neg: (x) => -x,
  abs: Math.abs,
  sqrt: Math.sqrt,
  exp: Math.exp,
  log: Math.log,
  tanh: Math.tanh,
  erf,
  floor: Math.floor,
  ceil: Math.ceil,
  round: roundHalfEven,
  sin: Math.sin,
  cos: Math.cos,
};

const binaryFunctions: Readonly<Record<FloatBinary, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  min: Math.min,
  max: Math.max,
  pow: (a, b) => a ** b,
};
