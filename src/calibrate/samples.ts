// Samples of a net's inputs: reading, choosing and checking them.

import { expectArgument, hasProperties } from "#diagnostic/argument.js";
import type { Diagnostic, Result } from "#diagnostic/diagnostic.js";
import { error, warning } from "#diagnostic/diagnostic.js";
import { inputNodes } from "#ir/graph.js";
import type { Preprocess } from "#ir/preprocess.js";
import type { DType, Shape } from "#ir/type.js";
import { elements, integerRanges, isInteger, isOf } from "#ir/type.js";
import { plural } from "#ir/units.js";
import type { Module } from "#ir/weights.js";
import { preprocessOf } from "#ops/preprocess.js";
import { seededRandom } from "#ops/random.js";
import { hashBytes } from "#runtime/hash.js";
import { pause } from "./pause.js";

/** An input of the net: its name, and its shape with 1 for an open batch. */
export interface SampleInput {
  readonly name: string;
  readonly shape: Shape;
  /** f32 by default; the values of other types are integers. */
  readonly dtype?: DType;
  /** How pictures become values: as the net says, or its ops. */
  readonly picture?: Preprocess;
}

/** Values by the name of the input, dense and row-major, of a batch of 1. */
export type Sample = Readonly<Record<string, Float32Array>>;

/** Why a sample cannot be read. */
export class SampleError extends Error {
  readonly diagnostics: readonly Diagnostic[];

  constructor(diagnostics: readonly Diagnostic[]) {
    super(diagnostics[0]?.message ?? "a sample cannot be read");
    this.name = "SampleError";
    this.diagnostics = diagnostics;
  }
}

/** Samples that can be read in any order, any number of times. */
export interface Samples {
  readonly count: number;
  /** Sample `index`, from 0. Its arrays must not be changed. Rejects with a `SampleError` if it cannot be read. */
  read(index: number): Promise<Sample>;
  /** The name of a sample in messages; `sample 3` by default. */
  nameOf?(index: number): string;
}

/** The inputs for which samples of a net have values. */
export function sampleInputs(module: Module): SampleInput[] {
  const { graph } = module;
  return inputNodes(graph).map((node) => ({
    name: node.name,
    shape: node.type.shape,
    dtype: node.type.dtype,
    picture: graph.pictures?.get(node.name) ?? preprocessOf(module, node, {}).value,
  }));
}

/** Samples in memory. */
export function samplesOf(list: readonly Sample[]): Samples {
  const takes = "a list of samples, objects with a Float32Array for each input";
  const isSample = (one: unknown): boolean =>
    hasProperties(one) && Object.values(one as object).every((value) => value instanceof Float32Array);
  expectArgument("samplesOf", takes, list, Array.isArray(list) && list.every(isSample));
  return {
    count: list.length,
    read: async (index) => {
      const sample = list[index];
      if (!sample) throw new RangeError(`sample ${index} of ${list.length}`);
      return sample;
    },
  };
}

/** Throws `TypeError` if a function of the public API got something else than samples. */
export function expectSamples(call: string, samples: unknown): void {
  const holds =
    hasProperties(samples, "count", "read") &&
    Number.isSafeInteger((samples as Samples).count) &&
    typeof (samples as Samples).read === "function";
  expectArgument(call, "samples, as `samplesOf` gives them", samples, holds);
}

/** `count` of the samples, drawn uniformly by the seed, in their order; all samples if there are no more. */
export function chooseSamples(samples: Samples, count: number, seed: number): Samples {
  return count >= samples.count ? samples : takeSamples(samples, chooseIndices(samples.count, count, seed));
}

/** The indices of the drawn samples, in ascending order. */
export function chooseIndices(all: number, count: number, seed: number): number[] {
  if (count >= all) return Array.from({ length: all }, (_, index) => index);
  const random = seededRandom(seed);
  // Takes each with the probability that leaves the right number for the rest (Knuth, TAOCP 2, algorithm 3.4.2S).
  const chosen: number[] = [];
  for (let index = 0; chosen.length < count; index += 1)
    if ((all - index) * random.next() < count - chosen.length) chosen.push(index);
  return chosen;
}

/** Some of the samples. */
export function takeSamples(samples: Samples, indices: readonly number[]): Samples {
  const at = (index: number): number => indices[index] ?? samples.count;
  return {
    count: indices.length,
    read: (index) => samples.read(at(index)),
    nameOf: (index) => nameOf(samples, at(index)),
  };
}

/** The same samples. Those that were read are kept in memory as long as they take no more than `bytes`. */
export function keepSamples(samples: Samples, bytes: number): Samples {
  const kept = new Map<number, Sample>();
  let left = bytes;
  return {
    count: samples.count,
    nameOf: (index) => nameOf(samples, index),
    read: async (index) => {
      const known = kept.get(index);
      if (known) return known;
      const sample = await samples.read(index);
      const size = Object.values(sample).reduce((sum, { byteLength }) => sum + byteLength, 0);
      // Another call may have read it meanwhile.
      if (size <= left && !kept.has(index)) {
        kept.set(index, sample);
        left -= size;
      }
      return sample;
    },
  };
}

/** The name of a sample in messages. */
export function nameOf(samples: Samples, index: number): string {
  return samples.nameOf?.(index) ?? `sample ${index}`;
}

/** Statistics of the values of an input over all samples. */
export interface InputStatistics {
  readonly least: number;
  readonly greatest: number;
  readonly mean: number;
  readonly deviation: number;
}

/** The largest |value|: squares of larger ones, and sums of these, exceed the range of f32. */
const largest = 1e15;

/**
 * Reads all samples once and checks them. Errors: a sample that cannot be read; no samples, or fewer than `least`; values whose number
 * differs from that of the input, that are not finite, or that exceed ±10¹⁵; and samples that are all equal. Repeated samples give a warning.
 * Returns statistics for each input.
 */
export async function checkSamples(
  samples: Samples,
  inputs: readonly SampleInput[],
  {
    least = 1,
    onRead,
  }: { readonly least?: number; readonly onRead?: (done: number, all: number) => void } = {},
): Promise<Result<ReadonlyMap<string, InputStatistics>>> {
  if (samples.count < Math.max(1, least)) return { diagnostics: [tooFew(samples.count, least)] };
  const sums = new Map(inputs.map(({ name }) => [name, createSums()]));
  const seen = new Set<string>();
  for (let index = 0; index < samples.count; index += 1) {
    const { value: sample, diagnostics } = await readChecked(samples, index, inputs);
    if (!sample) return { diagnostics };
    const hashes = inputs.map(({ name }) => {
      const values = sample[name] ?? new Float32Array();
      sums.get(name)?.add(values);
      return hashBytes(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    });
    seen.add(hashes.join());
    onRead?.(index + 1, samples.count);
    await pause();
  }
  const repeated = samples.count - seen.size;
  if (seen.size === 1 && samples.count > 1)
    return {
      diagnostics: [
        error("equal-samples", `all ${samples.count} samples are equal`, {
          help: ["give samples that vary as the net's inputs will; equal samples give no information"],
        }),
      ],
    };
  return {
    value: new Map([...sums].map(([name, sum]) => [name, sum.statistics()])),
    diagnostics:
      repeated > 0
        ? [warning("repeated-samples", `${repeated} of ${samples.count} samples repeat others`)]
        : [],
  };
}

function tooFew(count: number, least: number): Diagnostic {
  const message =
    count === 0
      ? "there are no samples"
      : `there ${count === 1 ? "is" : "are"} ${plural(count, "sample")}, and at least ${least} are needed`;
  return error("too-few-samples", message, { help: ["a few hundred are good, and need no labels"] });
}

async function readChecked(
  samples: Samples,
  index: number,
  inputs: readonly SampleInput[],
): Promise<Result<Sample>> {
  try {
    const sample = await samples.read(index);
    const wrong = wrongSample(sample, nameOf(samples, index), inputs);
    return wrong ? { diagnostics: [wrong] } : { value: sample, diagnostics: [] };
  } catch (cause) {
    if (cause instanceof SampleError) return { diagnostics: cause.diagnostics };
    throw cause;
  }
}

function wrongSample(sample: Sample, name: string, inputs: readonly SampleInput[]): Diagnostic | undefined {
  for (const input of inputs) {
    const values: unknown = hasProperties(sample) ? sample[input.name] : undefined;
    if (!(values instanceof Float32Array))
      return error("wrong-sample", `${name} has no values for input \`${input.name}\``, {
        help: ["a sample is an object with a Float32Array for each input, by its name"],
      });
    const count = elements(input.shape);
    if (values.length !== count)
      return error(
        "wrong-sample",
        `${name} has ${plural(values.length, "value")} for input \`${input.name}\`, which is [${input.shape.join(", ")}]: ${count}`,
      );
    const at = values.findIndex((value) => !(Math.abs(value) <= largest));
    if (at >= 0)
      return error(
        "wrong-sample",
        `${name} has ${values[at]} at [${indicesOf(at, input.shape).join(", ")}] of input \`${input.name}\``,
        { help: [`values must be finite, and within ±${largest}`] },
      );
    const wrong = wrongInteger(name, values, input);
    if (wrong) return error("wrong-sample", wrong);
  }
  return undefined;
}

/** What is wrong with values of `what` for an input of integers; undefined if nothing is. */
export function wrongInteger(
  what: string,
  values: Float32Array,
  { name, shape, dtype = "f32" }: SampleInput,
): string | undefined {
  if (!isInteger(dtype)) return undefined;
  const at = values.findIndex((value) => !isOf(dtype, value));
  if (at < 0) return undefined;
  const place = shape.length === 0 ? "" : ` at [${indicesOf(at, shape).join(", ")}]`;
  const [least, greatest] = integerRanges[dtype];
  return `${what} has ${values[at]}${place}, but input \`${name}\` is ${dtype}: integers from ${least} to ${greatest}`;
}

function indicesOf(flat: number, shape: Shape): number[] {
  let left = flat;
  return shape
    .toReversed()
    .map((extent) => {
      const index = left % extent;
      left = Math.floor(left / extent);
      return index;
    })
    .toReversed();
}

function createSums(): { add(values: Float32Array): void; statistics(): InputStatistics } {
  let [count, mean, squares] = [0, 0, 0];
  let [least, greatest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  return {
    // Welford's algorithm, which keeps the deviation precise for means far from zero.
    add(values) {
      for (const value of values) {
        count += 1;
        const before = value - mean;
        mean += before / count;
        squares += before * (value - mean);
        least = Math.min(least, value);
        greatest = Math.max(greatest, value);
      }
    },
    statistics: () => ({ least, greatest, mean, deviation: Math.sqrt(squares / Math.max(1, count)) }),
  };
}
