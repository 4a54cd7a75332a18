// Running a net with taps: chosen values of a graph, for one sample after another, on our own compiled module.

import { compile } from "#compile/compile.js";
import { load } from "#compile/load.js";
import type { Result } from "#diagnostic/diagnostic.js";
import { bug } from "#diagnostic/diagnostic.js";
import type { NodeId } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { elements } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import type { Net } from "#runtime/types.js";
import type { OnProgress } from "./progress.js";
import type { Sample, SampleInput, Samples } from "./samples.js";
import { sampleInputs } from "./samples.js";
import { pause } from "./pause.js";
import { tapModule } from "./tap-module.js";

export interface TapOptions {
  /** Values that come with the samples, by the nodes' names, instead of being computed. */
  readonly from?: readonly NodeId[];
  /** How many threads compute, where memory can be shared; 1 by default. */
  readonly threads?: number;
}

/** Values of one sample, by node. */
export type TappedValues = ReadonlyMap<NodeId, Float32Array>;

/** A net that gives chosen values of a graph; it holds weights and memory until it is disposed of. */
export interface Taps {
  /** What it needs of a sample. */
  readonly inputs: readonly SampleInput[];
  /** How many threads compute: no more than are worth it. */
  readonly threads: number;
  /** The values for a sample. The next run writes into the same arrays. */
  run(sample: Sample): Promise<TappedValues>;
  dispose(): void;
}

/**
 * Compiles (for WebAssembly) and loads what computes the values of the given nodes, and nothing else. They are values of the graph as it stands: what
 * passes do on the way to them keeps them within the stated tolerance, and none is fused away. The batch is 1, also where it
 * is open. Diagnostics where there can be no such module: it needs more memory than there may be.
 */
export async function openTaps(
  module: Module,
  values: readonly NodeId[],
  { from = [], threads = 1 }: TapOptions = {},
): Promise<Result<Taps>> {
  const given = new Set(from);
  const isGiven = (id: NodeId): boolean => given.has(id) || nodeOf(module.graph, id).op === "input";
  const wanted = [...new Set(values)];
  const computed = wanted.filter((id) => !isGiven(id));
  const cut = tapModule(module, wanted, from);
  let net: Net | undefined;
  if (computed.length > 0) {
    const { value, diagnostics } = compile(tapModule(module, computed, from));
    if (!value) return { diagnostics };
    net = await load(value, { threads });
  }
  const into = Object.fromEntries(
    computed.map((id) => {
      const { name, type } = nodeOf(module.graph, id);
      return [name, new Float32Array(elements(type.shape))];
    }),
  );
  const needed = net ? Object.keys(net.inputs) : [];
  return {
    diagnostics: [],
    value: {
      inputs: sampleInputs(cut.graph),
      threads: net?.threads ?? 1,
      async run(sample) {
        const input = (name: string): Float32Array =>
          (Object.hasOwn(sample, name) ? sample[name] : undefined) ??
          bug(`a sample has no values for ${name}`);
        await net?.run(Object.fromEntries(needed.map((name) => [name, input(name)])), { into });
        return new Map(
          wanted.map((id) => {
            const { name } = nodeOf(module.graph, id);
            return [id, isGiven(id) ? input(name) : (into[name] ?? bug(`no value for ${name}`))];
          }),
        );
      },
      dispose: () => net?.dispose(),
    },
  };
}

/**
 * Runs nets on each sample, in order, and gives their values to `each`: those of several nets side by side, as of a network and of what was
 * made of it. Nothing is kept: values are gone with the next sample. While one sample runs, the next one is read.
 */
export async function runTaps(
  nets: readonly Taps[],
  samples: Samples,
  each: (values: readonly TappedValues[], index: number) => void | Promise<void>,
  onProgress?: OnProgress,
): Promise<void> {
  let next: Promise<Sample> | undefined;
  for (let index = 0; index < samples.count; index += 1) {
    const sample = await (next ?? samples.read(index));
    next = index + 1 < samples.count ? samples.read(index + 1) : undefined;
    // It is waited for in the next round; until then its failure must not end the process.
    next?.catch(() => {});
    const values: TappedValues[] = [];
    for (const net of nets) values.push(await net.run(sample));
    await each(values, index);
    onProgress?.({ stage: "running samples", done: index + 1, all: samples.count });
    await pause();
  }
}
