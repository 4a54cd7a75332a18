// Checks that the values of a weight can be computed: its source, and all entries from which it is computed.

import type { WeightId } from "#ir/graph.js";
import type { TensorType } from "#ir/type.js";
import { elements, isDType, printType, sameType } from "#ir/type.js";
import type { WeightEntry, WeightStore } from "#ir/weights.js";
import { generators, inputsOf } from "#ir/weights.js";
import { inferType, isOp, opOf } from "./index.js";
import { isProblem } from "./op.js";
import { attributeProblems } from "./verify-attributes.js";
import { wrongExtents } from "./window.js";

/**
 * The problem with an entry of a store, in words; undefined if its values can be computed. Files are not read: they were
 * checked when they were opened. `sound` has entries that are known to be valid; this call adds those that it finds valid.
 */
export function weightProblem(store: WeightStore, id: WeightId, sound: Set<WeightId>): string | undefined {
  // Depth first, with an explicit stack, since rules may build long chains. An entry that is reached again while it is open reads itself.
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
    const missing = soundInputs(entry).filter((input) => !sound.has(input));
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

/** The entries that a valid source is computed from. */
function soundInputs({ source }: WeightEntry): readonly WeightId[] {
  const inputs = source ? inputsOf(source) : [];
  return areIds(inputs) ? inputs : [];
}

function entryProblem(
  store: WeightStore,
  id: WeightId,
  { id: own, type, source }: WeightEntry,
): string | undefined {
  if (own !== id) return `whose key is ${id}, but whose id is ${String(own)}`;
  if (!isType(type)) return "whose type is not a type";
  const wrong = wrongExtents(type.shape, "its shape");
  if (wrong !== undefined) return `but ${wrong}`;
  switch (source?.kind) {
    case "absent":
      return undefined;
    case "file":
      return typeof source.read === "function" ? undefined : "whose file cannot be read";
    case "compact": {
      const of = store.entries.get(source.of)?.type;
      if (!of || !sameType(of, type))
        return `which is ${printType(type)}, but stores ${of ? printType(of) : "nothing"}`;
      return typeof source.form?.read === "function" ? undefined : "whose codes cannot be read";
    }
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
      return `whose source has an unknown kind`;
  }
}

function expressionProblem(
  store: WeightStore,
  type: TensorType,
  { op, attributes, inputs }: Extract<WeightEntry["source"], { kind: "expression" }>,
): string | undefined {
  if (!areIds(inputs)) return "whose expression reads something that is not a weight";
  if (typeof op !== "string" || !isOp(op) || opOf(op).operands.length === 0)
    return `which is made by ${op}, which does not compute anything`;
  if (typeof attributes !== "object" || attributes === null) return "whose expression has no attributes";
  const [problem] = attributeProblems(op, attributes);
  if (problem !== undefined) return `whose ${op} ${problem}`;
  const types = inputs.flatMap((input) => store.entries.get(input)?.type ?? []);
  const inferred = inferType(op, types, attributes);
  if (isProblem(inferred)) return `whose ${op} is not valid: ${inferred.problem}`;
  return sameType(inferred, type)
    ? undefined
    : `which is declared as ${printType(type)}, but is ${printType(inferred)}`;
}

function areIds(inputs: unknown): inputs is readonly WeightId[] {
  return Array.isArray(inputs) && inputs.every((input) => typeof input === "string");
}

function isType(type: unknown): type is TensorType {
  if (typeof type !== "object" || type === null) return false;
  const { dtype, shape } = type as Partial<TensorType>;
  return typeof dtype === "string" && isDType(dtype) && Array.isArray(shape);
}
