// The implementation of the weight store.

import { bug } from "#diagnostic/diagnostic.js";
import type { WeightId } from "#ir/graph.js";
import type { Tensor } from "#ir/tensor.js";
import { elements } from "#ir/type.js";
import type { TensorType } from "#ir/type.js";
import type { WeightEntry, WeightSource, WeightStore } from "#ir/weights.js";
import { isOp, opOf } from "#ops/index.js";
import { evaluateInChunks } from "./chunks.js";
import { generate } from "./generate.js";
import { isMove, readMove } from "./moves.js";
import { widen } from "./widen.js";

/** An empty store. */
export function createWeightStore(): WeightStore {
  const entries = new Map<WeightId, WeightEntry>();
  const shared = new Map<string, WeightId>();
  const copies = new Map<string, number>();

  const add = (name: string, type: TensorType, source: WeightSource): WeightId => {
    const key = sharingKey(type, source);
    const known = key === undefined ? undefined : shared.get(key);
    if (known !== undefined) return known;
    let id = name;
    // Continues from the last copy, so that many entries of one name do not take quadratic time.
    for (let copy = copies.get(name) ?? 2; entries.has(id); copy += 1) {
      id = `${name}#${copy}`;
      copies.set(name, copy + 1);
    }
    entries.set(id, { id, type, source });
    if (key !== undefined) shared.set(key, id);
    return id;
  };

  const read = (id: WeightId): Tensor => {
    // An entry that an expression uses twice is computed once. The stack is explicit, since rules may build long chains.
    const values = new Map<WeightId, Tensor>();
    const waiting = [id];
    for (let top = waiting.at(-1); top !== undefined; top = waiting.at(-1)) {
      const { type, source } = entries.get(top) ?? bug(`no weight ${top}`);
      const missing = source.kind === "expression" ? source.inputs.filter((input) => !values.has(input)) : [];
      if (missing.length > 0 && !values.has(top)) {
        for (const input of missing) waiting.push(input);
        continue;
      }
      waiting.pop();
      if (values.has(top)) continue;
      if (source.kind === "expression") values.set(top, evaluate(top, type, source, values));
      else values.set(top, { shape: type.shape, data: new Float64Array(readF32(top)) });
    }
    return values.get(id) ?? bug(`weight ${id} was not computed`);
  };

  const readF32 = (id: WeightId, memory?: Float32Array): Float32Array => {
    const { type, source } = entries.get(id) ?? bug(`no weight ${id}`);
    const count = elements(type.shape);
    const into = memory && memory.length >= count ? memory : undefined;
    const room = (): Float32Array => (into ? into.subarray(0, count) : new Float32Array(count));
    switch (source.kind) {
      case "file":
        return source.read(into);
      case "compact":
        return widen(source.form, room());
      case "literal":
        return source.data;
      case "absent":
        return room().fill(0);
      case "seeded":
        return generate(source, room());
      case "expression": {
        if (isMove(store, source)) return readMove(store, id, memory);
        const values = room();
        if (!evaluateInChunks(store, id, values)) values.set(read(id).data);
        return values;
      }
      default:
        return source satisfies never;
    }
  };

  const store: WeightStore = { entries, add, read, readF32 };
  return store;
}

function evaluate(
  id: WeightId,
  type: TensorType,
  { op, attributes, inputs }: WeightSource & { kind: "expression" },
  values: ReadonlyMap<WeightId, Tensor>,
): Tensor {
  if (!isOp(op)) bug(`weight ${id} is made by ${op}, which is not an op`);
  const operands = inputs.map((input) => values.get(input) ?? bug(`weight ${input} was not computed`));
  return opOf(op).eval(operands, attributes as Readonly<Record<string, never>>, type);
}

/** A key for sharing: entries with equal keys have equal values. Undefined if a comparison would cost too much. */
function sharingKey(type: TensorType, source: WeightSource): string | undefined {
  switch (source.kind) {
    case "file":
      return JSON.stringify([type.dtype, type.shape, "file", source.file, source.key]);
    case "seeded":
      return JSON.stringify([type.dtype, type.shape, "seeded", source.generator, source.seed, source.fanIn]);
    case "absent":
      return JSON.stringify([type.dtype, type.shape, "absent"]);
    case "compact":
      return JSON.stringify([type.dtype, type.shape, "compact", source.of, source.form.codes]);
    case "literal":
      // Scalars of rules and of the text often occur many times.
      return source.data.length <= 16
        ? JSON.stringify([type.dtype, type.shape, "literal", [...source.data].map(exactly)])
        : undefined;
    case "expression":
      return JSON.stringify(
        [type.dtype, type.shape, "expression", source.op, source.attributes, source.inputs],
        (_, value: unknown) => (typeof value === "number" ? exactly(value) : value),
      );
    default:
      return source satisfies never;
  }
}

/** A number as text, including ∞, NaN and −0, which JSON lacks. */
function exactly(value: number): string {
  return Object.is(value, -0) ? "-0" : String(value);
}
