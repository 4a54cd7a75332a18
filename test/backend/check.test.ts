// The checker finds each mistake that a kernel can have, and reports nothing for the correct kernel next to it.

import { describe, expect, test } from "vitest";
import { checkKernel, checkProgram } from "#kernel/check/check.js";
import type { Kernel, KernelProgram, Statement, Value } from "#kernel/ir/ir.js";
import {
  add,
  at,
  block,
  float,
  guard,
  int,
  kernel,
  less,
  let_,
  load,
  loop,
  mul,
  plus,
  register,
  scratch,
  set,
  store,
  team,
} from "./kernels.js";

const i = register("i");
const j = register("j");
const acc = register("acc", "f32");
const v = register("v", "vec");

/** The value that the requested item of the subgroup loads. */
const itemOf = (item: number): Extract<Value, { kind: "broadcast" }> => ({
  kind: "broadcast",
  type: "f32",
  x: load(at("x"), mul(i, int(2))),
  item,
});

/** A name, the finding, the wrong kernel, and the right one; all of four lanes. */
type Row = readonly [name: string, finding: RegExp, wrong: Kernel, right: Kernel];

const copy = (index: Value, from = load(at("x"), index)): Statement => store(at("y"), index, from);

const rows: readonly Row[] = [
  [
    "read of unwritten scratch",
    /read of scratch that the block did not write/,
    kernel([store(scratch, undefined, float(1)), copy(int(0), load(scratch, undefined, 1))], { scratch: 2 }),
    kernel([store(scratch, undefined, float(1), 1), copy(int(0), load(scratch, undefined, 1))], {
      scratch: 2,
    }),
  ],
  [
    "scratch of another block",
    /read of scratch that the block did not write/,
    kernel(
      [
        guard(less(block, int(1)), store(scratch, undefined, float(1))),
        copy(block, load(scratch, undefined)),
      ],
      {
        scratch: 1,
        grid: { index: block, count: 2 },
      },
    ),
    kernel([store(scratch, undefined, float(1)), copy(block, load(scratch, undefined))], {
      scratch: 1,
      grid: { index: block, count: 2 },
    }),
  ],
  [
    "two blocks write one element",
    /two grid blocks touch one element of y/,
    kernel([copy(int(3), load(at("x"), block))], { grid: { index: block, count: 2 } }),
    kernel([copy(block)], { grid: { index: block, count: 2 } }),
  ],
  [
    "a block reads what another writes",
    /two grid blocks touch one element of x/,
    kernel([store(at("x"), block, load(at("x"), int(0)))], {
      grid: { index: block, count: 3 },
      parameters: [{ name: "x", space: "arena", access: "read_write", extent: 64 }],
    }),
    kernel([store(at("x"), block, load(at("x"), block))], {
      grid: { index: block, count: 3 },
      parameters: [{ name: "x", space: "arena", access: "read_write", extent: 64 }],
    }),
  ],
  [
    "two items write one element",
    /two team items touch one element of scratch/,
    kernel([team(i, 4, store(scratch, undefined, load(at("x"), i)))], { scratch: 4, team: 4 }),
    kernel([team(i, 4, store(scratch, i, load(at("x"), i)))], { scratch: 4, team: 4 }),
  ],
  [
    "an item reads what another writes, without a barrier",
    /two team items touch one element of scratch without a barrier/,
    kernel([team(i, 4, store(scratch, i, float(1)), copy(i, load(scratch, int(0))))], {
      scratch: 4,
      team: 4,
    }),
    kernel([team(i, 4, store(scratch, i, float(1))), team(j, 4, copy(j, load(scratch, int(0))))], {
      scratch: 4,
      team: 4,
    }),
  ],
  [
    "an item writes what another read",
    /two team items touch one element of scratch without a barrier/,
    kernel(
      [
        team(i, 4, store(scratch, i, float(1))),
        team(j, 4, copy(j, load(scratch, int(3))), store(scratch, j, float(2))),
      ],
      { scratch: 4, team: 4 },
    ),
    kernel(
      [
        team(i, 4, store(scratch, i, float(1))),
        team(j, 4, copy(j, load(scratch, int(3)))),
        team(register("k"), 4, store(scratch, register("k"), float(2))),
      ],
      { scratch: 4, team: 4 },
    ),
  ],
  [
    "what stands outside team loops reads without a barrier",
    /two team items touch one element of scratch without a barrier/,
    kernel(
      [team(i, 4, store(scratch, i, float(1))), let_(acc, load(scratch, int(2))), team(j, 4, copy(j, acc))],
      { scratch: 4, team: 4 },
    ),
    kernel([team(i, 4, store(scratch, i, float(1))), team(j, 4, copy(j, load(scratch, int(2))))], {
      scratch: 4,
      team: 4,
    }),
  ],
  [
    "store outside the extent",
    /a store outside y: element 64 of 64/,
    kernel([loop(i, 65, store(at("y"), i, float(0)))]),
    kernel([loop(i, 64, store(at("y"), i, float(0)))]),
  ],
  [
    "store before the extent",
    /a store outside y: element -1 of 64/,
    kernel([loop(i, 4, store(at("y"), i, float(0), -1))]),
    kernel([loop(i, 4, store(at("y"), i, float(0), 1))]),
  ],
  [
    "load outside the extent",
    /a load outside x: element 66 of 64/,
    kernel([copy(int(0), load(at("x"), int(66)))]),
    kernel([copy(int(0), load(at("x"), int(63)))]),
  ],
  [
    "vec that reaches over the end",
    /a store outside y: element 8 of 10/,
    kernel([store(at("y"), int(8), load(at("x"), int(8), 0, "vec"))], {
      parameters: [
        { name: "x", space: "arena", access: "read", extent: 64 },
        { name: "y", space: "arena", access: "write", extent: 10 },
      ],
    }),
    kernel([store(at("y"), int(4), load(at("x"), int(8), 0, "vec"))]),
  ],
  [
    "load of a branch not taken",
    /a load outside x/,
    kernel([
      copy(int(0), {
        kind: "select",
        type: "f32",
        if: less(int(0), int(1)),
        then: float(1),
        otherwise: load(at("x"), int(99)),
      }),
    ]),
    kernel([guard(less(int(1), int(0)), copy(int(0), load(at("x"), int(99)))), copy(int(1))]),
  ],
  [
    "vec at an address that is not a multiple of the lanes",
    /not a multiple of 4/,
    kernel([store(at("y"), int(4), load(at("x"), int(2), 0, "vec"))]),
    kernel([store(at("y"), int(4), load(at("x"), int(12), 0, "vec"))]),
  ],
  [
    "guard around a team loop",
    /guard holds team loop i/,
    kernel([guard(less(block, int(1)), team(i, 4, copy(i)))]),
    kernel([team(i, 4, guard(less(i, int(2)), copy(i)))]),
  ],
  [
    "team loop in a team loop",
    /its barrier is not in uniform flow/,
    kernel([team(i, 2, team(j, 2, copy(add(mul(i, int(2)), j))))], { team: 2 }),
    kernel([loop(j, 2, team(i, 2, copy(add(mul(i, int(2)), j))))], { team: 2 }),
  ],
  [
    "guard outside team loops",
    /a guard outside a team loop/,
    kernel([guard(less(block, int(1)), let_(acc, float(0)))], { team: 2 }),
    kernel([team(i, 2, guard(less(i, int(1)), copy(i)))], { team: 2 }),
  ],
  [
    "store outside team loops",
    /a store to y outside a team loop/,
    kernel([copy(int(0))], { team: 2 }),
    kernel([team(i, 2, copy(i))], { team: 2 }),
  ],
  [
    "register shared by items",
    /register acc is shared by the items/,
    kernel([let_(acc, float(0)), team(i, 4, set(acc, load(at("x"), i)), copy(i, acc))]),
    kernel([team(i, 4, let_(acc, float(0)), set(acc, load(at("x"), i)), copy(i, acc))]),
  ],
  [
    "private of too many items",
    /private acc is used by 8 items of a team of 4/,
    kernel([team(i, 8, set(acc, float(1)), copy(i, acc))], { team: 4, privates: [acc] }),
    kernel([team(i, 4, set(acc, float(1)), copy(i, acc))], { team: 4, privates: [acc] }),
  ],
  [
    "private outside team loops",
    /private acc is used outside a team loop/,
    kernel([set(acc, float(1)), team(i, 4, copy(i, acc))], { team: 4, privates: [acc] }),
    kernel([team(j, 4, set(acc, float(1))), team(i, 4, copy(i, acc))], { team: 4, privates: [acc] }),
  ],
  [
    "private of a block before",
    /private acc is read before it is set in its block/,
    kernel(
      [
        team(
          i,
          2,
          guard(less(block, int(1)), set(acc, float(1))),
          store(at("y"), add(mul(block, int(2)), i), acc),
        ),
      ],
      { team: 2, privates: [acc], grid: { index: block, count: 2 } },
    ),
    kernel([team(i, 2, set(acc, float(1)), store(at("y"), add(mul(block, int(2)), i), acc))], {
      team: 2,
      privates: [acc],
      grid: { index: block, count: 2 },
    }),
  ],
  [
    "operand of a wrong type",
    /operand of int is i32, but its value is f32/,
    kernel([copy(add(int(1), float(2)))]),
    kernel([copy(add(int(1), int(2)))]),
  ],
  [
    "vec where one value is wanted",
    /operand of binary is f32, but its value is vec/,
    kernel([
      copy(int(0), {
        kind: "binary",
        type: "f32",
        fn: "add",
        a: float(1),
        b: load(at("x"), int(0), 0, "vec"),
      }),
    ]),
    kernel([let_(v, load(at("x"), int(0), 0, "vec")), store(at("y"), int(0), plus(v, v))]),
  ],
  [
    "register out of scope",
    /register acc is read, but not declared here/,
    kernel([loop(i, 2, let_(acc, float(1))), copy(int(0), acc)]),
    kernel([let_(acc, float(1)), copy(int(0), acc)]),
  ],
  [
    "register declared twice",
    /register acc is declared twice/,
    kernel([let_(acc, float(1)), let_(acc, float(2)), copy(int(0), acc)]),
    kernel([let_(acc, float(1)), set(acc, float(2)), copy(int(0), acc)]),
  ],
  [
    "index set in its loop",
    /index i is set in its loop/,
    kernel([loop(i, 2, set(i, int(0)))]),
    kernel([loop(i, 2, copy(i))]),
  ],
  [
    "store to what is read only",
    /a store to x, which is read only/,
    kernel([store(at("x"), int(0), float(1))]),
    kernel([store(at("y"), int(0), float(1))]),
  ],
  [
    "load from what is write only",
    /a load from y, which is write only/,
    kernel([copy(int(0), load(at("y"), int(0)))]),
    kernel([copy(int(0))]),
  ],
  [
    "lane that is not there",
    /lane 4 of 4/,
    kernel([copy(int(0), { kind: "lane", type: "f32", x: load(at("x"), int(0), 0, "vec"), index: 4 })]),
    kernel([copy(int(0), { kind: "lane", type: "f32", x: load(at("x"), int(0), 0, "vec"), index: 3 })]),
  ],
  [
    "swizzle of another width",
    /swizzle \[1, 0\] of 4 lanes/,
    kernel([
      store(at("y"), int(0), {
        kind: "swizzle",
        type: "vec",
        x: load(at("x"), int(0), 0, "vec"),
        lanes: [1, 0],
      }),
    ]),
    kernel([
      store(at("y"), int(0), {
        kind: "swizzle",
        type: "vec",
        x: load(at("x"), int(0), 0, "vec"),
        lanes: [1, 0, 3, 2],
      }),
    ]),
  ],
  [
    "a broadcast in a block that is not a subgroup",
    /a broadcast in a block that is not a subgroup/,
    kernel([team(i, 4, copy(i, itemOf(2)))], { team: 4 }),
    kernel([team(i, 4, copy(i, itemOf(2)))], { team: 4, subgroup: true }),
  ],
  [
    "a broadcast that not all items evaluate",
    /a broadcast outside a loop over the whole subgroup/,
    kernel([team(i, 3, copy(i, itemOf(2)))], { team: 4, subgroup: true }),
    kernel([team(i, 4, copy(i, itemOf(2)))], { team: 4, subgroup: true }),
  ],
  [
    "a broadcast in a guard",
    /a broadcast in a guard, which some items may not enter/,
    kernel([team(i, 4, guard(less(i, int(3)), copy(i, itemOf(2))))], { team: 4, subgroup: true }),
    kernel([team(i, 4, let_(acc, itemOf(2)), guard(less(i, int(3)), copy(i, acc)))], {
      team: 4,
      subgroup: true,
    }),
  ],
  [
    "a broadcast of what the same statement sets",
    /a broadcast of acc, which the same statement sets/,
    kernel([team(i, 4, let_(acc, float(1)), set(acc, plus(acc, { ...itemOf(1), x: acc })), copy(i, acc))], {
      team: 4,
      subgroup: true,
    }),
    kernel([team(i, 4, let_(acc, float(1)), set(acc, plus(acc, itemOf(1))), copy(i, acc))], {
      team: 4,
      subgroup: true,
    }),
  ],
  [
    "a broadcast of an item that is none",
    /a broadcast of item 4 of 4/,
    kernel([team(i, 4, copy(i, itemOf(4)))], { team: 4, subgroup: true }),
    kernel([team(i, 4, copy(i, itemOf(3)))], { team: 4, subgroup: true }),
  ],
  [
    "a subgroup with scratch",
    /a subgroup with scratch/,
    kernel([team(i, 4, store(scratch, i, itemOf(0)))], { team: 4, subgroup: true, scratch: 4 }),
    kernel([team(i, 4, copy(i, itemOf(0)))], { team: 4, subgroup: true }),
  ],
];

describe.each(rows)("%s", (_name, finding, wrong, right) => {
  test("is found", () => {
    expect(checkKernel(wrong, 4).join("\n")).toMatch(finding);
  });
  test("and nothing where it is right", () => {
    expect(checkKernel(right, 4)).toEqual([]);
  });
});

describe("programs", () => {
  const double = kernel([loop(i, 4, copy(i, plus(load(at("x"), i), load(at("x"), i))))], {
    parameters: [
      { name: "x", space: "arena", access: "read", extent: 4 },
      { name: "y", space: "arena", access: "write", extent: 4 },
    ],
  });
  const launch = (x: number, y: number) => ({
    kernel: 0,
    memories: [0, 0],
    offsets: [x, y],
    label: "double",
    nodes: ["y"],
    macs: 0,
  });
  const program = (...launches: ReturnType<typeof launch>[]): KernelProgram => ({
    name: "twice",
    lanes: 1,
    kernels: [double],
    launches,
    weights: [],
    setup: [],
    prepared: 0,
    table: [],
    arenas: [{ kind: "scalars", elements: 12 }],
    weightParts: [0],
    scratch: 0,
    inputs: [{ name: "x", arena: 0, shape: [4], offset: 0 }],
    outputs: [{ name: "y", arena: 0, shape: [4], offset: 8 }],
  });

  test("a right program gives its outputs", () => {
    const inputs = new Map([["x", Float32Array.of(1, 2, 3, 4)]]);
    const { findings, outputs } = checkProgram(program(launch(0, 4), launch(4, 8)), inputs);
    expect(findings).toEqual([]);
    expect([...(outputs.get("y") ?? [])]).toEqual([4, 8, 12, 16]);
  });

  test("items of a subgroup take one step after another, in loops too", () => {
    const own = register("own", "f32");
    const given = register("given", "f32");
    const rounds = loop(
      j,
      3,
      let_(given, { kind: "broadcast", type: "f32", x: own, item: 3 }),
      set(own, plus(own, given)),
    );
    const steps = kernel([team(i, 4, let_(own, load(at("x"), i)), rounds, copy(i, own))], {
      team: 4,
      subgroup: true,
      parameters: double.parameters,
    });
    const inputs = new Map([["x", Float32Array.of(1, 2, 3, 4)]]);
    const { findings, outputs } = checkProgram({ ...program(launch(0, 8)), kernels: [steps] }, inputs);
    expect(findings).toEqual([]);
    // The last item's value doubles: 4, 8, 16 are added.
    expect([...outputs.get("y")!]).toEqual([29, 30, 31, 32]);
  });

  test.each([
    ["outside the arena", /y of double reaches outside the arena/, program(launch(0, 9))],
    ["a read of what nothing wrote", /read of x where nothing was written/, program(launch(4, 8))],
    ["an output left unwritten", /output y is not written in full/, program(launch(0, 4))],
    [
      "a launch that does not fit",
      /launch of double does not fit kernel 0/,
      program({ ...launch(0, 8), memories: [0], offsets: [0] }),
    ],
  ] as const)("%s is found", (_name, finding, wrong) => {
    expect(checkProgram(wrong).findings.join("\n")).toMatch(finding);
  });
});
