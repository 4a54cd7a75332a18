// What kernels look like as JavaScript, and that they compute what the checker's own run of the IR computes.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { printKernel } from "#backend/js/print.js";
import { erf } from "#runtime/erf.js";
import { erf as referenceErf } from "#ops/scalar-eval.js";
import { checkProgram } from "#kernel/check/check.js";
import type { Kernel, KernelProgram, Statement, Value } from "#kernel/ir/ir.js";
import {
  add,
  at,
  block,
  callable,
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
import { scaled } from "../scale.js";

const i = register("i");
const j = register("j");
const p = register("p");
const q = register("q");
const acc = register("acc", "f32");
const v = register("v", "vec");

const textOf = (body: readonly Statement[], more: Partial<Kernel> = {}, lanes = 1): string =>
  printKernel(kernel(body, more), { lanes }).text;

describe("text", () => {
  test("a pointer carries its parameter's base and steps", () => {
    const text = textOf(
      [
        let_(p, mul(block, int(16))),
        let_(acc, float(0)),
        loop(
          i,
          4,
          set(acc, { kind: "madd", type: "f32", a: load(at("x"), p), b: load(at("x"), p, 1), c: acc }),
          set(p, add(p, int(2))),
        ),
        store(at("y"), block, acc),
      ],
      { grid: { index: block, count: 4 } },
    );
    expect(text).toBe(`function k(A, W, P, S, T, x, y) {
  for (let block = 0; block < 4; block++) {
    let p = x + block * 16;
    let acc = 0;
    for (let i = 0; i < 4; i++) {
      acc += A[p] * A[p + 1];
      p += 2;
    }
    A[y + block] = acc;
  }
}
`);
  });

  test("a register that addresses two parameters carries no base", () => {
    const text = textOf([let_(p, mul(block, int(4))), store(at("y"), p, load(at("x"), p))], {
      grid: { index: block, count: 2 },
    });
    expect(text).toContain("const p = block * 4;");
    expect(text).toContain("A[y + p] = A[x + p];");
  });

  test("a pointer made from a pointer takes the base over", () => {
    const text = textOf(
      [let_(p, mul(block, int(4))), let_(q, add(p, int(8))), store(at("y"), block, load(at("x"), q))],
      {
        grid: { index: block, count: 2 },
      },
    );
    expect(text).toContain("const p = x + block * 4;");
    expect(text).toContain("const q = p + 8;");
    expect(text).toContain("= A[q];");
  });

  test("constants are folded and loops that run once dissolve", () => {
    const text = textOf([
      loop(i, 1, loop(j, 2, store(at("y"), add(add(mul(i, int(8)), int(3)), j), float(1), 2))),
    ]);
    expect(text).toBe(`function k(A, W, P, S, T, x, y) {
  for (let j = 0; j < 2; j++) {
    A[y + j + 5] = 1;
  }
}
`);
  });

  test("min and max keep NaN, and parentheses stand only where they must", () => {
    const x = (offset: number): Value => load(at("x"), undefined, offset);
    const binary = (fn: "add" | "sub" | "mul" | "div" | "min" | "max", a: Value, b: Value): Value => ({
      kind: "binary",
      type: "f32",
      fn,
      a,
      b,
    });
    const relu6 = binary("min", binary("max", x(0), float(0)), float(6));
    const text = textOf([
      store(
        at("y"),
        undefined,
        binary("mul", binary("sub", relu6, binary("sub", x(1), float(1))), float(-2)),
      ),
    ]);
    expect(text).toContain("A[y] = (Math.min(Math.max(A[x], 0), 6) - (A[x + 1] - 1)) * -2;");
  });

  test("what a statement would compute twice is computed once", () => {
    const shared = plus(load(at("x"), undefined), float(1));
    const text = textOf([
      store(at("y"), undefined, { kind: "binary", type: "f32", fn: "mul", a: shared, b: shared }),
    ]);
    expect(text).toContain("const t = A[x] + 1;\n  A[y] = t * t;");
  });

  test("integers wrap where they may overflow, and only there", () => {
    const big = register("big");
    const text = textOf([
      let_(big, int(0)),
      loop(i, 4, set(big, mul(add(big, int(7)), int(1_000_003)))),
      loop(j, 4, store(at("y"), j, { kind: "to_f32", type: "f32", x: add(big, mul(j, int(9))) })),
    ]);
    expect(text).toContain("Math.imul(");
    expect(text).toContain("(big + j * 9) | 0");
  });

  test("four lanes are four locals", () => {
    const text = textOf(
      [let_(v, load(at("x"), undefined, 0, "vec")), store(at("y"), undefined, plus(v, v))],
      {},
      4,
    );
    expect(text).toContain("const v$3 = A[x + 3];");
    expect(text).toContain("A[y + 3] = v$3 + v$3;");
  });

  test("private registers of a team are arrays", () => {
    const text = textOf([team(i, 8, set(acc, float(1))), team(j, 8, store(at("y"), j, acc))], {
      team: 8,
      privates: [acc],
    });
    expect(text).toContain("const acc = new Float64Array(8);");
    expect(text).toContain("acc[i] = 1;");
    expect(text).toContain("A[y + j] = acc[j];");
  });

  test("names that JavaScript or the module has taken are changed", () => {
    const text = textOf([
      let_(register("in", "f32"), load(at("x"), undefined)),
      store(at("y"), undefined, register("in", "f32")),
    ]);
    expect(text).toContain("const in_2 = A[x];");
  });

  test("helpers come only where they are used", () => {
    const of = (fn: "erf" | "round" | "tanh") =>
      printKernel(
        kernel([store(at("y"), undefined, { kind: "unary", type: "f32", fn, x: load(at("x"), undefined) })]),
        { lanes: 1 },
      ).helpers;
    expect([...of("erf")]).toEqual(["erf"]);
    expect([...of("round")]).toEqual(["roundHalfEven"]);
    expect([...of("tanh")]).toEqual([]);
  });
});

test("erf agrees with its series", () => {
  for (let x = -7; x <= 7; x += 0.013) expect(Math.abs(erf(x) - referenceErf(x))).toBeLessThan(3e-15);
  expect([erf(Number.NaN), erf(Infinity), erf(-Infinity), erf(-0)]).toEqual([Number.NaN, 1, -1, -0]);
});

/** Runs a kernel as printed and under the checker, from the same memory. */
function compare(one: Kernel, lanes: number): void {
  const program: KernelProgram = {
    name: "one",
    lanes,
    kernels: [one],
    launches: [{ kernel: 0, memories: [0, 0], offsets: [64, 128], label: "k", nodes: ["y"], macs: 0 }],
    weights: [],
    setup: [],
    prepared: 0,
    table: [],
    arenas: [{ kind: "scalars", elements: 192 }],
    weightParts: [0],
    scratch: one.scratch,
    inputs: [
      { name: "y before", arena: 0, shape: [64], offset: 128 },
      { name: "x", arena: 0, shape: [64], offset: 64 },
    ],
    outputs: [{ name: "y", arena: 0, shape: [64], offset: 128 }],
  };
  const x = Float32Array.from({ length: 64 }, (_, k) => Math.sin(k * 3 + 1) * 4);
  const before = new Float32Array(64).fill(7);
  const checked = checkProgram(
    program,
    new Map([
      ["x", x],
      ["y before", before],
    ]),
  );
  expect(checked.findings).toEqual([]);

  const arena = new Float32Array(192);
  arena.set(x, 64);
  arena.set(before, 128);
  const scratchMemory = new Float32Array(one.scratch).fill(Number.NaN);
  callable(printKernel(one, { lanes }))(
    arena,
    new Float32Array(0),
    new Float32Array(0),
    scratchMemory,
    new Int32Array(0),
    64,
    128,
  );
  expect([...arena.subarray(128)]).toEqual([...(checked.outputs.get("y") ?? [])]);
}

describe("meaning", () => {
  const registers = [register("a"), register("b"), register("c")];
  const intValue: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      fc.integer({ min: -8, max: 8 }).map(int),
      fc.constantFrom(2 ** 31 - 1, -(2 ** 31), 65_537).map(int),
      fc.constantFrom<Value>(...registers, i, block),
      fc
        .record({
          fn: fc.constantFrom("add", "sub", "mul", "min", "max", "and" as const),
          a: tie("value"),
          b: tie("value"),
        })
        .map(({ fn, a, b }) => ({ kind: "int", type: "i32", fn, a, b }) as Value),
      fc
        .record({
          fn: fc.constantFrom("div", "rem", "shl", "shr" as const),
          a: tie("value"),
          k: fc.integer({ min: 1, max: 9 }),
        })
        .map(({ fn, a, k }) => ({ kind: "int", type: "i32", fn, a, b: int(k) }) as Value),
      fc.record({ a: tie("value"), b: tie("value"), then: tie("value"), otherwise: tie("value") }).map(
        ({ a, b, then, otherwise }) =>
          ({
            kind: "select",
            type: "i32",
            if: less(a, b),
            then,
            otherwise,
          }) as Value,
      ),
    ),
  })).value;

  test("integers are those of 32 bits, wherever they come from", () => {
    fc.assert(
      fc.property(
        fc.array(intValue, { minLength: 6, maxLength: 6 }),
        fc.integer({ min: 1, max: 4 }),
        (values, count) => {
          const [a, b, c] = registers as [typeof i, typeof i, typeof i];
          const value = (k: number) => values[k] ?? int(0);
          // Initial values may not refer to registers that are not declared yet.
          const body: Statement[] = [
            let_(i, int(3)),
            let_(a, int(5)),
            let_(b, int(-3)),
            let_(c, int(70_000)),
            set(a, value(0)),
            loop(j, count, set(b, value(1)), set(c, add(c, value(2))), guard(less(b, c), set(a, value(3)))),
            store(at("y"), block, { kind: "to_f32", type: "f32", x: value(4) }),
            store(at("y"), block, { kind: "to_f32", type: "f32", x: value(5) }, 8),
          ];
          compare(kernel(body, { grid: { index: block, count: 3 } }), 1);
        },
      ),
      { numRuns: scaled(400), seed: 11 },
    );
  });

  const unary = fc.constantFrom(
    "neg",
    "abs",
    "exp",
    "tanh",
    "erf",
    "floor",
    "ceil",
    "round",
    "sin",
    "cos" as const,
  );
  const binary = fc.constantFrom("add", "sub", "mul", "div", "min", "max" as const);
  const vecValue: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      fc.nat(15).map((k) => load(at("x"), int(k * 4), 0, "vec")),
      fc.constant<Value>(v),
      fc
        .double({ min: -3, max: 3, noNaN: true })
        .map((x): Value => ({ kind: "splat", type: "vec", x: float(Math.fround(x)) })),
      fc
        .record({ fn: unary, x: tie("value") })
        .map(({ fn, x }): Value => ({ kind: "unary", type: "vec", fn, x })),
      fc
        .record({ fn: binary, a: tie("value"), b: tie("value") })
        .map(({ fn, a, b }): Value => ({ kind: "binary", type: "vec", fn, a, b })),
      fc
        .record({ a: tie("value"), b: tie("value"), c: tie("value") })
        .map(({ a, b, c }): Value => ({ kind: "madd", type: "vec", a, b, c })),
      fc
        .record({ fn: fc.constantFrom("lt", "le", "eq" as const), a: tie("value"), b: tie("value") })
        .map(({ fn, a, b }): Value => ({
          kind: "select_compare",
          type: "vec",
          fn,
          a,
          b,
          then: b,
          otherwise: a,
        })),
      fc
        .record({ x: tie("value"), lanes: fc.array(fc.nat(3), { minLength: 4, maxLength: 4 }) })
        .map(({ x, lanes }): Value => ({ kind: "swizzle", type: "vec", x, lanes })),
      fc
        .record({ fn: fc.constantFrom("add", "max", "min" as const), x: tie("value") })
        .map(({ fn, x }): Value => ({
          kind: "splat",
          type: "vec",
          x: { kind: "horizontal", type: "f32", fn, x },
        })),
      fc.record({ index: fc.nat(3), x: tie("value") }).map(({ index, x }): Value => ({
        kind: "splat",
        type: "vec",
        x: { kind: "lane", type: "f32", index, x },
      })),
    ),
  })).value;

  test("vecs are four values, in registers, in place and in scratch", () => {
    fc.assert(
      fc.property(vecValue, vecValue, vecValue, (first, second, third) => {
        const body: Statement[] = [
          let_(v, load(at("x"), int(8), 0, "vec")),
          set(v, first),
          loop(i, 2, set(v, second)),
          store(scratch, undefined, v, 4),
          store(scratch, undefined, load(scratch, int(4), 0, "vec")),
          store(at("y"), undefined, plus(third, load(scratch, undefined, 0, "vec"))),
        ];
        compare(kernel(body, { scratch: 8 }), 4);
      }),
      { numRuns: scaled(300), seed: 12 },
    );
  });

  test("a team's items keep their private registers between loops", () => {
    const sum = register("sum", "vec");
    const body = [
      loop(
        p,
        2,
        team(i, 4, set(sum, load(at("x"), mul(i, int(4)), 0, "vec"))),
        team(j, 4, set(sum, plus(sum, load(at("x"), mul(j, int(4)), 16, "vec"))), set(acc, float(3))),
        team(q, 4, store(at("y"), mul(q, int(4)), plus(sum, { kind: "splat", type: "vec", x: acc }))),
      ),
    ];
    compare(kernel(body, { team: 4, privates: [sum, acc] }), 4);
  });
});
