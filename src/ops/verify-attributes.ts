// Checks that attributes are those of an op, each of its kind.

import type { AttributeValue, OpName } from "#ir/graph.js";
import type { AttributeKind } from "./attributes.js";
import { opOf } from "./index.js";

/** The missing, wrong and unknown attributes, each in words that follow a node's name. */
export function attributeProblems(op: OpName, values: Readonly<Record<string, unknown>>): string[] {
  const kinds = opOf(op).attributes;
  const misfits = Object.entries(kinds).flatMap(([key, kind]) => {
    const { [key]: value } = values;
    return value === undefined || isOfKind(kind, value)
      ? []
      : [`has ${key}=${JSON.stringify(value)}, not ${kind.expects}`];
  });
  const missing = Object.keys(kinds).filter((key) => values[key] === undefined);
  const extra = Object.keys(values).filter((key) => !Object.hasOwn(kinds, key));
  return [
    ...misfits,
    ...missing.map((key) => `lacks ${key}`),
    ...extra.map((key) => `has ${key}, which ${op} does not have`),
  ];
}

function isOfKind(kind: AttributeKind<AttributeValue>, value: unknown): boolean {
  switch (typeof value) {
    case "number":
      return kind.parse({ kind: "number", value }) === value;
    case "boolean":
      return kind.parse({ kind: "name", value: String(value) }) === value;
    case "string":
      return kind.parse({ kind: "name", value }) === value || kind.parse({ kind: "string", value }) === value;
    default: {
      if (!isList(value)) return false;
      const parsed = kind.parse({ kind: "list", value, size: false });
      return isList(parsed) && parsed.length === value.length && parsed.every((one, at) => one === value[at]);
    }
  }
}

function isList(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((one) => typeof one === "number");
}
