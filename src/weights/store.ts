// The weight store of a compilation.

import { bug } from "#diagnostic/diagnostic.js";
import type { WeightId } from "#ir/graph.js";
import type { Tensor } from "#ir/tensor.js";
import { elements } from "#ir/type.js";
import type { TensorType } from "#ir/type.js";
import type { WeightEntry, WeightSource, WeightStore } from "#ir/weights.js";
import { isOp, opOf } from "#ops/index.js";
import { generate } from "./generate.js";

/** An empty store. */
export function createWeightStore(): WeightStore {
  const entries = new Map<WeightId, WeightEntry>();
  const shared = new Map<string, WeightId>();

  const add = (name: string, type: TensorType, source: WeightSource): WeightId => {
    const key = sharingKey(type, source);
    const known = key === undefined ? undefined : shared.get(key);
    if (known !== undefined) return known;
    let id = name;
    for (let copy = 2; entries.has(id); copy += 1) id = `${name}#${copy}`;
    entries.set(id, { id, type, source });
    if (key !== undefined) shared.set(key, id);
    return id;
  };

  const read = (id: WeightId): Tensor => {
    const { type, source } = entries.get(id) ?? bug(`no weight ${id}`);
    if (source.kind === "expression") {
      const { op, attributes, inputs } = source;
      if (!isOp(op)) bug(`weight ${id} is made by ${op}, which is no op`);
      return opOf(op).eval(inputs.map(read), attributes as Readonly<Record<string, never>>, type);
    }
    return { shape: type.shape, data: Float64Array.from(readF32(id)) };
  };

  const readF32 = (id: WeightId): Float32Array => {
    const entry = entries.get(id) ?? bug(`no weight ${id}`);
    const { type, source } = entry;
    switch (source.kind) {
      case "file":
        return source.read();
      case "literal":
        return source.data;
      case "absent":
        return new Float32Array(elements(type.shape));
      case "seeded":
        return generate(source, elements(type.shape));
      case "expression":
        return Float32Array.from(read(id).data);
      default:
        return source satisfies never;
    }
  };

  return { entries, add, read, readF32 };
}

/** Entries with equal keys have equal values; undefined for what is not worth comparing. */
function sharingKey(type: TensorType, source: WeightSource): string | undefined {
  switch (source.kind) {
    case "file":
      return JSON.stringify([type.shape, "file", source.file, source.key]);
    case "seeded":
      return JSON.stringify([type.shape, "seeded", source.generator, source.seed, source.fanIn]);
    case "absent":
      return JSON.stringify([type.shape, "absent"]);
    case "literal":
      // A scalar of a rule or of the text comes up again and again.
      return source.data.length <= 16
        ? JSON.stringify([type.shape, "literal", [...source.data].map(exactly)])
        : undefined;
    case "expression":
      return JSON.stringify([type.shape, "expression", source.op, source.attributes, source.inputs]);
    default:
      return source satisfies never;
  }
}

/** JSON has no ∞, NaN or −0. */
function exactly(value: number): string {
  return Object.is(value, -0) ? "-0" : String(value);
}
