// Reductions, global pools, softmax and batched matrix products of two values.

import { channels, elements } from "#ir/type.js";
import type { Int } from "./build.js";
import { address, addInt, f32, int, load, madd, mulInt } from "./build.js";
import type { Body } from "./convolution.js";
import { storeResult } from "./convolution.js";
import type { Value } from "./ir.js";
import { mapBody } from "./map.js";
import type { Build, Operand, Steps } from "./operands.js";
import { stridesOf } from "./operands.js";

export type Reduction = "sum" | "mean" | "max" | "min" | "prod";

const starts: Readonly<Record<Reduction, number>> = {
  sum: 0,
  mean: 0,
  max: Number.NEGATIVE_INFINITY,
  min: Number.POSITIVE_INFINITY,
  prod: 1,
};

const folds = { sum: "add", mean: "add", max: "max", min: "min", prod: "mul" } as const;

/** Folds x over `axes`; the result has those axes as 1 or not at all. */
export function reduceBody(
  k: Build,
  x: Operand,
  y: Operand,
  reduction: { readonly kind: Reduction; readonly axes: readonly number[] },
  epilogue: Steps,
): Body {
  const strides = stridesOf(x.shape, x.stride);
  const kept = x.shape.map((_, axis) => axis).filter((axis) => !reduction.axes.includes(axis));
  const keepsAxes = y.shape.length === x.shape.length;
  const count = reduction.axes.reduce((product, axis) => product * (x.shape[axis] ?? 1), 1);
  return mapBody(
    k,
    y,
    (index) => {
      const base = k.letInt(
        "base",
        addInt(...kept.map((axis, at) => mulInt(index[keepsAxes ? axis : at] ?? 0, strides[axis] ?? 0))),
      );
      const result = k.let("v", f32(starts[reduction.kind]));
      loopOver(k, x, reduction.axes, base, (at) => {
        k.set(result, {
          kind: "binary",
          type: "f32",
          fn: folds[reduction.kind],
          a: result,
          b: load(x.place, address(at)),
        });
      });
      return reduction.kind === "mean"
        ? { kind: "binary", type: "f32", fn: "div", a: result, b: f32(count) }
        : result;
    },
    epilogue,
  );
}

/** Calls `body` with the address of every element over `axes`, from `base` on. */
function loopOver(k: Build, x: Operand, axes: readonly number[], base: Int, body: (at: Int) => void): void {
  const strides = stridesOf(x.shape, x.stride);
  const nest = (depth: number, at: Int): void => {
    const axis = axes[depth];
    if (axis === undefined) return body(at);
    k.for(`r${axis}`, x.shape[axis] ?? 1, (index) =>
      nest(depth + 1, addInt(at, mulInt(index, strides[axis] ?? 0))),
    );
  };
  nest(0, base);
}

/** The mean or maximum over height and width; pixels outside, so that channels are read in order. */
export function globalPoolBody(
  k: Build,
  x: Operand,
  y: Operand,
  kind: "mean" | "max",
  epilogue: Steps,
): Body {
  const pixels = (x.shape[1] ?? 1) * (x.shape[2] ?? 1);
  const depth = channels(x.shape);
  const sums = k.scratch(depth);
  const scratch = { kind: "scratch" } as const;
  return {
    blocks: x.shape[0] ?? 1,
    write: (block) => {
      const start = k.letInt("p", mulInt(block, pixels * x.stride));
      k.for("c", depth, (c) => k.store(scratch, address(addInt(c, sums)), f32(starts[kind])));
      k.for("i", pixels, (i) => {
        const from = k.letInt("q", addInt(start, mulInt(i, x.stride)));
        k.for("c", depth, (c) => {
          const sum = load(scratch, address(c, sums));
          const value = load(x.place, address(addInt(from, c)));
          k.store(scratch, address(c, sums), {
            kind: "binary",
            type: "f32",
            fn: kind === "max" ? "max" : "add",
            a: sum,
            b: value,
          });
        });
      });
      k.for("c", depth, (c) => {
        const sum = load(scratch, address(c, sums));
        const value: Value =
          kind === "max" ? sum : { kind: "binary", type: "f32", fn: "div", a: sum, b: f32(pixels) };
        storeResult(k, y, value, { pixel: block, channel: c }, epilogue);
      });
    },
  };
}

/** Softmax along an axis: the greatest value, the powers and their sum, the quotients. */
export function softmaxBody(k: Build, x: Operand, y: Operand, axis: number): Body {
  const strides = stridesOf(x.shape, x.stride);
  const outStrides = stridesOf(y.shape, y.stride);
  const outer = x.shape.map((_, at) => at).filter((at) => at !== axis);
  const count = x.shape[axis] ?? 1;
  const rows = elements(x.shape) / count;
  return {
    blocks: rows,
    write: (block) => {
      let rest: Int = block;
      let [from, to]: [Int, Int] = [0, 0];
      for (const at of outer.toReversed()) {
        const extent = x.shape[at] ?? 1;
        const index = k.letInt("i", int("rem", rest, extent));
        from = addInt(from, mulInt(index, strides[at] ?? 0));
        to = addInt(to, mulInt(index, outStrides[at] ?? 0));
        rest = k.letInt("rest", int("div", rest, extent));
      }
      const [source, target] = [k.letInt("p", from), k.letInt("q", to)];
      const each = (body: (read: Int, write: Int) => void): void =>
        k.for("j", count, (j) =>
          body(
            addInt(source, mulInt(j, strides[axis] ?? 0)),
            addInt(target, mulInt(j, outStrides[axis] ?? 0)),
          ),
        );
      const most = k.let("most", f32(Number.NEGATIVE_INFINITY));
      each((read) =>
        k.set(most, { kind: "binary", type: "f32", fn: "max", a: most, b: load(x.place, address(read)) }),
      );
      const total = k.let("total", f32(0));
      const power = (read: Int): Value => ({
        kind: "unary",
        type: "f32",
        fn: "exp",
        x: { kind: "binary", type: "f32", fn: "sub", a: load(x.place, address(read)), b: most },
      });
      each((read) => k.set(total, { kind: "binary", type: "f32", fn: "add", a: total, b: power(read) }));
      each((read, write) =>
        k.store(y.place, address(write), {
          kind: "binary",
          type: "f32",
          fn: "div",
          a: power(read),
          b: total,
        }),
      );
    },
  };
}

/** The product of two values, `[..., n, k] · [..., k, m]`, with broadcasting axes before. */
export function batchedMatmulBody(k: Build, a: Operand, b: Operand, y: Operand, epilogue: Steps): Body {
  const [rowsA, rowsB] = [stridesOf(a.shape, a.stride), stridesOf(b.shape, b.stride)];
  const lead = y.shape.length - 2;
  const leadOf = (operand: Operand, strides: readonly number[], index: readonly Int[]): Int =>
    addInt(
      ...operand.shape.slice(0, -2).map((extent, axis) => {
        const at = index[axis + lead - (operand.shape.length - 2)] ?? 0;
        return extent === 1 ? 0 : mulInt(at, strides[axis] ?? 0);
      }),
    );
  return mapBody(
    k,
    y,
    (index) => {
      const left = k.letInt("p", addInt(leadOf(a, rowsA, index), mulInt(index[lead] ?? 0, a.stride)));
      const right = k.letInt("q", addInt(leadOf(b, rowsB, index), index[lead + 1] ?? 0));
      const sum = k.let("sum", f32(0));
      k.for("l", channels(a.shape), (l) => {
        const value = load(b.place, address(addInt(right, mulInt(l, b.stride))));
        k.set(sum, madd(load(a.place, address(addInt(left, l))), value, sum));
      });
      return sum;
    },
    epilogue,
  );
}
