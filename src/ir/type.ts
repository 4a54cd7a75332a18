// Tensor types.

/** The element types of integers, with the least and the greatest of each. */
export const integerRanges = {
  i8: [-128, 127],
  u8: [0, 255],
  i16: [-32_768, 32_767],
  i32: [-(2 ** 31), 2 ** 31 - 1],
} as const satisfies Readonly<Record<string, readonly [number, number]>>;

export type IntegerType = keyof typeof integerRanges;

/** The element types of a graph. */
export type DType = "f32" | IntegerType;

/** All element types. */
export const dtypes: readonly DType[] = ["f32", ...(Object.keys(integerRanges) as IntegerType[])];

/** Whether a name is that of an element type. */
export function isDType(name: string): name is DType {
  return (dtypes as readonly string[]).includes(name);
}

/** Whether a number is one of the integers of a type. */
export function isOf(dtype: IntegerType, value: number): boolean {
  const [least, greatest] = integerRanges[dtype];
  return Number.isInteger(value) && value >= least && value <= greatest;
}

/** Whether the elements are integers. */
export function isInteger(dtype: DType): dtype is IntegerType {
  return dtype !== "f32";
}

/** Extents in elements, outermost first; the last axis is the channel axis at every rank. */
export type Shape = readonly number[];

/** A tensor's element type and shape. An open batch is 1 here and named in `Graph.batch`. */
export interface TensorType {
  readonly dtype: DType;
  readonly shape: Shape;
}

/** The type `f32[...shape]`. */
export function f32(...shape: number[]): TensorType {
  return { dtype: "f32", shape };
}

/** Number of elements; 1 for a scalar. */
export function elements(shape: Shape): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

/** The extent of the channel axis; 1 for a scalar. */
export function channels(shape: Shape): number {
  return shape.at(-1) ?? 1;
}

/** Whether two shapes are equal, axis by axis. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((extent, axis) => extent === b[axis]);
}

/** Whether two types are equal. */
export function sameType(a: TensorType, b: TensorType): boolean {
  return a.dtype === b.dtype && sameShape(a.shape, b.shape);
}

/** `f32[1, 6, 6, 3]`, as in the language; `batch`, if given, replaces axis 0. */
export function printType(type: TensorType, batch?: string): string {
  const extents = type.shape.map((extent, axis) => (axis === 0 && batch ? batch : `${extent}`));
  return `${type.dtype}[${extents.join(", ")}]`;
}
