// The values that each kind of attribute reads, prints and refuses.

import { describe, expect, test } from "vitest";
import type { AttributeValue } from "#ir/graph.js";
import type { AttributeKind, Literal } from "#ops/attributes.js";
import { boolean, int, ints, member, number, padding, size, text } from "#ops/kinds.js";
import { isOp, literalNames } from "#ops/index.js";

const n = (value: number): Literal => ({ kind: "number", value });
const l = (...value: number[]): Literal => ({ kind: "list", value, size: false });
const s = (...value: number[]): Literal => ({ kind: "list", value, size: true });
const name = (value: string): Literal => ({ kind: "name", value });
const string = (value: string): Literal => ({ kind: "string", value });

const doc = "";
type Row = readonly [
  kind: AttributeKind<AttributeValue>,
  reads: readonly (readonly [literal: Literal, printed: string])[],
  refuses: readonly Literal[],
];

// The values of the kinds have different types. A test of reading and printing only needs matching ones.
const kind = (one: unknown): AttributeKind<AttributeValue> => one as AttributeKind<AttributeValue>;

const table: Readonly<Record<string, Row>> = {
  int: [
    kind(int({ doc })),
    [
      [n(3), "3"],
      [n(-2), "-2"],
    ],
    [n(1.5), n(2 ** 53), n(Number.NaN), n(Number.POSITIVE_INFINITY), l(3), name("same"), string("3")],
  ],
  "int from 1": [kind(int({ doc, min: 1 })), [[n(1), "1"]], [n(0), n(-1)]],
  number: [
    kind(number({ doc })),
    [
      [n(0.001), "0.001"],
      [n(1e-7), "1e-7"],
      [n(1e21), "1e21"],
      [n(-0), "-0"],
      [n(Number.POSITIVE_INFINITY), "inf"],
      [n(Number.NEGATIVE_INFINITY), "-inf"],
    ],
    [n(Number.NaN), l(1), name("true"), string("1")],
  ],
  boolean: [
    kind(boolean({ doc })),
    [
      [name("true"), "true"],
      [name("false"), "false"],
    ],
    [n(1), name("yes"), string("true")],
  ],
  member: [
    kind(member(["nearest", "bilinear"], { doc })),
    [[name("nearest"), "nearest"]],
    [name("cubic"), string("nearest"), n(0)],
  ],
  text: [kind(text({ doc })), [[string('a "b"\n'), '"a \\"b\\"\\n"']], [name("a"), n(1)]],
  size: [
    kind(size({ doc })),
    [
      [n(2), "2x2"],
      [s(3, 4), "3x4"],
      [l(3, 4), "3x4"],
    ],
    [n(0), s(3, 0), s(1, 2, 3), l(1), l(1.5, 2), name("same")],
  ],
  padding: [
    kind(padding({ doc })),
    [
      [name("same"), "same"],
      [name("valid"), "valid"],
      [n(1), "[1, 1, 1, 1]"],
      [s(1, 2), "[1, 1, 2, 2]"],
      [l(1, 2, 3, 4), "[1, 2, 3, 4]"],
    ],
    [n(-1), l(1, 2, 3), l(1, 2, 3, -4), name("full"), l(0.5, 0, 0, 0)],
  ],
  ints: [
    kind(ints({ doc, min: -1 })),
    [
      [l(), "[]"],
      [l(1, -1), "[1, -1]"],
      [n(2), "[2]"],
    ],
    [l(-2), l(0.5), name("all")],
  ],
};

describe.each(Object.entries(table))("%s", (_, [one, reads, refuses]) => {
  test.each(reads)("reads %j and prints it as %s", (literal, printed) => {
    const value = one.parse(literal);
    expect(value).toBeDefined();
    expect(one.print(value!)).toBe(printed);
  });
  test.each(refuses)("refuses %j", (literal) => {
    expect(one.parse(literal)).toBeUndefined();
  });
});

test("names that are literals are not ops, except `constant`, which no expression calls", () => {
  expect([...literalNames].filter((literal) => literal !== "constant" && isOp(literal))).toEqual([]);
});
