// Checks the form of a kernel: types of values, scopes of registers, and the places of loops and guards.

import { bytesOf } from "#ir/target.js";
import { integerLanes } from "../ir/integers.js";
import type {
  Address,
  IntegerVec,
  Kernel,
  Parameter,
  Place,
  Register,
  Statement,
  Value,
  ValueType,
} from "../ir/ir.js";
import { walkValue } from "../ir/walk.js";

/** What is wrong with the form of a kernel, each finding a sentence; empty if nothing is. */
export function checkForm(kernel: Kernel, lanes: number): string[] {
  const findings = new Set<string>();
  const ctx: Context = {
    kernel,
    lanes,
    say: (text) => findings.add(`${kernel.name}: ${text}`),
    parameters: new Map(kernel.parameters.map((parameter) => [parameter.name, parameter])),
    names: new Set(),
  };
  for (const [what, count] of [
    ["grid", kernel.grid.count],
    ["team", kernel.team],
  ] as const) {
    if (!(Number.isInteger(count) && count >= 1)) ctx.say(`the ${what} has ${count} items`);
  }
  if (kernel.subgroup && kernel.scratch > 0) ctx.say("a subgroup with scratch");
  if (ctx.parameters.size < kernel.parameters.length) ctx.say("two parameters have the same name");
  const scope: Scope = { registers: new Map(), inTeam: false, items: 1, inGuard: false };
  declare(ctx, scope, kernel.grid.index, "index");
  for (const register of kernel.privates) declare(ctx, scope, register, "private");
  checkBody(ctx, scope, kernel.body);
  return [...findings];
}

interface Context {
  readonly kernel: Kernel;
  readonly lanes: number;
  readonly say: (finding: string) => void;
  readonly parameters: ReadonlyMap<string, Parameter>;
  readonly names: Set<string>;
}

interface Declared {
  readonly type: ValueType;
  readonly role: "index" | "private" | "local";
  /** Whether it is declared inside the team loop, so that each item has one. */
  readonly own: boolean;
}

interface Scope {
  readonly registers: Map<string, Declared>;
  readonly inTeam: boolean;
  /** The number of items of the surrounding team loop. */
  readonly items: number;
  readonly inGuard: boolean;
}

function declare(ctx: Context, scope: Scope, register: Register, role: Declared["role"]): void {
  if (ctx.names.has(register.name)) ctx.say(`register ${register.name} is declared twice`);
  ctx.names.add(register.name);
  if (role === "index" && register.type !== "i32")
    ctx.say(`index ${register.name} is ${register.type}, not i32`);
  scope.registers.set(register.name, { type: register.type, role, own: scope.inTeam });
}

function checkBody(ctx: Context, scope: Scope, body: readonly Statement[]): void {
  const inner = { ...scope, registers: new Map(scope.registers) };
  for (const statement of body) checkStatement(ctx, inner, statement);
}

function checkStatement(ctx: Context, scope: Scope, statement: Statement): void {
  switch (statement.kind) {
    case "comment":
      return;
    case "let":
      expectType(ctx, scope, statement.value, statement.register.type, `register ${statement.register.name}`);
      declare(ctx, scope, statement.register, "local");
      return;
    case "set":
      checkSet(ctx, scope, statement.register);
      walkValue(statement.value, (part) => {
        // Some items would already have set it.
        if (part.kind === "broadcast" && reads(part, statement.register))
          ctx.say(`a broadcast of ${statement.register.name}, which the same statement sets`);
      });
      expectType(ctx, scope, statement.value, statement.register.type, `register ${statement.register.name}`);
      return;
    case "store": {
      checkPlace(ctx, statement.place, "store");
      checkAddress(ctx, scope, statement.address);
      const type = typeOf(ctx, scope, statement.value);
      if (type in integerLanes) checkIntegers(ctx, statement.place, type as IntegerVec, "store");
      else if (type !== "f32" && type !== "vec") ctx.say(`a store of ${type}`);
      if (ctx.kernel.team > 1 && !scope.inTeam) {
        ctx.say(`a store to ${nameOf(statement.place)} outside a team loop: all items would write`);
      }
      return;
    }
    case "for":
    case "team": {
      if (!(Number.isInteger(statement.count) && statement.count >= 0)) {
        ctx.say(`loop ${statement.index.name} runs ${statement.count} times`);
      }
      const isTeam = statement.kind === "team";
      if (isTeam && scope.inGuard) ctx.say(`guard holds team loop ${statement.index.name}`);
      if (isTeam && scope.inTeam) {
        ctx.say(`team loop ${statement.index.name} inside a team loop: its barrier is not in uniform flow`);
      }
      const inner: Scope = {
        ...scope,
        registers: new Map(scope.registers),
        ...(isTeam ? { inTeam: true, items: statement.count } : {}),
      };
      declare(ctx, inner, statement.index, "index");
      checkBody(ctx, inner, statement.body);
      return;
    }
    case "prefetch":
      expectType(ctx, scope, statement.value, statement.value.type, "a prefetch");
      return;
    case "guard":
      if (ctx.kernel.team > 1 && !scope.inTeam) {
        ctx.say("a guard outside a team loop, in a kernel with a team of several");
      }
      expectType(ctx, scope, statement.if, "bool", "a guard");
      checkBody(ctx, { ...scope, inGuard: true }, statement.then);
      checkBody(ctx, { ...scope, inGuard: true }, statement.otherwise ?? []);
      return;
    default:
      return statement satisfies never;
  }
}

function checkSet(ctx: Context, scope: Scope, register: Register): void {
  const declared = scope.registers.get(register.name);
  if (!declared) return ctx.say(`register ${register.name} is set, but not declared here`);
  if (declared.type !== register.type) {
    ctx.say(`register ${register.name} is ${declared.type}, and set as ${register.type}`);
  }
  if (declared.role === "index") ctx.say(`index ${register.name} is set in its loop`);
  if (declared.role === "local" && scope.inTeam && !declared.own && scope.items > 1) {
    ctx.say(`register ${register.name} is shared by the items of a team loop that sets it`);
  }
  checkPrivate(ctx, scope, register, declared);
}

function checkPrivate(ctx: Context, scope: Scope, register: Register, declared: Declared): void {
  if (declared.role !== "private") return;
  if (ctx.kernel.team > 1 && !scope.inTeam) ctx.say(`private ${register.name} is used outside a team loop`);
  if (scope.inTeam && scope.items > ctx.kernel.team) {
    ctx.say(`private ${register.name} is used by ${scope.items} items of a team of ${ctx.kernel.team}`);
  }
}

/** Whether integers of a place have a form in registers: a load may widen bytes, a store only stores what the register has. */
function checkIntegers(
  ctx: Context,
  place: Place,
  type: IntegerVec,
  use: "load" | "store",
  four = false,
): void {
  const bytes = bytesOf(place.element);
  const own = 16 / integerLanes[type];
  const widens = use === "load" && type === "i16x8" && bytes === 1 && !four;
  if (!place.element || (bytes !== own && !widens))
    ctx.say(`a ${use} of ${type} at ${nameOf(place)}, which holds ${place.element ?? "f32"}`);
}

function checkPlace(ctx: Context, place: Place, use: "load" | "load_i32" | "store"): void {
  if (place.kind !== "parameter") {
    if (use === "load_i32") ctx.say("a load_i32 from scratch, which holds f32");
    if (place.kind === "doubles" && ctx.lanes > 1) ctx.say("float64 in scratch, where registers hold f32");
    return;
  }
  const parameter = ctx.parameters.get(place.name);
  if (!parameter) return ctx.say(`there is no parameter ${place.name}`);
  if (parameter.element !== place.element)
    ctx.say(`${place.name} holds ${parameter.element ?? "f32"}, not ${place.element ?? "f32"}`);
  const { access, space } = parameter;
  if (use === "store" && access === "read") ctx.say(`a store to ${place.name}, which is read only`);
  if (use === "store" && space !== "arena" && space !== "prepared")
    ctx.say(`a store to ${place.name}, which is in the ${space}`);
  if (use !== "store" && access === "write") ctx.say(`a load from ${place.name}, which is write only`);
  if (use === "load" && space === "table")
    ctx.say(`a load of f32 from ${place.name}, which is a table of i32`);
  if (use === "load_i32" && space !== "table")
    ctx.say(`a load of i32 from ${place.name}, which is not a table`);
}

function checkAddress(ctx: Context, scope: Scope, address: Address): void {
  if (address.base) expectType(ctx, scope, address.base, "i32", "the base of an address");
  if (!Number.isInteger(address.offset)) ctx.say(`an address with offset ${address.offset}`);
}

function expectType(ctx: Context, scope: Scope, value: Value, type: ValueType, what: string): void {
  const actual = typeOf(ctx, scope, value);
  if (plain(ctx, actual) !== plain(ctx, type)) ctx.say(`${what} is ${type}, but its value is ${actual}`);
}

/** With one lane, a vec is an f32. */
function plain(ctx: Context, type: ValueType): ValueType {
  return ctx.lanes === 1 && type === "vec" ? "f32" : type;
}

/** Checks a value and its operands, and returns its type. */
function typeOf(ctx: Context, scope: Scope, value: Value): ValueType {
  const want = (operand: Value, type: ValueType) =>
    expectType(ctx, scope, operand, type, `operand of ${value.kind}`);
  const wantAll = (type: ValueType, ...operands: readonly Value[]) => {
    for (const operand of operands) want(operand, type);
  };
  switch (value.kind) {
    case "register": {
      const declared = scope.registers.get(value.name);
      if (!declared) ctx.say(`register ${value.name} is read, but not declared here`);
      else if (declared.type !== value.type) {
        ctx.say(`register ${value.name} is ${declared.type}, and read as ${value.type}`);
      }
      if (declared) checkPrivate(ctx, scope, value, declared);
      break;
    }
    case "const":
      if (value.type === "i32" && (value.value | 0) !== value.value) ctx.say(`${value.value} is not an i32`);
      break;
    case "load":
    case "load_i32":
      checkPlace(ctx, value.place, value.kind);
      checkAddress(ctx, scope, value.address);
      break;
    case "load_integers":
      checkPlace(ctx, value.place, "load");
      checkAddress(ctx, scope, value.address);
      checkIntegers(ctx, value.place, value.type, "load", value.four);
      break;
    case "load_word":
      checkPlace(ctx, value.place, "load");
      checkAddress(ctx, scope, value.address);
      if (value.place.element !== "i8" && value.place.element !== "u8")
        ctx.say(`a word of ${value.place.element ?? "f32"} at ${nameOf(value.place)}`);
      break;
    case "integers":
      break;
    case "widen_integers":
      want(value.x, "i8x16");
      break;
    case "shuffle": {
      wantAll(value.type, value.a, value.b);
      const count = integerLanes[value.type];
      const isIn = (lane: number) => Number.isInteger(lane) && lane >= 0 && lane < 2 * count;
      if (value.lanes.length !== count || !value.lanes.every(isIn))
        ctx.say(`shuffle [${value.lanes.join(", ")}] of ${value.type}`);
      break;
    }
    case "binary_integers":
      wantAll(value.type, value.a, value.b);
      if (value.fn.startsWith("max") !== (value.type === "i8x16")) ctx.say(`${value.fn} of ${value.type}`);
      break;
    case "shift_integers":
      want(value.x, value.type);
      if (!(Number.isInteger(value.bits) && value.bits > 0 && value.bits < 32))
        ctx.say(`a shift by ${value.bits} bits`);
      break;
    case "dot_pairs":
      wantAll("i16x8", value.a, value.b);
      break;
    case "dot_fours":
      wantAll("i8x16", value.a, value.b);
      want(value.c, "i32x4");
      break;
    case "dot_words":
      want(value.a, "i8x16");
      want(value.b, "i32");
      want(value.c, "i32x4");
      break;
    case "to_integers":
    case "pack_word":
      want(value.x, "vec");
      break;
    case "lookup":
      checkPlace(ctx, value.place, "load_i32");
      want(value.x, value.type);
      break;
    case "nearest":
    case "unary":
      want(value.x, value.type);
      break;
    case "binary":
      wantAll(value.type, value.a, value.b);
      break;
    case "int":
      wantAll("i32", value.a, value.b);
      break;
    case "logic":
      wantAll("bool", value.a, value.b);
      break;
    case "compare": {
      const type = typeOf(ctx, scope, value.a);
      if (plain(ctx, type) !== "f32" && type !== "i32")
        ctx.say(`a comparison of ${type}; see select_compare`);
      want(value.b, type);
      break;
    }
    case "select":
      want(value.if, "bool");
      wantAll(value.type, value.then, value.otherwise);
      break;
    case "select_compare":
      wantAll(value.type, value.a, value.b, value.then, value.otherwise);
      break;
    case "madd":
      wantAll(value.type, value.a, value.b, value.c);
      break;
    case "splat":
      want(value.x, "f32");
      break;
    case "lane":
      want(value.x, "vec");
      if (!isLane(ctx, value.index)) ctx.say(`lane ${value.index} of ${ctx.lanes}`);
      break;
    case "swizzle":
      want(value.x, "vec");
      if (value.lanes.length !== ctx.lanes || !value.lanes.every((lane) => isLane(ctx, lane))) {
        ctx.say(`swizzle [${value.lanes.join(", ")}] of ${ctx.lanes} lanes`);
      }
      break;
    case "horizontal":
      want(value.x, "vec");
      break;
    case "broadcast":
      want(value.x, value.type);
      checkBroadcast(ctx, scope, value.item);
      break;
    case "to_f32":
      want(value.x, value.type === "vec" ? "i32x4" : "i32");
      break;
    case "to_i32":
      want(value.x, "f32");
      break;
    default:
      return value satisfies never;
  }
  return value.type;
}

/** All items must take part, so that each has a value to share: in a loop over the whole team, and in no guard. */
function checkBroadcast(ctx: Context, scope: Scope, item: number): void {
  const { subgroup, team } = ctx.kernel;
  if (!subgroup) ctx.say("a broadcast in a block that is not a subgroup");
  if (!scope.inTeam || scope.items !== team) ctx.say("a broadcast outside a loop over the whole subgroup");
  if (scope.inGuard) ctx.say("a broadcast in a guard, which some items may not enter");
  if (!(Number.isInteger(item) && item >= 0 && item < team))
    ctx.say(`a broadcast of item ${item} of ${team}`);
}

function reads(value: Value, { name }: Register): boolean {
  let found = false;
  walkValue(value, (part) => (found ||= part.kind === "register" && part.name === name));
  return found;
}

function isLane(ctx: Context, lane: number): boolean {
  return Number.isInteger(lane) && lane >= 0 && lane < ctx.lanes;
}

function nameOf(place: Place): string {
  return place.kind === "parameter" ? place.name : place.kind;
}
