// Transposes and reshapes of weights, computed in f32: nearly all weights of an imported model are such moves, and float64
// arrays would take six times the memory of the weight.

import { bug } from "#diagnostic/diagnostic.js";
import type { WeightId } from "#ir/graph.js";
import { denseStrides } from "#ir/tensor.js";
import type { Shape } from "#ir/type.js";
import { elements } from "#ir/type.js";
import type { WeightSource, WeightStore } from "#ir/weights.js";

/** The longest sequence of moves that is followed. */
const deepest = 16;

/** Whether an entry is a move, or a sequence of at most `deepest` moves, of an entry that is not a move. */
export function isMove(store: WeightStore, source: WeightSource, depth = 0): boolean {
  if (source.kind !== "expression" || (source.op !== "reshape" && source.op !== "transpose")) return false;
  const [input] = source.inputs;
  const inner = input === undefined ? undefined : store.entries.get(input)?.source;
  return depth < deepest && inner !== undefined && (!isMoveOp(inner) || isMove(store, inner, depth + 1));
}

function isMoveOp(source: WeightSource): boolean {
  return source.kind === "expression" && (source.op === "reshape" || source.op === "transpose");
}

/** The values of a move (`isMove`), as f32; a move does not round. `into` as in `ReadF32`. */
export function readMove(store: WeightStore, id: WeightId, into?: Float32Array): Float32Array {
  const { source, type } = store.entries.get(id) ?? bug(`no weight ${id}`);
  const input = source.kind === "expression" ? source.inputs[0] : undefined;
  if (source.kind !== "expression" || input === undefined) return bug(`weight ${id} is not a move`);
  if (source.op === "reshape") return store.readF32(input, into);
  const { perm } = source.attributes;
  if (typeof perm !== "object") return bug(`weight ${id} is a transpose without a permutation`);
  const count = elements(type.shape);
  const out = into && into.length >= count ? into.subarray(0, count) : new Float32Array(count);
  // The input must not be in the memory of the result.
  permute(store.readF32(input), store.entries.get(input)?.type.shape ?? [], perm, out);
  return out;
}

/** Axis i of the result is axis `perm[i]` of `data`. */
function permute(data: Float32Array, shape: Shape, perm: readonly number[], out: Float32Array): void {
  const strides = denseStrides(shape);
  const axes = perm.map((axis) => ({ extent: shape[axis] ?? 1, stride: strides[axis] ?? 1 }));
  const inner = axes.pop() ?? { extent: 1, stride: 1 };
  const index = axes.map(() => 0);
  let from = 0;
  for (let to = 0; to < out.length; to += inner.extent) {
    for (let k = 0, at = from; k < inner.extent; k += 1, at += inner.stride) out[to + k] = data[at] as number;
    for (let axis = axes.length - 1; axis >= 0; axis -= 1) {
      const { extent, stride } = axes[axis] ?? inner;
      from += stride;
      index[axis] = (index[axis] ?? 0) + 1;
      if ((index[axis] ?? 0) < extent) break;
      from -= extent * stride;
      index[axis] = 0;
    }
  }
}
