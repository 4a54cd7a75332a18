// Prints a kernel as a WebAssembly function.

import { foldKernel } from "#kernel/ir/fold.js";
import { bug } from "#diagnostic/diagnostic.js";
import { integerLanes } from "#kernel/ir/integers.js";
import type { Kernel, Register, Statement, Value } from "#kernel/ir/ir.js";
import { valuesOf, walkStatements, walkValue } from "#kernel/ir/walk.js";
import { kernelParameters } from "./addresses.js";
import type { WasmFunction } from "./binary.js";
import type { Code } from "./code.js";
import { doWhile, f32Const, i32Const, ifElse, localGet, localSet, localTee, op, v128Const } from "./code.js";
import type { ValueOptions, Values } from "./values.js";
import { createValues } from "./values.js";

/**
 * Prints the kernel as a function of its first block, the block after its last, the address of its scratch, and the address of each
 * parameter's base, all i32 and in bytes. Without a block it does nothing, which `load` uses to have it optimized early. Team loops are plain
 * loops, because the team has one member.
 */
export function printKernel(kernel: Kernel, options: ValueOptions): WasmFunction {
  const folded = foldKernel(kernel);
  const values = createValues(folded, options);
  const printer: Printer = { values, isUsed: usedRegisters(folded) };
  const { index, count } = folded.grid;
  // This local is allocated first, because it lives longest.
  const at = values.indexOf(index);
  const block = [
    ...folded.privates.flatMap((register) => zero(register, values, options.lanes)),
    ...printBody(folded.body, printer),
  ];
  const [from, to] = [kernelParameters.indexOf("from"), kernelParameters.indexOf("to")];
  const blocks =
    count === 1
      ? block
      : [
          ...localSet(at, localGet(from)),
          ...doWhile([...block, ...increment(at)], op("i32.lt_s", localGet(at), localGet(to))),
        ];
  return {
    parameters: [...kernelParameters, ...folded.parameters].map(() => "i32"),
    results: [],
    locals: values.locals,
    body: ifElse(op("i32.lt_s", localGet(from), localGet(to)), [...values.constants(), ...blocks], []),
    exportName: kernel.name,
  };
}

interface Printer {
  readonly values: Values;
  readonly isUsed: ReadonlySet<string>;
}

function printBody(body: readonly Statement[], printer: Printer): Code {
  const code: Code[] = [];
  for (let at = 0; at < body.length;) {
    const same = startsAlike(body, at);
    code.push(same.length > 1 ? assignAll(same, printer) : printStatement(body[at] as Statement, printer));
    at += Math.max(1, same.length);
  }
  return code.flat();
}

type Assignment = Extract<Statement, { kind: "let" | "set" }>;

/** The assignments from a statement on that all set the same constant, as for the sums of a tile. */
function startsAlike(body: readonly Statement[], from: number): Assignment[] {
  const found: Assignment[] = [];
  for (let at = from; at < body.length; at += 1) {
    const statement = body[at];
    if (statement?.kind !== "let" && statement?.kind !== "set") break;
    const constant = constantOf(statement.value);
    if (constant === undefined || (found[0] && constantOf(found[0].value) !== constant)) break;
    found.push(statement);
  }
  return found;
}

/** A string that is the same for equal floating-point constants; undefined for other values. */
function constantOf(value: Value): string | undefined {
  if (value.kind === "integers") return `${value.type} ${value.value}`;
  const number = value.kind === "splat" ? value.x : value;
  if (number.kind !== "const" || number.type !== "f32") return undefined;
  return `${value.type} ${Object.is(number.value, -0) ? "-0" : number.value}`;
}

/** Assigns one value to several registers, and computes it once. */
function assignAll(statements: readonly Assignment[], { values }: Printer): Code {
  const [first, ...more] = statements.map(({ register }) => values.indexOf(register));
  const [{ register, value } = bug("nothing to assign")] = statements;
  return [
    ...localSet(
      first ?? 0,
      more.reduce((code, index) => localTee(index, code), values.assigned(register, value)),
    ),
  ];
}

function printStatement(statement: Statement, printer: Printer): Code {
  const { values } = printer;
  switch (statement.kind) {
    case "comment":
      return [];
    case "let":
    case "set": {
      const kept = values.keepShared(statement);
      const value = values.assigned(statement.register, statement.value);
      return [...kept, ...localSet(values.indexOf(statement.register), value)];
    }
    case "store": {
      const kept = values.keepShared(statement);
      return [...kept, ...values.store(statement.place, statement.address, statement.value)];
    }
    case "prefetch":
      return [...values.keepShared(statement), ...op("drop", values.of(statement.value))];
    case "for":
    case "team":
      return loop(statement, printer);
    case "guard": {
      const kept = values.keepShared(statement);
      const condition = values.of(statement.if);
      const otherwise = statement.otherwise ?? [];
      const [then, rest] = [statement.then, otherwise].map((body) =>
        values.inScope(() => printBody(body, printer)),
      );
      return [...kept, ...ifElse(condition, then ?? [], rest ?? [])];
    }
    default:
      return statement satisfies never;
  }
}

type Loop = Extract<Statement, { kind: "for" | "team" }>;

/** A loop that runs at least once. If the index is not used, it counts down. */
function loop({ index, count, body }: Loop, printer: Printer): Code {
  if (count <= 0) return [];
  const { values, isUsed } = printer;
  return values.inScope(() => {
    const at = values.indexOf(index);
    const code = printBody(body, printer);
    if (!isUsed.has(index.name)) {
      const next = localTee(at, op("i32.sub", localGet(at), i32Const(1)));
      return [...localSet(at, i32Const(count)), ...doWhile(code, next)];
    }
    return [
      ...localSet(at, i32Const(0)),
      ...doWhile([...code, ...increment(at)], op("i32.lt_s", localGet(at), i32Const(count))),
    ];
  });
}

function increment(index: number): Code {
  return localSet(index, op("i32.add", localGet(index), i32Const(1)));
}

function zero(register: Register, values: Values, lanes: number): Code {
  const isWide = (register.type === "vec" && lanes > 1) || register.type in integerLanes;
  const isFloat = register.type === "vec" || register.type === "f32";
  const value = isWide ? v128Const(0) : isFloat ? f32Const(0) : i32Const(0);
  return localSet(values.indexOf(register), value);
}

function usedRegisters(kernel: Kernel): Set<string> {
  const used = new Set<string>();
  walkStatements(kernel.body, (statement) => {
    for (const value of valuesOf(statement))
      walkValue(value, (inner) => {
        if (inner.kind === "register") used.add(inner.name);
      });
  });
  return used;
}
