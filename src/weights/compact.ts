// Finds how a weight can be stored in fewer bits than f32: exactly, if the model's file stores it so, or rounded.

import type { CompactForm, Factors } from "#ir/compact.js";
import { codeBytes } from "#ir/compact.js";
import type { WeightId } from "#ir/graph.js";
import type { Shape } from "#ir/type.js";
import { elements } from "#ir/type.js";
import type { WeightSource, WeightStore } from "#ir/weights.js";
import { entryOf } from "#ir/weights.js";
import { floatToHalf, halfToFloat } from "./half.js";
import { createWeightStore } from "./store.js";
import { numberOf } from "./widen.js";

/** How a weight is stored, or in a few words why it stays f32. */
export type Found = CompactForm | { readonly why: string };

/**
 * The form in which a file stores a weight, if the weight has exactly these values, up to moves of elements and a factor for each channel.
 * Undefined if no file stores it in fewer bits.
 */
export function ownForm(store: WeightStore, id: WeightId): Found | undefined {
  const found = formOf(store, id, new Map(), 0);
  return found && !("why" in found) ? (spread(found) ?? found) : found;
}

type Known = Map<WeightId, Found | undefined>;

/** The deepest formula that is looked into. */
const deepest = 64;

/** `known` has the entries that were looked at, since formulas may use a part many times. */
function formOf(store: WeightStore, id: WeightId, known: Known, depth: number): Found | undefined {
  if (!known.has(id)) known.set(id, findForm(store, id, known, depth));
  return known.get(id);
}

function findForm(store: WeightStore, id: WeightId, known: Known, depth: number): Found | undefined {
  const { source, type } = entryOf(store, id);
  const integers = integerForm(store, id);
  if (integers) return integers;
  switch (source.kind) {
    case "file":
    case "compact":
      return source.form;
    case "expression": {
      if (depth === deepest) return undefined;
      const inputs = source.inputs.map((input) => ({
        id: input,
        found: formOf(store, input, known, depth + 1),
      }));
      if (source.op === "dequantize") return dequantized(store, type.shape, source, inputs);
      if (inputs.every(({ found }) => found === undefined)) return undefined;
      if (source.op === "mul") return scaled(store, type.shape, inputs);
      return moved(store, type.shape, source, inputs);
    }
    case "absent":
    case "literal":
    case "seeded":
      return undefined;
    default:
      return source satisfies never;
  }
}

/** Integers of up to 16 bits are their own codes. */
function integerForm(store: WeightStore, id: WeightId): CompactForm | undefined {
  const read = (into?: Float32Array): Float32Array => store.readF32(id, into);
  switch (entryOf(store, id).type.dtype) {
    case "i8":
      return { ...plainNumbers, codes: "int8", read };
    case "u8":
      return { ...plainNumbers, codes: "uint8", read };
    case "i16":
      return {
        codes: "uint16",
        scale: 1,
        min: -(2 ** 15),
        read: (into) => convert(read(into), into, (value) => value + 2 ** 15),
      };
    default:
      return undefined;
  }
}

/** Real numbers of integers: the zero point is taken from each code, and the steps are factors. */
function dequantized(
  store: WeightStore,
  shape: Shape,
  { attributes }: Extract<WeightSource, { kind: "expression" }>,
  [integers, steps]: readonly Input[],
): Found | undefined {
  if (!integers?.found || "why" in integers.found || !steps) return integers?.found;
  const centred = { ...integers.found, min: integers.found.min - Number(attributes["zero"] ?? 0) };
  return scaled(store, shape, [{ id: integers.id, found: centred }, steps]);
}

interface Input {
  readonly id: WeightId;
  readonly found: Found | undefined;
}

const computed: Found = { why: "computed from several weights" };

/** A product with one factor for each channel, as folding a batch norm makes it. */
function scaled(store: WeightStore, shape: Shape, inputs: readonly Input[]): Found {
  const [wide, other] = inputs.toSorted((a, b) => sizeOf(store, b.id) - sizeOf(store, a.id));
  if (!wide?.found || !other) return computed;
  if ("why" in wide.found) return wide.found;
  if (wide.found.factors) return { why: "scaled twice" };
  const factors = trailing(shape, entryOf(store, other.id).type.shape);
  if (factors === undefined || sizeOf(store, wide.id) !== elements(shape))
    return { why: "scaled by other factors than one for each channel" };
  // One factor for all elements is repeated, since packed rows have a factor for each column.
  const count = factors === 1 ? (shape.at(-1) ?? 1) : factors;
  const repeated = (id: WeightId) => new Float64Array(count).fill(store.read(id).data[0] ?? 1);
  const form: CompactForm = {
    ...wide.found,
    // Expressions are evaluated in float64, and the product is rounded once: so these factors are not rounded.
    factors: {
      dtype: "f64",
      count,
      read: () => (factors === 1 ? repeated(other.id) : store.read(other.id).data),
    },
  };
  return form;
}

function sizeOf(store: WeightStore, id: WeightId): number {
  return elements(entryOf(store, id).type.shape);
}

/** The number of factors of shape `own` that repeat along `shape`; undefined if they do not. */
function trailing(shape: Shape, own: Shape): number | undefined {
  const axes = own.slice(own.findIndex((extent) => extent !== 1));
  if (elements(own) === 1) return 1;
  const last = shape.slice(shape.length - axes.length);
  return axes.every((extent, at) => extent === last[at]) ? elements(axes) : undefined;
}

/** Moves of elements are applied to the codes. */
function moved(
  store: WeightStore,
  shape: Shape,
  { op, attributes }: Extract<WeightSource, { kind: "expression" }>,
  inputs: readonly Input[],
): Found {
  if (!moves.includes(op)) return computed;
  const forms: CompactForm[] = [];
  for (const { found } of inputs) {
    if (!found) return { why: "only a part has few bits in the file" };
    if ("why" in found) return found;
    forms.push(found);
  }
  const [first] = forms;
  if (!first || !forms.every((form) => sameNumbers(form, first)))
    return { why: "made of parts with other scales" };
  const from = entryOf(store, inputs[0]?.id ?? "").type.shape;
  if (first.factors && !keepsChannels(op, attributes, from, first.factors.count))
    return { why: "scaled and then moved to other channels" };
  if (op === "pad" && !addsZeros(attributes, first)) return { why: "padded with a number that has no code" };
  return {
    ...first,
    read: (into) => {
      const codes = createWeightStore();
      const ids = forms.map((form, at) => {
        const { type } = entryOf(store, inputs[at]?.id ?? "");
        return codes.add("codes", type, { kind: "file", file: "", key: `${at}`, read: form.read });
      });
      const source = { kind: "expression", op, attributes, inputs: ids } as const;
      return codes.readF32(codes.add("moved", { dtype: "f32", shape }, source), into);
    },
  };
}

const moves: readonly string[] = ["reshape", "transpose", "slice", "concat", "pad"];

/** Whether padding adds nothing, or zeros whose code is 0. */
function addsZeros({ before, after, mode, value }: MoveAttributes, { min }: CompactForm): boolean {
  const amounts = [before, after].flatMap((one) => (Array.isArray(one) ? (one as number[]) : []));
  return amounts.every((amount) => amount === 0) || (mode === "constant" && value === 0 && min === 0);
}

type MoveAttributes = Extract<WeightSource, { kind: "expression" }>["attributes"];

/** Whether two forms have codes that mean the same, and the same factors. */
function sameNumbers(a: CompactForm, b: CompactForm): boolean {
  const same = a.codes === b.codes && a.scale === b.scale && a.min === b.min;
  if (!same || a === b || (!a.factors && !b.factors)) return same;
  const [own, other] = [a.factors?.read(), b.factors?.read()];
  return own?.length === other?.length && own?.every((factor, at) => factor === other?.[at]) === true;
}

/** Whether a move keeps the channels, which are the last axes: `count` elements of them have factors. */
function keepsChannels(op: string, attributes: MoveAttributes, shape: Shape, count: number): boolean {
  if (op === "reshape") return true;
  let first = shape.length;
  for (let size = 1; size < count && first > 0; size *= shape[first] ?? 1) first -= 1;
  if (elements(shape.slice(first)) !== count) return false;
  const { perm, axis, begin, size, before, after } = attributes;
  const last = shape.slice(first);
  const onLast = (list: unknown): readonly unknown[] => (Array.isArray(list) ? list.slice(first) : []);
  const isNone = (amount: unknown): boolean => amount === 0;
  switch (op) {
    case "transpose":
      return onLast(perm).every((from, at) => from === first + at);
    case "slice":
      return onLast(begin).every(isNone) && onLast(size).every((extent, at) => extent === last[at]);
    case "concat":
      return typeof axis === "number" && (axis < 0 ? axis + shape.length : axis) < first;
    default:
      return onLast(before).every(isNone) && onLast(after).every(isNone);
  }
}

/**
 * The reason if a form may have values so far apart that the smallest ones would be packed as 0 in f32 (`src/kernel/part/negligible.ts`), or
 * values beyond f32.
 */
function spread(form: CompactForm): { readonly why: string } | undefined {
  const codes = rangeOf(form.codes === "float16" ? 0x7c00 : 256 ** codeBytes[form.codes], numberOf(form));
  const factors = form.factors?.read() ?? Float64Array.of(1);
  const scales = rangeOf(factors.length, (at) => factors[at] as number);
  const ratio = (codes.most / codes.least) * (scales.most / scales.least);
  return ratio < 2 ** 99 && codes.most * scales.most < 2 ** 127
    ? undefined
    : { why: "values may be too far apart" };
}

/** The least and the greatest of some |values| that are not 0; NaN makes the greatest NaN. */
function rangeOf(
  count: number,
  value: (at: number) => number,
): { readonly least: number; readonly most: number } {
  let [least, most] = [Number.POSITIVE_INFINITY, 0];
  for (let at = 0; at < count; at += 1) {
    const size = Math.abs(Math.fround(value(at)));
    if (size !== 0 && !(size >= least)) least = size;
    if (!(size <= most)) most = size;
  }
  return most === 0 ? { least: 1, most: 1 } : { least, most };
}

/** A rounded weight: its form, and √(Σ(w′ − w)² / Σw²) of its values. */
export interface Rounded {
  readonly form: CompactForm;
  readonly error: number;
}

/** A weight in the nearest halves, or in 8 bits with a scale for each of `channels`; or why it stays f32. */
export function roundedForm(
  store: WeightStore,
  id: WeightId,
  to: "f16" | "int8",
  channels: number,
): Rounded | { readonly why: string } {
  return to === "f16" ? toHalves(store, id) : toBytes(store, id, channels);
}

/**
 * A weight rounded to the nearest halves, ties to even. A weight that halves cannot hold to 11 bits of its greatest value stays f32:
 * numbers from 65,520 on become infinite, and those below 2⁻¹⁴ have fewer bits.
 */
function toHalves(store: WeightStore, id: WeightId): Rounded | { readonly why: string } {
  const values = store.readF32(id);
  const greatest = rangeOf(values.length, (at) => values[at] as number).most;
  let [lost, all] = [0, 0];
  for (const value of values) {
    const error = halfToFloat(floatToHalf(value)) - value;
    if (!(Math.abs(error) <= 2 ** -11 * greatest)) return { why: outside };
    lost += error * error;
    all += value * value;
  }
  const form: CompactForm = {
    ...plainNumbers,
    codes: "float16",
    read: (into) => convert(store.readF32(id, into), into, floatToHalf),
  };
  return { form, error: Math.sqrt(lost / (all || 1)) };
}

/**
 * A weight rounded to 8 bits: w ≈ code · scale, with codes from −127 to 127 and a scale for each of `channels`, the greatest |w| of the
 * channel divided by 127. Codes are the nearest integers, ties to even.
 */
function toBytes(store: WeightStore, id: WeightId, channels: number): Rounded | { readonly why: string } {
  const values = store.readF32(id);
  const most = new Float32Array(channels);
  for (let at = 0; at < values.length; at += 1) {
    const size = Math.abs(values[at] as number);
    if (!(size < Number.POSITIVE_INFINITY)) return { why: "values that are not finite" };
    if (size > (most[at % channels] as number)) most[at % channels] = size;
  }
  const greatest = most.reduce((all, one) => Math.max(all, one), 0);
  // A channel whose steps are negligible (`src/kernel/part/negligible.ts`) is 0, as it would be in f32.
  const scales = most.map((size) => (size / 127 < greatest * 2 ** -99 ? 0 : size / 127));
  if (scales.some((scale) => scale > 0 && scale < leastNormal))
    return { why: "values that are too small for a scale" };
  const code = (value: number, at: number): number => {
    const scale = scales[at % channels] as number;
    return scale === 0 ? 0 : roundHalfEven(value / scale);
  };
  let [lost, all] = [0, 0];
  for (let at = 0; at < values.length; at += 1) {
    const value = values[at] as number;
    const error = code(value, at) * (scales[at % channels] as number) - value;
    lost += error * error;
    all += value * value;
  }
  const factors: Factors = { dtype: "f32", count: channels, read: () => Float64Array.from(scales) };
  const form: CompactForm = {
    ...plainNumbers,
    codes: "int8",
    factors,
    read: (into) => convert(store.readF32(id, into), into, code),
  };
  return { form, error: Math.sqrt(lost / (all || 1)) };
}

const plainNumbers = { scale: 1, min: 0 };

const outside = "values that halves do not hold to 11 bits";

/** The least f32 with 24 bits. */
const leastNormal = 2 ** -126;

/** Adding 1.5 · 2⁵² leaves a float64 no room for a fraction. Right below 2⁵¹. */
function roundHalfEven(value: number): number {
  return value + 1.5 * 2 ** 52 - 1.5 * 2 ** 52;
}

/** Converts values in place if they are in `into`, and else into it or into a new array. */
function convert(
  values: Float32Array,
  into: Float32Array | undefined,
  code: (value: number, at: number) => number,
): Float32Array {
  const out =
    into && into.length >= values.length ? into.subarray(0, values.length) : new Float32Array(values.length);
  for (let at = 0; at < out.length; at += 1) out[at] = code(values[at] as number, at);
  return out;
}
