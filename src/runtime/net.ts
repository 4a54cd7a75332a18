// The net that a module's user holds: checks inputs, loops over samples, copies results.

import { arrays, countSamples, ownValue, prepareOutputs, sampleOf, shapesOf, sizeOf } from "./ports.js";
import { checkRunOptions } from "./options.js";
import type { Machine, Model, Net, Port, RunOptions, Tensors } from "./types.js";

const arraysOf = { f32: Float32Array, i8: Int8Array, u8: Uint8Array, i16: Int16Array, i32: Int32Array };

/** The elements of a port in the arena. */
function placeOf({ buffer, byteOffset }: Float32Array, port: Port) {
  const Elements = arraysOf[port.element ?? "f32"];
  // Shared memory is as good as any.
  return new Elements(
    buffer as ArrayBuffer,
    byteOffset + port.offset * Elements.BYTES_PER_ELEMENT,
    sizeOf(port),
  );
}

/** A net over a machine that computes one sample at a time. */
export function createNet(model: Model, machine: Machine): Net {
  // Closures live as long as the net, so after `dispose` they must not reach the machine.
  let live: Machine | undefined = machine;
  const isAway = machine.stepAway !== undefined;
  /** The last of the runs that take turns on other threads, and the number of these runs. */
  let last: Promise<unknown> | undefined;
  let underWay = 0;

  /** One run. It yields whenever a sample is in the arena and its launches are to be run. */
  function* samplesOf(
    inputs: Tensors,
    options: RunOptions,
  ): Generator<Machine, Record<string, Float32Array>> {
    if (!live) throw new Error(`${model.name}: run after dispose`);
    checkRunOptions(model, options);
    const current = live;
    const { arena } = current;
    const samples = countSamples(model, inputs, arrays);
    const outputs = prepareOutputs(model, samples, inputs, options.into ?? {}, arrays);
    for (let sample = 0; sample < samples; sample++) {
      current.prepare?.();
      for (const port of model.inputs) {
        const values = ownValue(inputs, port.name);
        if (values) placeOf(arena, port).set(sampleOf(values, port, sample, samples));
      }
      options.signal?.throwIfAborted();
      yield current;
      for (const [port, values] of outputs) {
        values.set(placeOf(arena, port), port.once ? 0 : sample * sizeOf(port));
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
      await value.stepAway?.(options);
    }
  }

  async function run(inputs: Tensors, options?: RunOptions): Promise<Record<string, Float32Array>> {
    if (!isAway) return runSync(inputs, options);
    const before = last;
    underWay++;
    const own = before ? before.then(() => runAway(inputs, options)) : runAway(inputs, options);
    // The next run starts even if this one fails.
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
