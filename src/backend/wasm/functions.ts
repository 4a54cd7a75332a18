// The functions of a binary that kernels call: those of the host, and those of math.ts.

import { bug } from "#diagnostic/diagnostic.js";
import type { Kernel, Value } from "#kernel/ir/ir.js";
import { valuesOf, walkStatements, walkValue } from "#kernel/ir/walk.js";
import type { HostFunction, WasmFunction } from "./binary.js";
import type { Code } from "./code.js";
import { call, op } from "./code.js";
import type { MathFunction } from "./math.js";
import { mathFunction } from "./math.js";

type HostName = "sin" | "cos" | "pow";

export interface Functions {
  readonly imports: readonly HostFunction[];
  readonly helpers: readonly WasmFunction[];
  /** Their names, by index. */
  readonly names: readonly string[];
  /** A call of a function on four lanes. */
  math(name: MathFunction, x: Code): Code;
  /** A call of a function of JavaScript's `Math` on f32 operands. */
  host(name: HostName, ...operands: readonly Code[]): Code;
}

/** The functions that activations use, which are worth code for four lanes. Others are left to the host, with one call per element. */
const mathNames: readonly MathFunction[] = ["exp", "log", "tanh", "erf"];
const hostNames: readonly HostName[] = ["sin", "cos", "pow"];

/** The functions that some kernels need, with their indices: imports first, then helpers. */
export function functionsOf(kernels: readonly Kernel[]): Functions {
  const used = new Set(kernels.flatMap((kernel) => [...namesIn(kernel)]));
  // tanh calls exp.
  if (used.has("tanh")) used.add("exp");
  const hosts = hostNames.filter((name) => used.has(name));
  const maths = mathNames.filter((name) => used.has(name));
  const indexOf = (list: readonly string[], name: string): number => {
    const index = list.indexOf(name);
    return index >= 0 ? index : bug(`no function ${name} was planned`);
  };
  const math = (name: MathFunction, x: Code): Code => call(hosts.length + indexOf(maths, name), x);
  return {
    imports: hosts.map((name) => ({
      name,
      parameters: name === "pow" ? ["f64", "f64"] : ["f64"],
      results: ["f64"],
    })),
    helpers: maths.map((name) => mathFunction(name, (other) => (x) => math(other, x))),
    names: [...hosts, ...maths],
    math,
    host: (name, ...operands) =>
      op(
        "f32.demote_f64",
        call(indexOf(hosts, name), ...operands.map((operand) => op("f64.promote_f32", operand))),
      ),
  };
}

function namesIn(kernel: Kernel): Set<string> {
  const names = new Set<string>();
  const look = (value: Value): void => {
    if (value.kind === "unary" || value.kind === "binary") names.add(value.fn);
  };
  walkStatements(kernel.body, (statement) => {
    for (const value of valuesOf(statement)) walkValue(value, look);
  });
  return names;
}
