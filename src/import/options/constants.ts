// Inputs that the caller fixes: their values become weights.

import type { Shape } from "#ir/type.js";
import { elements } from "#ir/type.js";
import type { Extent } from "./dimensions.js";
import type { ElementType } from "#import/element-type.js";
import { float32 } from "#import/element-type.js";
import { quote, refuse } from "#import/refusal.js";

/** Nested lists of numbers. */
type NestedNumbers = number | boolean | readonly NestedNumbers[];

/**
 * The value of an input: one number for all its elements, a list of its elements in reading order, nested lists, or elements with their
 * shape.
 */
export type GivenConstant =
  | NestedNumbers
  | ArrayLike<number>
  | { readonly shape: Shape; readonly data: ArrayLike<number> };

/** Values of inputs, by name. */
export type GivenConstants = ReadonlyMap<string, GivenConstant> | { readonly [name: string]: GivenConstant };

/** A value whose shape is known. */
export interface FixedInput {
  readonly shape: Shape;
  readonly data: ArrayLike<number>;
}

/** The entries of a map or of a plain object. */
export function entriesOf<T>(
  given: ReadonlyMap<string, T> | { readonly [name: string]: T } | undefined,
): ReadonlyMap<string, T> {
  return given instanceof Map ? (given as ReadonlyMap<string, T>) : new Map(Object.entries(given ?? {}));
}

/** The most axes of nested lists. */
const depthLimit = 16;

/**
 * The value of an input in the shape that the model declares; symbols of that shape that are not known yet get their size in `dims`. A
 * single number fills the whole shape; the result is undefined if the shape then has an unknown symbol. Refuses values that do not fit.
 */
export function fixedInput(
  name: string,
  given: GivenConstant,
  extents: readonly Extent[] | undefined,
  type: ElementType = float32,
  dims: Map<string, number> = new Map(),
): FixedInput | undefined {
  const { shape, data, isFlat } = read(name, given);
  checkNumbers(name, data, type);
  const known = extents?.map((extent) => ("value" in extent ? extent.value : dims.get(extent.symbol)));
  const written = `[${extents?.map((one) => ("value" in one ? one.value : one.symbol)).join(", ") ?? "?"}]`;
  const misfit = (): never =>
    refuse(
      "wrong-constant",
      `the constant ${quote(name)} has ${isFlat ? `${data.length} numbers` : `the shape [${shape.join(", ")}]`}, and the input is ${written}`,
    );
  if (!extents || !known) return { shape, data };
  if (shape.length === 0) {
    const full = known.filter((extent) => extent !== undefined);
    if (full.length < known.length) return undefined;
    if (elements(full) > 2 ** 24) return misfit();
    return { shape: full, data: new Float64Array(elements(full)).fill(data[0] ?? 0) };
  }
  if (isFlat) {
    const open = new Set(
      extents.flatMap((one) => ("symbol" in one && !dims.has(one.symbol) ? [one.symbol] : [])),
    );
    const rest = elements(known.filter((extent) => extent !== undefined));
    const [symbol] = open;
    if (open.size > 1 || known.filter((extent) => extent === undefined).length > 1) return misfit();
    if (symbol !== undefined) dims.set(symbol, data.length / rest);
  } else {
    if (shape.length !== known.length) return misfit();
    for (const [axis, extent] of extents.entries())
      if ("symbol" in extent && !dims.has(extent.symbol)) dims.set(extent.symbol, shape[axis] ?? 1);
  }
  const full = extents.map((extent) => ("value" in extent ? extent.value : (dims.get(extent.symbol) ?? 0)));
  const fits = isFlat
    ? elements(full) === data.length && full.every((extent) => Number.isInteger(extent) && extent >= 1)
    : full.every((extent, axis) => extent === shape[axis]);
  return fits ? { shape: full, data } : misfit();
}

interface Read extends FixedInput {
  /** Whether it is a list, whose numbers may fill any shape. */
  readonly isFlat: boolean;
}

function read(name: string, given: GivenConstant): Read {
  const wrong = (why: string): never => refuse("wrong-constant", `the constant ${quote(name)} ${why}`);
  if (typeof given === "number" || typeof given === "boolean")
    return { shape: [], data: [Number(given)], isFlat: false };
  if (typeof given !== "object" || given === null) return wrong("is not a number, list or tensor");
  if ("shape" in given) {
    const { shape, data } = given;
    if (!Array.isArray(shape) || !shape.every((extent) => Number.isInteger(extent) && extent >= 0))
      return wrong("has an invalid shape");
    if (elements(shape) !== data.length)
      return wrong(`has ${data.length} numbers for the shape [${shape.join(", ")}]`);
    return { shape, data, isFlat: false };
  }
  const shape: number[] = [];
  let level: readonly unknown[] = [given];
  // The caller decides how deep lists are nested, so this does not recurse.
  while (level.every((one) => isListLike(one))) {
    const [first] = level;
    if (shape.length >= depthLimit) return wrong(`has more than ${depthLimit} axes`);
    const extent = first?.length ?? 0;
    if (extent === 0 || level.some((one) => one.length !== extent))
      return wrong("holds ragged or empty lists");
    shape.push(extent);
    level = level.flatMap((one) => Array.from(one));
  }
  if (!level.every((one) => typeof one === "number" || typeof one === "boolean"))
    return wrong("holds ragged lists, or something that is not a number");
  return { shape, data: Float64Array.from(level, Number), isFlat: shape.length === 1 };
}

function isListLike(value: unknown): value is ArrayLike<unknown> {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && "length" in value);
}

/** Refuses numbers that the input's type cannot represent. */
function checkNumbers(
  name: string,
  data: ArrayLike<number>,
  { kind, low, high, name: type }: ElementType,
): void {
  if (kind === "float") return;
  for (let at = 0; at < data.length; at += 1) {
    const number = data[at] ?? 0;
    if (!Number.isInteger(number) || number < low || number > high)
      refuse("wrong-constant", `the constant ${quote(name)} is ${number}, and the input is ${type}`);
  }
}
