// Whether a weight's values can be had: its source, and all that it is computed from.

import type { WeightId } from "#ir/graph.js";
import type { TensorType } from "#ir/type.js";
import { elements, printType, sameType } from "#ir/type.js";
import type { WeightEntry, WeightStore } from "#ir/weights.js";
import { generators } from "#ir/weights.js";
import { inferType, isOp, opOf } from "./index.js";
import { isProblem } from "./op.js";
import { attributeProblems } from "./verify-attributes.js";
import { wrongExtents } from "./window.js";

/**
 * What is wrong with an entry of a store, in words; undefined if its values can be computed. Files are not read: what they hold
 * was looked at when they were opened. `sound` holds entries that are known to be right, and gets those that this call finds so.
 */
export function weightProblem(store: WeightStore, id: WeightId, sound: Set<WeightId>): string | undefined {
  // Depth first, on a stack of our own: rules may build long chains. An entry that is met again while it is open reads itself.
  const open = new Set<WeightId>();
  const stack = [id];
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    if (sound.has(top)) {
      stack.pop();
      continue;
    }
    const entry = store.entries.get(top);
    if (!entry)
      return top === id ? "which is not in the store" : `which reads ${top}, which is not in the store`;
    const missing = inputsOf(entry)?.filter((input) => !sound.has(input)) ?? [];
    if (open.has(top) || missing.length === 0) {
      if (missing.length > 0) return `which reads itself through ${top}`;
      const problem = entryProblem(store, top, entry);
      if (problem !== undefined) return top === id ? problem : `which reads ${top}, ${problem}`;
      sound.add(top);
      stack.pop();
      continue;
    }
    open.add(top);
    const again = missing.find((input) => open.has(input));
    if (again !== undefined) return `which reads itself through ${again}`;
    for (const input of missing) stack.push(input);
  }
  return undefined;
}

/** What an expression reads, if it is a well-formed one; nothing for other sources. */
function inputsOf({ source }: WeightEntry): readonly WeightId[] | undefined {
  return source?.kind === "expression" && areIds(source.inputs) ? source.inputs : undefined;
}

function entryProblem(
  store: WeightStore,
  id: WeightId,
  { id: own, type, source }: WeightEntry,
): string | undefined {
  if (own !== id) return `which stands under ${id}, but calls itself ${String(own)}`;
  if (!isType(type)) return "whose type is none";
  const wrong = wrongExtents(type.shape, "its shape");
  if (wrong !== undefined) return `but ${wrong}`;
  switch (source?.kind) {
    case "absent":
      return undefined;
    case "file":
      return typeof source.read === "function" ? undefined : "whose file cannot be read";
    case "literal": {
      if (!(source.data instanceof Float32Array)) return "whose data is not a Float32Array";
      const count = elements(type.shape);
      return source.data.length === count
        ? undefined
        : `which has ${source.data.length} values, not ${count}`;
    }
    case "seeded": {
      if (!generators.includes(source.generator)) return `whose generator ${source.generator} does not exist`;
      return Number.isFinite(source.seed) && Number.isFinite(source.fanIn)
        ? undefined
        : `whose seed ${source.seed} or fan-in ${source.fanIn} is not a number`;
    }
    case "expression":
      return expressionProblem(store, type, source);
    default:
      return `whose source is of no known kind`;
  }
}

function expressionProblem(
  store: WeightStore,
  type: TensorType,
  { op, attributes, inputs }: Extract<WeightEntry["source"], { kind: "expression" }>,
): string | undefined {
  if (!areIds(inputs)) return "whose expression reads what is not a weight";
  if (typeof op !== "string" || !isOp(op) || opOf(op).operands.length === 0)
    return `which is made by ${op}, which computes nothing`;
  if (typeof attributes !== "object" || attributes === null) return "whose expression has no attributes";
  const [problem] = attributeProblems(op, attributes);
  if (problem !== undefined) return `whose ${op} ${problem}`;
  const types = inputs.flatMap((input) => store.entries.get(input)?.type ?? []);
  const inferred = inferType(op, types, attributes);
  if (isProblem(inferred)) return `whose ${op} cannot be: ${inferred.problem}`;
  return sameType(inferred, type)
    ? undefined
    : `which is said to be ${printType(type)}, but is ${printType(inferred)}`;
}

function areIds(inputs: unknown): inputs is readonly WeightId[] {
  return Array.isArray(inputs) && inputs.every((input) => typeof input === "string");
}

function isType(type: unknown): type is TensorType {
  if (typeof type !== "object" || type === null) return false;
  const { dtype, shape } = type as Partial<TensorType>;
  return dtype === "f32" && Array.isArray(shape);
}
