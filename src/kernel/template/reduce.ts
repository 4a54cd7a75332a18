// Reductions along axes.

import { channels } from "#ir/type.js";
import type { Body } from "../ir/body.js";
import type { Int } from "../ir/expressions.js";
import { address, addInt, binary, f32, load, mulInt, widen } from "../ir/expressions.js";
import { foldLines, foldLoops, folds, starts } from "../part/folds.js";
import type { Reduction } from "../part/folds.js";
import type { Value } from "../ir/ir.js";
import { mapBody } from "../part/map.js";
import { stridesOf } from "../part/operands.js";
import type { Context } from "./context.js";
import { epilogueOf, portsOf, stageOf } from "./context.js";

const kinds = {
  reduce_sum: "sum",
  reduce_mean: "mean",
  reduce_max: "max",
  reduce_min: "min",
  reduce_prod: "prod",
} as const satisfies Record<string, Reduction>;

const reductions = Object.keys(kinds) as (keyof typeof kinds)[];

/** Folds x over axes; in the result, those axes have the extent 1, or are removed. */
export function reduceBody(c: Context): Body {
  const { k } = c;
  const { x, y } = portsOf(c);
  const { node, stage } = stageOf(c, 0, reductions);
  const epilogue = epilogueOf(c, stage);
  const kind: Reduction = kinds[node.op];
  const { axes } = node.attributes;
  const strides = stridesOf(x.shape, x.stride);
  const last = x.shape.length - 1;
  const kept = x.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const keepsAxes = y.shape.length === x.shape.length;
  const outer = axes.filter((axis) => axis !== last);
  const count = axes.reduce((product, axis) => product * (x.shape[axis] ?? 1), 1);
  const scale = (value: Value): Value => (kind === "mean" ? binary("div", value, f32(count)) : value);
  return mapBody(c, y, epilogue, {
    wide: x.wide && !axes.includes(last),
    element: (index, _pixel, width) => {
      const base = k.letInt(
        "base",
        addInt(...kept.map((axis, at) => mulInt(index[keepsAxes ? axis : at] ?? 0, strides[axis] ?? 0))),
      );
      const levels = outer.map((axis) => ({ name: `r${axis}`, count: x.shape[axis] ?? 1 }));
      const lineAt = (at: readonly Int[]): Int =>
        addInt(base, ...at.map((one, which) => mulInt(one, strides[outer[which] ?? 0] ?? 0)));
      const fold = folds[kind];
      if (axes.includes(last)) {
        const lines = { depth: channels(x.shape), wide: x.wide, levels, at: lineAt };
        return scale(foldLines(k, lines, fold, starts[kind], (at, size) => load(x.place, address(at), size)));
      }
      const result = k.let("v", widen(f32(starts[kind]), width));
      foldLoops(k, fold, result, levels, (...at) => load(x.place, address(lineAt(at)), width));
      return scale(result);
    },
  });
}
