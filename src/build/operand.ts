// What a program may give as an operand or as an attribute, as expressions of the language.

import type { AttributeValue } from "#ir/graph.js";
import type { Tensor } from "#ir/tensor.js";
import { elements } from "#ir/type.js";
import { plural } from "#ir/units.js";
import type { AttributeKind } from "#ops/attributes.js";
import type { Writer } from "./text.js";
import { aList, aLiteral, aNumber, aString } from "./text.js";

/** Lists of numbers, nested to any depth. */
export type Numbers = readonly (number | Numbers)[];

/** Values of a tensor: a tensor, nested lists, or a typed array, which has rank 1 unless a shape is given with it. */
export type TensorValues =
  | Numbers
  | Float32Array
  | Float64Array
  | Int32Array
  | Int16Array
  | Int8Array
  | Uint8Array
  | { readonly shape: readonly number[]; readonly data: ArrayLike<number> };

/** The tensor of some values; undefined if they are none, or of different lengths. Throws a `TypeError` if a tensor lacks elements. */
export function tensorOf(values: unknown): { shape: readonly number[]; data: ArrayLike<number> } | undefined {
  if (isTensor(values)) return values;
  if (ArrayBuffer.isView(values) && !(values instanceof DataView)) {
    const data = values as unknown as ArrayLike<number>;
    return typeof data[0] === "bigint" ? undefined : { shape: [data.length], data };
  }
  if (!Array.isArray(values)) return undefined;
  const shape: number[] = [];
  let level: readonly unknown[] = [values];
  for (let first = level[0]; Array.isArray(first); first = level[0]) {
    const { length } = first;
    if (length === 0 || level.some((one) => !Array.isArray(one) || one.length !== length)) return undefined;
    shape.push(length);
    level = level.flat(1);
  }
  return level.every((one) => typeof one === "number") ? { shape, data: level } : undefined;
}

function isTensor(values: unknown): values is Tensor {
  if (typeof values !== "object" || values === null || !("shape" in values) || !("data" in values))
    return false;
  const { shape, data } = values;
  if (!Array.isArray(shape) || !(Array.isArray(data) || ArrayBuffer.isView(data))) return false;
  const needed = elements(shape as number[]);
  const { length } = data as ArrayLike<number>;
  if (needed !== length)
    throw new TypeError(
      `a tensor of shape [${shape.join(", ")}] needs ${plural(needed, "element")} in \`data\`, which has ${length}`,
    );
  return true;
}

/** Whether a value is an object with attributes, and not an operand. */
export function isAttributes(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) return false;
  return Object.getPrototypeOf(value) === Object.prototype && !("data" in value);
}

/** The tensor as nested lists in the text. */
export function listsOf({ shape, data }: { shape: readonly number[]; data: ArrayLike<number> }): Writer {
  const at = (axis: number, from: number): Writer => {
    if (axis === shape.length) return aNumber(data[from] ?? 0);
    const size = elements(shape.slice(axis + 1));
    return aList(Array.from({ length: shape[axis] ?? 0 }, (_, index) => at(axis + 1, from + index * size)));
  };
  return at(0, 0);
}

/** The value of an attribute in the text; `kind` is undefined for one that does not exist. Undefined for a value of no kind. */
export function attributeOf(
  value: unknown,
  kind: AttributeKind<AttributeValue> | undefined,
): Writer | undefined {
  switch (typeof value) {
    case "number":
      return aNumber(value);
    case "boolean":
      return aLiteral(String(value));
    case "string":
      // The elaborator reports names that are not members.
      return kind?.members && isPlain(value) ? aLiteral(value) : aString(value);
    default: {
      const numbers = Array.isArray(value) ? value : undefined;
      return numbers?.every((one) => typeof one === "number") ? aList(numbers.map(aNumber)) : undefined;
    }
  }
}

function isPlain(text: string): boolean {
  return /^[a-z_]\w*$/i.test(text);
}
