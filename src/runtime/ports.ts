// Inputs and outputs of a net: their shapes, and checks of the user's values.

import type { Model, Port } from "./types.js";

/** The parts of a model that the checks read. */
type Ported = Pick<Model, "name" | "inputs" | "outputs" | "batch">;

/** What a target takes as a tensor: in words, and the number of elements of a value; undefined for another type. */
export interface Kinds<T> {
  readonly words: string;
  readonly lengthOf: (value: unknown) => number | undefined;
  /** Where its elements are. */
  readonly memoryOf: (value: T) => Memory;
  readonly make: (length: number) => T;
}

/** A part of some memory, in bytes. */
interface Memory {
  readonly of: object;
  readonly start: number;
  readonly end: number;
}

export const arrays: Kinds<Float32Array> = {
  words: "a Float32Array",
  // By its tag, since an array of another realm is not an instance of this realm's class.
  lengthOf: (value) =>
    Object.prototype.toString.call(value) === "[object Float32Array]"
      ? (value as Float32Array).length
      : undefined,
  memoryOf: ({ buffer, byteOffset, byteLength }) => ({
    of: buffer,
    start: byteOffset,
    end: byteOffset + byteLength,
  }),
  make: (length) => new Float32Array(length),
};

/** Elements of one sample. */
export function sizeOf(port: Port): number {
  return port.shape.reduce((size, extent) => size * extent, 1);
}

export function sampleOf(values: Float32Array, port: Port, sample: number, samples: number): Float32Array {
  return samples === 1 ? values : values.subarray(sample * sizeOf(port), (sample + 1) * sizeOf(port));
}

/** `[N, 224, 224, 3]`. */
function shapeText(model: Pick<Ported, "batch">, port: Port): string {
  return `[${symbolic(model, port).join(", ")}]`;
}

function symbolic(model: Pick<Ported, "batch">, port: Port): (number | string)[] {
  const batch = batchOf(model, port);
  return port.shape.map((extent, axis) => (axis === 0 && batch !== undefined ? batch : extent));
}

/** The symbol of a port's axis 0 if that is the open batch. */
function batchOf(model: Pick<Ported, "batch">, port: Port): string | undefined {
  return port.once ? undefined : model.batch;
}

/** Elements of a port for a number of samples. */
function totalOf(port: Port, samples: number): number {
  return port.once ? sizeOf(port) : samples * sizeOf(port);
}

export function shapesOf(
  model: Ported,
  ports: readonly Port[],
): Record<string, readonly (number | string)[]> {
  return Object.fromEntries(ports.map((port) => [port.name, symbolic(model, port)]));
}

/** Checks the inputs and returns their number of samples (1 unless the batch is open). */
export function countSamples<T>(model: Ported, inputs: Readonly<Record<string, T>>, kinds: Kinds<T>): number {
  expectObject(model, `run takes an object with the inputs ${listNames(model.inputs)}`, inputs);
  checkNames(model, inputs, model.inputs, "input");
  let samples = 1;
  let first: Port | undefined;
  for (const port of model.inputs) {
    const count = samplesIn(model, port, ownValue(inputs, port.name), "input", kinds);
    if (first && count !== samples) {
      throw new TypeError(
        `${model.name}: input "${port.name}" holds ${count} samples, but "${first.name}" holds ${samples}`,
      );
    }
    first ??= port;
    samples = count;
  }
  return samples;
}

/** The number of samples in an array; throws if its type or length does not fit the port. */
function samplesIn<T>(
  model: Pick<Ported, "name" | "batch">,
  port: Port,
  values: unknown,
  kind: "input" | "output",
  kinds: Kinds<T>,
): number {
  const size = sizeOf(port);
  const batch = batchOf(model, port);
  const many = batch === undefined ? "" : `${batch} × `;
  const wanted = `${kinds.words} of ${many}${size} values, ${shapeText(model, port)}`;
  const message = `${model.name}: ${kind} "${port.name}" must be ${wanted}`;
  const length = kinds.lengthOf(values);
  if (length === undefined) {
    throw new TypeError(
      values === undefined ? `${message}; it is missing` : `${message}, not ${describe(values)}`,
    );
  }
  const samples = length / size;
  const fits = batch === undefined ? samples === 1 : samples >= 1 && Number.isInteger(samples);
  if (!fits) throw new TypeError(`${message}; this one has ${length}`);
  return samples;
}

/**
 * The array of each output: the given one, or a new one. Given arrays must not overlap anything else, because the
 * results of one sample are written before the inputs of the next are read.
 */
export function prepareOutputs<T, P extends Port>(
  model: Omit<Ported, "outputs"> & { readonly outputs: readonly P[] },
  samples: number,
  inputs: Readonly<Record<string, T>>,
  into: Readonly<Record<string, T>>,
  kinds: Kinds<T>,
): [P, T][] {
  checkNames(model, into, model.outputs, "output");
  const outputs = model.outputs.map((port): [P, T] => {
    const given = ownValue(into, port.name);
    const room = given === undefined ? undefined : samplesIn(model, port, given, "output", kinds);
    if (room !== undefined && room !== (port.once ? 1 : samples)) {
      throw new TypeError(
        `${model.name}: output "${port.name}" has room for ${kinds.lengthOf(given)} values, but ${samples} samples make ${samples * sizeOf(port)}`,
      );
    }
    return [port, given ?? kinds.make(totalOf(port, samples))];
  });
  checkApart(model, inputs, into, kinds);
  return outputs;
}

/** Throws if memory given for an output overlaps that of an input or another output. */
function checkApart<T>(
  model: Ported,
  inputs: Readonly<Record<string, T>>,
  into: Readonly<Record<string, T>>,
  kinds: Kinds<T>,
): void {
  const known: { readonly what: string; readonly memory: Memory }[] = [];
  const add = (
    kind: "input" | "output",
    ports: readonly Port[],
    values: Readonly<Record<string, T>>,
  ): void => {
    for (const { name } of ports) {
      const value = ownValue(values, name);
      if (value === undefined) continue;
      const own = { what: `${kind} "${name}"`, memory: kinds.memoryOf(value) };
      const other = kind === "output" ? known.find(({ memory }) => overlap(memory, own.memory)) : undefined;
      if (other)
        throw new TypeError(
          `${model.name}: ${own.what} shares memory with ${other.what}; results need memory of their own`,
        );
      known.push(own);
    }
  };
  add("input", model.inputs, inputs);
  add("output", model.outputs, into);
}

function overlap(a: Memory, b: Memory): boolean {
  return a.of === b.of && a.start < b.end && b.start < a.end;
}

/** Throws a TypeError that says what is wanted, unless `value` is an object. */
export function expectObject(model: Pick<Ported, "name">, wanted: string, value: unknown): void {
  if (typeof value !== "object" || value === null)
    throw new TypeError(`${model.name}: ${wanted}, not ${describe(value)}`);
}

/** A net may name a tensor `__proto__` or `constructor`. */
export function ownValue<T>(tensors: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(tensors, name) ? tensors[name] : undefined;
}

/** Throws if a name is not a port's. A missing input is found where its type is checked. */
function checkNames(
  model: Pick<Ported, "name">,
  given: object,
  ports: readonly Port[],
  kind: "input" | "output",
): void {
  for (const name of Object.keys(given)) {
    if (ports.some((port) => port.name === name)) continue;
    throw new TypeError(`${model.name} has no ${kind} "${name}"; it has ${listNames(ports)}`);
  }
}

function listNames(ports: readonly Port[]): string {
  return ports.map((port) => `"${port.name}"`).join(", ");
}

export function describe(value: unknown): string {
  return value === null ? "null" : Object.prototype.toString.call(value).slice(8, -1);
}
