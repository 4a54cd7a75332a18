// Types, normalised attributes, MACs, layer parameters, and the messages for operands that do not fit, as text cases.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { AttributeValue, OpName } from "#ir/graph.js";
import type { DType, TensorType } from "#ir/type.js";
import { printType } from "#ir/type.js";
import type { AttributeKind, Literal } from "#ops/attributes.js";
import { inferType, isOp, normalizeAttributes, opOf, ops } from "#ops/index.js";
import type { Problem } from "#ops/op.js";
import { isProblem } from "#ops/op.js";
import { cases } from "../cases.js";

const folder = import.meta.dirname;

// Each line of a case is a call: an op, the operands' types (`[1, 3]` is f32), attributes. `layer` before it asks for the layer's parameters.
for (const file of ["infer.txt", "misfits.txt"]) {
  cases(folder, file, (input) =>
    input
      .trim()
      .split("\n")
      .map((line) => answer(line))
      .join("\n"),
  );
}

test("every op has a right case and, if it can fail, a wrong one", () => {
  const named = (file: string): Set<string> =>
    new Set(readFileSync(join(folder, file), "utf8").match(/^\w+(?= (\w+)?\[|$)/gm));
  const computed = Object.keys(ops).filter((name) => name !== "input" && name !== "constant");
  expect(computed.filter((name) => !named("infer.txt").has(name))).toEqual([]);
  // Elementwise ops of one operand take any type.
  const failing = computed.filter((name) => isOp(name) && !isMap(name));
  expect(failing.filter((name) => !named("misfits.txt").has(name))).toEqual([]);
});

function isMap(name: OpName): boolean {
  return opOf(name).classes.includes("elementwise") && opOf(name).operands.length === 1;
}

function answer(line: string): string {
  const words = line.match(/\w+=\[[^\]]*\]|\w*\[[^\]]*\]|\S+/g) ?? [];
  const layer = words[0] === "layer";
  const [name = "", ...rest] = layer ? words.slice(1) : words;
  if (!isOp(name)) throw new Error(`no op ${name}`);
  const inputs = rest
    .flatMap((word) => [...word.matchAll(/^([a-z]\w*)?(\[.*)$/g)])
    .map(([, dtype = "f32", shape = ""]): TensorType => ({ dtype: dtype as DType, shape: list(shape) }));
  const given = new Map(
    rest.filter((word) => /^\w+=/.test(word)).map((word) => word.split("=") as [string, string]),
  );
  const op = opOf(name);
  const attributes = read(op.attributes, given);
  if (layer) {
    const own = read(op.layer!.attributes, given);
    const parameters = op.layer!.parameters(inputs[0]!, own, attributes);
    if (isProblem(parameters)) return printProblem(parameters);
    return parameters
      .map((one) =>
        one ? `${one.operand}: ${printType(one.type)} = ${one.init}(fan_in=${one.fanIn})` : "absent",
      )
      .join("; ");
  }
  const normal = normalizeAttributes(name, inputs, attributes as never);
  if (isProblem(normal)) return printProblem(normal);
  const type = inferType(name, inputs, normal);
  if (isProblem(type)) return printProblem(type);
  const changed = Object.entries(op.attributes).filter(
    ([key, kind]) => JSON.stringify(attributes[key]) !== JSON.stringify(normal[key]) && kind,
  );
  const macs = op.macs(inputs, normal, type);
  return [
    printType(type),
    ...(macs > 0 ? [`${macs} MACs`] : []),
    ...changed.map(([key, kind]) => `${key}=${kind.print(normal[key] as never)}`),
    ...Object.entries(op.derived ?? {}).map(([key, derive]) => `(${key} ${String(derive(inputs, normal))})`),
    ...(op.mixesBatch(
      inputs,
      normal,
      inputs.map(() => true),
    )
      ? ["mixes samples"]
      : []),
  ].join(", ");
}

function read(
  kinds: Readonly<Record<string, AttributeKind<AttributeValue>>>,
  given: ReadonlyMap<string, string>,
): Record<string, AttributeValue> {
  const values: Record<string, AttributeValue> = {};
  for (const [key, kind] of Object.entries(kinds)) {
    const text = given.get(key);
    const value = text === undefined ? kind.default : kind.parse(literal(text));
    if (value === undefined) throw new Error(`${key}=${text} is not ${kind.expects}`);
    values[key] = value;
  }
  return values;
}

function literal(text: string): Literal {
  if (text.startsWith("[")) return { kind: "list", value: list(text), size: false };
  if (/^\d+x\d+$/.test(text)) return { kind: "list", value: text.split("x").map(Number), size: true };
  if (text.startsWith('"')) return { kind: "string", value: text.slice(1, -1) };
  if (/^-?[\d.]/.test(text)) return { kind: "number", value: Number(text) };
  return { kind: "name", value: text };
}

function list(text: string): number[] {
  const inner = text.slice(1, -1).trim();
  return inner === "" ? [] : inner.split(",").map(Number);
}

function printProblem({ problem, operand, attribute, help }: Problem): string {
  const at = operand === undefined ? "" : ` (operand ${operand})`;
  return `${problem}${at}${attribute === undefined ? "" : ` (${attribute})`}${help ? `; ${help}` : ""}`;
}
