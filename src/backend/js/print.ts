// Prints a kernel as a JavaScript function over typed arrays and base offsets.

import { bug } from "#diagnostic/diagnostic.js";
import { foldKernel } from "#kernel/ir/fold.js";
import type { Kernel, Place, Register, Statement } from "#kernel/ir/ir.js";
import { valuesOf, walkStatements, walkValue } from "#kernel/ir/walk.js";
import { block, comment, createNames } from "../text.js";
import { keywords } from "./code.js";
import type { Helper } from "./helpers.js";
import { arrayOf, createExpressions, elementOf, memoryOf } from "./expressions.js";
import type { Expressions } from "./expressions.js";
import type { Range } from "./ranges.js";
import { createRanges, fitsI32 } from "./ranges.js";
import { findPointers } from "../pointers.js";
import { stepOf } from "../increment.js";

export interface PrintOptions {
  /** The elements of a vec; each is a local variable. */
  readonly lanes: number;
  /** The name of the function; the kernel's name by default. */
  readonly name?: string;
  /** Comment lines above the function. */
  readonly comment?: readonly string[];
  /** Bounds of the values that are loaded from the table. */
  readonly table?: Range;
}

export interface PrintedKernel {
  /** `function name(A, W, S, T, …offsets) { … }`: arena, weights, prepared weights, scratch, table, one offset per parameter. */
  readonly text: string;
  readonly name: string;
  /** Helper functions that the module must contain. */
  readonly helpers: ReadonlySet<Helper>;
}

/** Names that a kernel may not use: the arrays that every kernel is called with, and the helpers. */
const arrays = { arena: "A", weights: "W", prepared: "P", scratch: "S", table: "T" } as const;

/**
 * Prints the kernel as a function. Values of type f32 are computed in double precision and rounded when they are stored. A team loop is a
 * loop; with a team of several, private registers are arrays indexed by the item.
 */
export function printKernel(kernel: Kernel, options: PrintOptions): PrintedKernel {
  const folded = foldKernel(kernel);
  const others = otherArrays(folded);
  const fresh = createNames([
    ...keywords,
    ...Object.values(arrays),
    ...others.keys(),
    "erf",
    "roundHalfEven",
  ]);
  const functionName = fresh(options.name ?? kernel.name);
  const parameters = new Map(
    folded.parameters.map((parameter) => [parameter.name, fresh(parameter.name)] as const),
  );
  const changing = new Set<string>(folded.privates.map((register) => register.name));
  walkStatements(folded.body, (statement) => {
    if (statement.kind === "set") changing.add(statement.register.name);
  });
  const printer: Printer = {
    kernel: folded,
    lanes: options.lanes,
    fresh,
    changing,
    expressions: createExpressions({
      kernel: folded,
      lanes: options.lanes,
      fresh,
      parameters,
      // Scratch has no base.
      pointers: new Map([...findPointers(folded)].filter(([, place]) => parameters.has(place))),
      range: createRanges(folded, options.table),
    }),
  };

  const views = [...others].map(
    ([array, { memory, kind }]) =>
      `const ${array} = new ${kind}(${memory}.buffer, ${memory}.byteOffset, ${memory}.byteLength / ${kind}.BYTES_PER_ELEMENT);`,
  );
  const body = [...printPrivates(printer), ...printBody(folded.body, printer)];
  const index = printer.expressions.nameOf(folded.grid.index);
  const whole = folded.grid.count === 1 ? body : loop(index, folded.grid.count, body);
  const signature = [...Object.values(arrays), ...parameters.values()].join(", ");
  const lines = [
    ...(options.comment ? comment(options.comment) : []),
    ...block(`function ${functionName}(${signature})`, [...views, ...whole]),
  ];
  return { text: `${lines.join("\n")}\n`, name: functionName, helpers: printer.expressions.helpers };
}

const arrayKinds = {
  i8: "Int8Array",
  u8: "Uint8Array",
  i16: "Int16Array",
  i32: "Int32Array",
  f64: "Float64Array",
} as const;

/** The arrays of other elements than f32 that a kernel accesses, by name: views of the memories. */
function otherArrays(
  kernel: Kernel,
): Map<string, { readonly memory: string; readonly kind: (typeof arrayKinds)[keyof typeof arrayKinds] }> {
  const found: ReturnType<typeof otherArrays> = new Map();
  const add = (place: Place): void => {
    const element = elementOf(place);
    if (element)
      found.set(arrayOf(kernel, place), { memory: memoryOf(kernel, place), kind: arrayKinds[element] });
  };
  walkStatements(kernel.body, (statement) => {
    if (statement.kind === "store") add(statement.place);
    for (const value of valuesOf(statement))
      walkValue(value, (inner) => {
        if (inner.kind === "load") add(inner.place);
      });
  });
  return found;
}

interface Printer {
  readonly kernel: Kernel;
  readonly lanes: number;
  readonly fresh: (wish: string) => string;
  /** Registers that need `let`. */
  readonly changing: ReadonlySet<string>;
  readonly expressions: Expressions;
}

function loop(index: string, count: number, body: readonly string[]): string[] {
  return block(`for (let ${index} = 0; ${index} < ${count}; ${index}++)`, body);
}

function printPrivates({ kernel, expressions, lanes }: Printer): string[] {
  return kernel.privates.flatMap((register) => {
    if (kernel.team === 1) {
      const zero = register.type === "bool" ? "false" : "0";
      return expressions.lanesOf(register).map((lane) => `let ${lane.text} = ${zero};`);
    }
    const array = register.type === "f32" || register.type === "vec" ? "Float64Array" : "Int32Array";
    const size = kernel.team * (register.type === "vec" ? lanes : 1);
    return [`const ${expressions.nameOf(register)} = new ${array}(${size});`];
  });
}

function printBody(body: readonly Statement[], printer: Printer): string[] {
  return body.flatMap((statement) => printStatement(statement, printer));
}

function printStatement(statement: Statement, printer: Printer): string[] {
  const { expressions } = printer;
  switch (statement.kind) {
    case "comment":
      return comment([statement.text]);
    case "let": {
      const hoisted = expressions.hoistShared(statement);
      const word = printer.changing.has(statement.register.name) ? "let" : "const";
      const values = expressions.assigned(statement.register, statement.value);
      const targets = expressions.lanesOf(statement.register);
      return [...hoisted, ...targets.map((target, k) => `${word} ${target.text} = ${at(values, k).text};`)];
    }
    case "set":
      return printSet(statement.register, statement, printer);
    case "store": {
      const hoisted = expressions.hoistShared(statement);
      const isVec = statement.value.type === "vec";
      const targets = expressions.addresses(statement.place, statement.address, isVec ? printer.lanes : 1);
      const unbounded = expressions.unbounded(statement.value);
      if (unbounded) {
        const { sums, low, high } = unbounded;
        return [
          ...hoisted,
          ...targets.flatMap((target, k) => {
            const own = printer.fresh("q");
            return [
              `const ${own} = ${at(sums, k).text};`,
              // NaN is not greater.
              `${target.text} = ${own} > ${low.text} ? (${own} < ${high.text} ? ${own} : ${high.text}) : ${low.text};`,
            ];
          }),
        ];
      }
      const values = expressions.lanesOf(statement.value);
      return [...hoisted, ...targets.map((target, k) => `${target.text} = ${at(values, k).text};`)];
    }
    case "prefetch":
      return [];
    case "for":
      return loop(expressions.nameOf(statement.index), statement.count, printBody(statement.body, printer));
    case "team":
      return loop(
        expressions.nameOf(statement.index),
        statement.count,
        expressions.insideTeam(statement.index, () => printBody(statement.body, printer)),
      );
    case "guard": {
      const hoisted = expressions.hoistShared(statement);
      const head = `if (${expressions.scalar(statement.if).text})`;
      const then = block(head, printBody(statement.then, printer));
      const otherwise = statement.otherwise ? printBody(statement.otherwise, printer) : [];
      if (otherwise.length === 0) return [...hoisted, ...then];
      return [...hoisted, ...then.slice(0, -1), ...block("} else", otherwise)];
    }
    default:
      return statement satisfies never;
  }
}

/** An assignment; a sum whose first or last term is its own target becomes `+=`. */
function printSet(
  register: Register,
  statement: Extract<Statement, { kind: "set" }>,
  { expressions, lanes }: Printer,
): string[] {
  const { value } = statement;
  const hoisted = expressions.hoistShared(statement);
  const targets = expressions.lanesOf(register);
  const step = stepOf(register, value);
  if (step) {
    const range = expressions.range(register);
    if (fitsI32(range)) {
      const text = expressions.scalar(step.value).text;
      const negative = step.value.kind === "const" && step.value.value < 0;
      const operator = step.sign > 0 !== negative ? "+=" : "-=";
      return [...hoisted, `${at(targets, 0).text} ${operator} ${negative ? text.slice(1) : text};`];
    }
  }
  const added = expressions.accumulated(register, value);
  if (added) return [...hoisted, ...targets.map((target, k) => `${target.text} += ${at(added, k).text};`)];
  const values = expressions.assigned(register, value);
  if (lanes > 1 && targets.length > 1) {
    // Lanes may be swapped, so all are read before the first is written.
    const left = targets.map((target) => target.text).join(", ");
    const right = values.map((lane) => lane.text).join(", ");
    return [...hoisted, `[${left}] = [${right}];`];
  }
  return [...hoisted, ...targets.map((target, k) => `${target.text} = ${at(values, k).text};`)];
}

function at<T>(list: readonly T[], index: number): T {
  return list[index] ?? bug(`the printer made ${list.length} lanes and needs ${index + 1}`);
}
