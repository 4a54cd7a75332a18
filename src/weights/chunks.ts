// Computes elementwise expressions over weights chunk by chunk: a folded batch norm scales millions of values, and whole
// float64 arrays for every op of it would take many times the memory of the weight.

import { bug } from "#diagnostic/diagnostic.js";
import type { WeightId } from "#ir/graph.js";
import type { Shape } from "#ir/type.js";
import { elements } from "#ir/type.js";
import type { WeightStore } from "#ir/weights.js";
import { broadcastIndex } from "#ops/broadcast.js";
import { isOp, opOf } from "#ops/index.js";
import { scalarsInto, Temporaries } from "#ops/scalar-eval.js";
import { operand } from "#ops/scalar.js";

/** Elements that are computed at a time, 64 KiB in float64: a few such arrays fit in the cache. */
const chunk = 8192;

/** Deepest nesting of expressions that is computed in chunks; deeper expressions are computed as a whole. */
const deepest = 64;

/** The values of `count` elements from `from` on (the last chunk is shorter), valid until the next call. */
type ChunkReader = (from: number, count: number) => Float64Array;

/**
 * Writes the values of an elementwise expression over entries of `store` to `out`, rounded once, with the same result as `read`.
 * Returns false, and writes nothing, if the entry is not such an expression, or chunks would not help. Operands that are as large as the
 * result are read chunk by chunk too, the first of them from `out` itself.
 */
export function evaluateInChunks(store: WeightStore, id: WeightId, out: Float32Array): boolean {
  const { source } = store.entries.get(id) ?? bug(`no weight ${id}`);
  const size = out.length;
  if (size <= chunk || source.kind !== "expression" || scalarOf(source) === undefined) return false;

  const known = new Map<WeightId, ChunkReader>();
  const temporaries = new Temporaries(chunk);
  let isFree = true;

  const valuesOf = (operandId: WeightId, shape: Shape, depth: number): ChunkReader => {
    const values = known.get(operandId) ?? makeValues(operandId, shape, depth);
    known.set(operandId, values);
    return values;
  };

  const makeValues = (operandId: WeightId, shape: Shape, depth: number): ChunkReader => {
    const entry = store.entries.get(operandId) ?? bug(`no weight ${operandId}`);
    if (elements(entry.type.shape) !== size) return repeated(store, operandId, entry.type.shape, shape);
    if (entry.source.kind === "expression") {
      const scalar = scalarOf(entry.source);
      if (scalar === undefined || depth > deepest) {
        const { data } = store.read(operandId);
        return (from, count) => data.subarray(from, from + count);
      }
      const operands = entry.source.inputs.map((input) => valuesOf(input, entry.type.shape, depth + 1));
      return perChunk((from, count, own) =>
        scalarsInto(
          scalar,
          operands.map((values) => values(from, count)),
          own,
          temporaries,
        ),
      );
    }
    // Each chunk is read before the results overwrite it.
    const data = store.readF32(operandId, isFree ? out : undefined);
    isFree = isFree && data.buffer !== out.buffer;
    return perChunk((from, count, own) => {
      own.set(data.subarray(from, from + count));
      return own;
    });
  };

  const values = valuesOf(id, [], 0);
  for (let from = 0; from < size; from += chunk) {
    const count = Math.min(chunk, size - from);
    out.set(values(from, count), from);
  }
  return true;
}

/** The scalar expression of an expression's op; undefined if the op is not elementwise. */
function scalarOf({
  op,
  attributes,
  inputs,
}: {
  op: string;
  attributes: object;
  inputs: readonly WeightId[];
}) {
  const scalar = isOp(op) ? opOf(op).scalar : undefined;
  return scalar?.(
    inputs.map((_, index) => operand(index)),
    attributes as Readonly<Record<string, never>>,
  );
}

/** A reader with its own array, which computes each chunk once, even if it is used several times. */
function perChunk(compute: (from: number, count: number, own: Float64Array) => Float64Array): ChunkReader {
  const own = new Float64Array(chunk);
  let last = -1;
  let values: Float64Array = own;
  return (from, count) => {
    if (from !== last) values = compute(from, count, count === chunk ? own : own.subarray(0, count));
    last = from;
    return values;
  };
}

/** A smaller operand, broadcast to `shape`. */
function repeated(store: WeightStore, id: WeightId, own: Shape, shape: Shape): ChunkReader {
  const { data } = store.read(id);
  const channels = shape.at(-1) ?? 1;
  // Nearly all of them have one value per channel.
  if (data.length === channels && own.at(-1) === channels) {
    return perChunk((from, count, out) => {
      let channel = from % channels;
      for (let index = 0; index < count; index += 1) {
        out[index] = data[channel] as number;
        channel = channel + 1 === channels ? 0 : channel + 1;
      }
      return out;
    });
  }
  const indexOf = broadcastIndex(own, shape);
  return perChunk((from, count, out) => {
    for (let index = 0; index < count; index += 1) out[index] = data[indexOf(from + index)] as number;
    return out;
  });
}
