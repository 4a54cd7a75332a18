// The net that a module's user holds: checks inputs, loops over samples, copies results out.

import type { Machine, Model, Net, Port, RunOptions, Tensors } from "./types.js";

/** A net over a machine that computes one sample at a time. */
export function createNet(model: Model, machine: Machine): Net {
  let live: Machine | undefined = machine;
  /** The last of the runs that take turns on other threads, and how many of them there are. */
  let last: Promise<unknown> | undefined;
  let underWay = 0;

  /** One run, which stops wherever a sample lies ready in the arena and its launches are to be run. */
  function* samplesOf(
    inputs: Tensors,
    options: RunOptions,
  ): Generator<Machine, Record<string, Float32Array>> {
    if (!live) throw new Error(`${model.name}: run after dispose`);
    const current = live;
    const { arena } = current;
    const samples = countSamples(model, inputs);
    const outputs = prepareOutputs(model, samples, options.into);
    for (let sample = 0; sample < samples; sample++) {
      current.prepare?.();
      for (const port of model.inputs) {
        const values = ownValue(inputs, port.name);
        if (values) arena.set(sampleOf(values, port, sample, samples), port.offset);
      }
      yield current;
      for (const [port, values] of outputs) {
        const result = arena.subarray(port.offset, port.offset + sizeOf(port));
        values.set(result, sample * sizeOf(port));
      }
    }
    return Object.fromEntries(outputs.map(([port, values]) => [port.name, values]));
  }

  function runSync(inputs: Tensors, options: RunOptions = {}): Record<string, Float32Array> {
    if (underWay > 0) throw new Error(`${model.name}: runSync while run is under way; await that first`);
    const samples = samplesOf(inputs, options);
    for (;;) {
      const { done, value } = samples.next();
      if (done) return value;
      value.step(options.times);
    }
  }

  async function runAway(inputs: Tensors, options: RunOptions = {}): Promise<Record<string, Float32Array>> {
    const samples = samplesOf(inputs, options);
    for (;;) {
      const { done, value } = samples.next();
      if (done) return value;
      await value.stepAway?.(options.times);
    }
  }

  async function run(inputs: Tensors, options?: RunOptions): Promise<Record<string, Float32Array>> {
    if (!machine.stepAway) return runSync(inputs, options);
    const before = last;
    underWay++;
    const own = before ? before.then(() => runAway(inputs, options)) : runAway(inputs, options);
    // The next one starts whether this one fails or not.
    const settled = own.then(end, end);
    function end(): void {
      underWay--;
      if (last === settled) last = undefined;
    }
    last = settled;
    return own;
  }

  return {
    name: model.name,
    inputs: shapesOf(model, model.inputs),
    outputs: shapesOf(model, model.outputs),
    launches: machine.launches,
    threads: machine.threads ?? 1,
    runSync,
    run,
    dispose() {
      live?.dispose?.();
      live = undefined;
    },
  };
}

/** Elements of one sample. */
function sizeOf(port: Port): number {
  return port.shape.reduce((size, extent) => size * extent, 1);
}

function sampleOf(values: Float32Array, port: Port, sample: number, samples: number): Float32Array {
  return samples === 1 ? values : values.subarray(sample * sizeOf(port), (sample + 1) * sizeOf(port));
}

/** `[N, 224, 224, 3]`. */
function shapeText(model: Model, port: Port): string {
  return `[${symbolic(model, port).join(", ")}]`;
}

function symbolic(model: Model, port: Port): (number | string)[] {
  return port.shape.map((extent, axis) => (axis === 0 && model.batch !== undefined ? model.batch : extent));
}

function shapesOf(model: Model, ports: readonly Port[]): Record<string, readonly (number | string)[]> {
  return Object.fromEntries(ports.map((port) => [port.name, symbolic(model, port)]));
}

/** Checks the inputs; how many samples they hold (1 unless the batch is open). */
function countSamples(model: Model, inputs: Tensors): number {
  if (typeof inputs !== "object" || inputs === null) {
    throw new TypeError(`${model.name}: run takes an object with the inputs ${listNames(model.inputs)}`);
  }
  checkNames(model, inputs, model.inputs, "input");
  let samples = 1;
  let first: Port | undefined;
  for (const port of model.inputs) {
    const count = samplesIn(model, port, ownValue(inputs, port.name), "input");
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

/** The number of samples in an array; throws if it is of another type or length than the port's. */
function samplesIn(model: Model, port: Port, values: unknown, kind: "input" | "output"): number {
  const size = sizeOf(port);
  const batch = model.batch === undefined ? "" : `${model.batch} × `;
  const wanted = `a Float32Array of ${batch}${size} values, ${shapeText(model, port)}`;
  const message = `${model.name}: ${kind} "${port.name}" must be ${wanted}`;
  // By its tag, since an array from another realm is no instance of this one's class.
  if (Object.prototype.toString.call(values) !== "[object Float32Array]") {
    throw new TypeError(
      values === undefined ? `${message}; it is missing` : `${message}, not ${describe(values)}`,
    );
  }
  const { length } = values as Float32Array;
  const samples = length / size;
  const fits = model.batch === undefined ? samples === 1 : samples >= 1 && Number.isInteger(samples);
  if (!fits) throw new TypeError(`${message}; this one has ${length}`);
  return samples;
}

/** The array of each output: the one given, or a new one. */
function prepareOutputs(model: Model, samples: number, into: Tensors = {}): [Port, Float32Array][] {
  checkNames(model, into, model.outputs, "output");
  return model.outputs.map((port) => {
    const given = ownValue(into, port.name);
    if (given !== undefined && samplesIn(model, port, given, "output") !== samples) {
      throw new TypeError(
        `${model.name}: output "${port.name}" has room for ${given.length} values, but ${samples} samples make ${samples * sizeOf(port)}`,
      );
    }
    return [port, given ?? new Float32Array(samples * sizeOf(port))];
  });
}

/** A net may name a tensor `__proto__` or `constructor`. */
function ownValue(tensors: Tensors, name: string): Float32Array | undefined {
  return Object.hasOwn(tensors, name) ? tensors[name] : undefined;
}

/** Throws if a name is no port's. A missing input is found where its type is checked. */
function checkNames(model: Model, given: Tensors, ports: readonly Port[], kind: "input" | "output"): void {
  for (const name of Object.keys(given)) {
    if (ports.some((port) => port.name === name)) continue;
    throw new TypeError(`${model.name} has no ${kind} "${name}"; it has ${listNames(ports)}`);
  }
}

function listNames(ports: readonly Port[]): string {
  return ports.map((port) => `"${port.name}"`).join(", ");
}

function describe(value: unknown): string {
  return value === null ? "null" : Object.prototype.toString.call(value).slice(8, -1);
}
