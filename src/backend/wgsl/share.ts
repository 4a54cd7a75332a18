// Merges kernels of one form that differ only in sizes into one kernel, which gets these sizes when it is launched.

import { given } from "#diagnostic/given.js";
import { greatest } from "#diagnostic/extremes.js";
import { bug } from "#diagnostic/diagnostic.js";
import { nearestInSteps } from "#kernel/ir/nearest.js";
import { mapOperands } from "#kernel/ir/walk.js";
import type { Address, Kernel, Register, Statement, Value } from "#kernel/ir/ir.js";

/** A folded kernel for launches of one or several sizes. */
export interface SharedKernel {
  readonly kernel: Kernel;
  /** Registers for the sizes in which its launches differ; they act as parameters. */
  readonly sizes: readonly Register[];
}

/** A kernel that replaces several, with the sizes of each. */
export interface Sharing extends SharedKernel {
  /** For each replaced kernel, its values in the order of `sizes`. */
  readonly values: readonly (readonly number[])[];
}

/**
 * A string that is equal for folded kernels of one form. Of an integer in a value, an address or a count, it only contains that there is
 * one; an address keeps its place within a vec. A driver takes half a second to compile a shader, at least a software one, and a net has
 * few forms of kernels in dozens of sizes.
 */
export function formOf(kernel: Kernel, lanes: number): string {
  const { grid } = kernel;
  const numbers: string[] = [];
  const form = rewrite(kernel, (number, role) => {
    numbers.push(role === "offset" ? String(number - vecsOf(number, lanes) * lanes) : "");
    return { number: 0 };
  });
  const whole = {
    ...form,
    name: "",
    scratch: kernel.scratch > 0,
    // A single block has no index. Very many blocks are counted along two dimensions, and then their number is in the code.
    grid: grid.count === 1 || grid.count > 65_535 ? grid.count : 0,
    parameters: kernel.parameters.map((parameter) => ({ ...parameter, extent: 0 })),
  };
  const text = JSON.stringify(whole, (_, value: unknown) =>
    typeof value === "number" && !Number.isFinite(value) ? String(value) : value,
  );
  return `${text} ${numbers.join()}`;
}

/** One kernel for several folded kernels of one form. Numbers that are equal in all of them stay constants. */
export function shareKernels(kernels: readonly Kernel[], lanes: number): Sharing {
  const [first = bug("no kernels to share"), ...more] = kernels;
  if (more.length === 0) return { kernel: first, sizes: [], values: [[]] };
  const all = kernels.map((kernel) => {
    const numbers: { readonly number: number; readonly role: Role }[] = [];
    rewrite(kernel, (number, role) => {
      numbers.push({ number, role });
      return { number };
    });
    return numbers;
  });
  const sizes = new Map<string, { readonly register: Register; readonly values: readonly number[] }>();
  let position = 0;
  const kernel = rewrite(first, (number, role) => {
    const same = all.map((numbers) => numbers[position]?.number ?? bug("kernels of one form differ in it"));
    position += 1;
    if (same.every((other) => other === number)) return { number };
    const values = role === "offset" ? same.map((offset) => vecsOf(offset, lanes)) : same;
    const key = values.join();
    const size = sizes.get(key) ?? { register: sizeRegister(sizes.size), values };
    sizes.set(key, size);
    const most = role === "count" ? greatest(same) : number - vecsOf(number, lanes) * lanes;
    return { number: most, register: size.register };
  });
  const found = [...sizes.values()];
  return {
    kernel: { ...kernel, scratch: greatest(kernels.map(({ scratch }) => scratch)) },
    sizes: found.map(({ register }) => register),
    values: kernels.map((_, at) => found.map(({ values }) => values[at] ?? 0)),
  };
}

function vecsOf(offset: number, lanes: number): number {
  return Math.floor(offset / lanes);
}

function sizeRegister(at: number): Register {
  return { kind: "register", type: "i32", name: `size ${at}` };
}

/** The role of an integer: in a value, in an address next to its base, or as the count of a loop. */
type Role = "value" | "offset" | "count";

/** The replacement of an integer: the same or another integer, and a register that is added to it or replaces it. */
type Replace = (number: number, role: Role) => { readonly number: number; readonly register?: Register };

/** The kernel with `nearest` in single steps, so that launches can share its numbers. */
export function spellNearest(kernel: Kernel): Kernel {
  return hasIntegers(kernel) ? rewrite(kernel, (number) => ({ number })) : kernel;
}

function hasIntegers({ parameters }: Kernel): boolean {
  return parameters.some(({ element }) => element !== undefined);
}

/** Whether a constant may be a zero point or a bound of integers. Layers have different ones, so in kernels of bytes these are sizes too. */
function isWhole({ type, value }: Extract<Value, { kind: "const" }>): boolean {
  return type === "f32" && Number.isInteger(value) && Math.abs(value) < 2 ** 24 && !Object.is(value, -0);
}

/** The kernel with its integers replaced, always in the same order; shared values stay shared. */
function rewrite(kernel: Kernel, replace: Replace): Kernel {
  const seen = new Map<Value, Value>();
  const isOfBytes = hasIntegers(kernel);

  function body(statements: readonly Statement[]): Statement[] {
    return statements.flatMap((statement) => (statement.kind === "comment" ? [] : [one(statement)]));
  }

  function one(statement: Exclude<Statement, { kind: "comment" }>): Statement {
    switch (statement.kind) {
      case "let":
      case "set":
        return { ...statement, value: value(statement.value) };
      case "prefetch":
        return { ...statement, value: { ...statement.value, address: address(statement.value.address) } };
      case "store":
        return { ...statement, address: address(statement.address), value: value(statement.value) };
      case "for":
      case "team": {
        const { number, register } = replace(statement.count, "count");
        const limit = register ? { limit: register } : {};
        return { ...statement, count: number, ...limit, body: body(statement.body) };
      }
      case "guard":
        return {
          ...statement,
          if: value(statement.if),
          then: body(statement.then),
          ...given({ otherwise: statement.otherwise && body(statement.otherwise) }),
        };
      default:
        return statement satisfies never;
    }
  }

  function address({ base, offset }: Address): Address {
    const { number, register } = replace(offset, "offset");
    const vecs = register ? { vecs: register } : {};
    return { ...given({ base: base && value(base) }), offset: number, ...vecs };
  }

  function value(old: Value): Value {
    const known = seen.get(old);
    if (known) return known;
    const made = remade(old);
    seen.set(old, made);
    return made;
  }

  function remade(old: Value): Value {
    if (old.kind === "const") {
      if (old.type !== "i32" && !(isOfBytes && isWhole(old))) return old;
      const { number, register } = replace(old.value, "value");
      if (register && old.type === "f32") return { kind: "to_f32", type: "f32", x: register };
      return register ?? { ...old, value: number };
    }
    if (old.kind === "nearest") return value(nearestInSteps(old));
    if ("address" in old) return { ...old, address: address(old.address) };
    // The counts of shifts and masks are part of the form.
    const isFixed = old.kind === "int" && (old.fn === "shl" || old.fn === "shr" || old.fn === "and");
    if (isFixed && old.b.kind === "const") return { ...old, a: value(old.a) };
    return mapOperands(old, value);
  }

  return { ...kernel, body: body(kernel.body) };
}
