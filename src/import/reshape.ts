// Reshapes and transposes: a transpose only notes the order of the axes, and a reshape moves no more than it has to.

import type { Shape } from "#ir/type.js";
import { elements } from "#ir/type.js";
import type { Lowering } from "./lowering.js";
import { ordered, valueOf } from "./lowering.js";
import { refuse } from "./refusal.js";
import type { Value } from "./value.js";
import { natural, permuted, sameOrder } from "./value.js";

/** The value with another shape of as many elements. */
export function reshaped(ctx: Lowering, x: Value, shape: Shape): Value {
  if (
    x.ref.kind === "constant" &&
    x.ref.small &&
    elements(shape) === elements(x.shape) &&
    elements(shape) === 0
  )
    return { ...x, shape, ref: ctx.build.literal([], shape), order: natural(shape.length) };
  if (!shape.every((extent) => extent >= 1) || elements(shape) !== elements(x.shape))
    refuse("shape-mismatch", `[${x.shape.join(", ")}] does not fit into [${shape.join(", ")}]`);
  if (x.ref.kind === "constant") {
    const ref = ctx.build.emit("reshape", [x.ref], { shape });
    return valueOf(ref, x.type);
  }
  const { from, to } = reshapeOrders(x, shape);
  const wanted = permuted(shape, to);
  // Where only axes of extent 1 change places, the elements lie as they should.
  const long = (order: readonly number[]): number[] => order.filter((axis) => x.shape[axis] !== 1);
  const ref = sameOrder(long(from), long(x.order)) ? x.ref : ctx.build.arranged(x, from);
  const same = wanted.length === ref.shape.length && wanted.every((extent, at) => extent === ref.shape[at]);
  return ordered(ctx, same ? ref : ctx.build.emit("reshape", [ref], { shape: wanted }), to, x.type);
}

/**
 * In which order the axes have to lie before a reshape, and in which they lie after it. Axes that are merged or split lie
 * together, as ONNX has them; groups of such axes may lie in any order and stay where they are. So [n, c, h, w] as
 * [n, h, w, c] becomes [n, c, h·w] as [n, h·w, c] without a move.
 */
export function reshapeOrders(x: Value, shape: Shape): { from: number[]; to: number[] } {
  const groups = reshapeGroups(x.shape, shape);
  const place = (group: Group): number => {
    const long = group.inputs.filter((axis) => x.shape[axis] !== 1);
    const all = long.length > 0 ? long : group.inputs;
    return Math.min(...all.map((axis) => x.order.indexOf(axis)));
  };
  // A group without axes of the input holds new axes of extent 1, which lie where they are written.
  let last = -1;
  const keyed = groups.map((group, at) => {
    const isThere = group.inputs.some((axis) => x.shape[axis] !== 1);
    if (isThere) last = place(group);
    return { group, key: isThere ? place(group) : last, at };
  });
  keyed.sort((a, b) => a.key - b.key || a.at - b.at);
  const from = keyed.flatMap(({ group }) => group.inputs);
  const to = keyed.flatMap(({ group }) => group.outputs);
  return { from, to };
}

interface Group {
  readonly inputs: number[];
  readonly outputs: number[];
}

/** The smallest runs of axes that hold as many elements before and after. */
function reshapeGroups(before: Shape, after: Shape): Group[] {
  const groups: Group[] = [];
  let [i, j] = [0, 0];
  while (i < before.length || j < after.length) {
    const group: Group = { inputs: [], outputs: [] };
    let [a, b] = [1, 1];
    if (i < before.length) {
      a *= before[i] ?? 1;
      group.inputs.push(i);
      i += 1;
    }
    if (j < after.length) {
      b *= after[j] ?? 1;
      group.outputs.push(j);
      j += 1;
    }
    while (a !== b) {
      if (a < b && i < before.length) {
        a *= before[i] ?? 1;
        group.inputs.push(i);
        i += 1;
      } else if (j < after.length) {
        b *= after[j] ?? 1;
        group.outputs.push(j);
        j += 1;
      } else break;
    }
    groups.push(group);
  }
  return groups;
}

/** Axis i of the result is axis `perm[i]` of x. Nothing moves: what lay as axis a is the axis that perm makes of it. */
export function transposed(ctx: Lowering, x: Value, perm: readonly number[]): Value {
  const shape = permuted(x.shape, perm);
  if (x.ref.kind === "constant") {
    if (sameOrder(perm, natural(perm.length))) return x;
    return valueOf(ctx.build.emit("transpose", [x.ref], { perm }), x.type);
  }
  return { ...x, shape, order: x.order.map((axis) => perm.indexOf(axis)) };
}
