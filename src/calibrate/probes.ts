// Running a net with probes: chosen values of a graph, for one sample after another, on our own compiled module.

import type { Artifact } from "#backend/artifact.js";
import { compile } from "#compile/compile.js";
import { load } from "#compile/load.js";
import type { Result } from "#diagnostic/diagnostic.js";
import { bug } from "#diagnostic/diagnostic.js";
import { least } from "#diagnostic/extremes.js";
import type { NodeId } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { elements } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import type { Net } from "#runtime/types.js";
import type { OnProgress } from "./progress.js";
import type { Sample, SampleInput, Samples } from "./samples.js";
import { sampleInputs } from "./samples.js";
import { pause } from "./pause.js";
import { probeModule } from "./probe-module.js";

export interface ProbeOptions {
  /** Values that come with the samples, by the nodes' names, instead of being computed. */
  readonly from?: readonly NodeId[];
  /** How many threads compute, where memory can be shared; 1 by default. */
  readonly threads?: number;
  /** Whether a net that is too small to be divided is there once for each thread, so that as many samples run at once. */
  readonly lanes?: boolean;
}

/** Values of one sample, by node. */
export type ProbedValues = ReadonlyMap<NodeId, Float32Array>;

/** A net that gives chosen values of a graph; it holds weights and memory until it is disposed of. */
export interface Probes {
  /** What it needs of a sample. */
  readonly inputs: readonly SampleInput[];
  /** How many threads compute: no more than are worth it. */
  readonly threads: number;
  /** How many samples may run at once, each in a lane of its own. */
  readonly lanes: number;
  /** The values for a sample. The next run in the same lane, the first by default, writes into the same arrays. */
  run(sample: Sample, lane?: number): Promise<ProbedValues>;
  dispose(): void;
}

/** Multiply-accumulates from which on a lane is worth a worker, which takes 100 µs to ask: 0.5 ms of them. */
const leastMacs = 2_000_000;

/**
 * Compiles (for WebAssembly) and loads what computes the values of the given nodes, and nothing else. They are values of the graph as it stands: what
 * passes do on the way to them keeps them within the stated tolerance, and none is fused away. The batch is 1, also where it
 * is open. Diagnostics where there can be no such module: it needs more memory than there may be.
 */
export async function openProbes(
  module: Module,
  values: readonly NodeId[],
  { from = [], threads = 1, lanes = false }: ProbeOptions = {},
): Promise<Result<Probes>> {
  const given = new Set(from);
  const isGiven = (id: NodeId): boolean => given.has(id) || nodeOf(module.graph, id).op === "input";
  const wanted = [...new Set(values)];
  const computed = wanted.filter((id) => !isGiven(id));
  const cut = probeModule(module, wanted, from);
  let nets: readonly Net[] = [];
  if (computed.length > 0) {
    const { value, diagnostics } = compile(probeModule(module, computed, from));
    if (!value) return { diagnostics };
    nets = await loadLanes(value, threads, lanes);
  }
  const into = nets.map(() =>
    Object.fromEntries(
      computed.map((id) => {
        const { name, type } = nodeOf(module.graph, id);
        return [name, new Float32Array(elements(type.shape))];
      }),
    ),
  );
  const needed = Object.keys(nets[0]?.inputs ?? {});
  return {
    diagnostics: [],
    value: {
      inputs: sampleInputs(cut.graph),
      threads: nets.length > 1 ? nets.length : (nets[0]?.threads ?? 1),
      lanes: Math.max(1, nets.length),
      async run(sample, lane = 0) {
        const input = (name: string): Float32Array =>
          (Object.hasOwn(sample, name) ? sample[name] : undefined) ??
          bug(`a sample has no values for ${name}`);
        const results = into[lane] ?? {};
        await nets[lane]?.run(Object.fromEntries(needed.map((name) => [name, input(name)])), {
          into: results,
        });
        return new Map(
          wanted.map((id) => {
            const { name } = nodeOf(module.graph, id);
            return [id, isGiven(id) ? input(name) : (results[name] ?? bug(`no value for ${name}`))];
          }),
        );
      },
      dispose: () => {
        for (const net of nets) net.dispose();
      },
    },
  };
}

/** One net that the threads divide; or, if that is wanted and it is too small for it but large enough for workers, one for each thread. */
async function loadLanes(artifact: Artifact, threads: number, lanes: boolean): Promise<readonly Net[]> {
  const net = await load(artifact, { threads });
  const macs = net.launches.reduce((sum, launch) => sum + launch.macs, 0);
  if (!lanes || threads === 1 || net.threads > 1 || macs < leastMacs) return [net];
  net.dispose();
  return Promise.all(Array.from({ length: threads }, () => load(artifact, { worker: true })));
}

/**
 * Runs nets on each sample, in order, and gives their values to `each`: those of several nets side by side, as of a network and of what was
 * made of it. Nothing is kept: values are gone when `each` is done with them. While samples run, in as many lanes as all nets have, the next
 * one is read.
 */
export async function runProbes(
  nets: readonly Probes[],
  samples: Samples,
  each: (values: readonly ProbedValues[], index: number) => void | Promise<void>,
  onProgress?: OnProgress,
): Promise<void> {
  const lanes = least(nets.map((net) => net.lanes));
  const read: Promise<Sample>[] = [];
  const run: Promise<ProbedValues[]>[] = [];
  const start = async (index: number): Promise<ProbedValues[]> => {
    const sample = await (read[index] ?? samples.read(index));
    return Promise.all(nets.map((net) => net.run(sample, index % lanes)));
  };
  /** Begins what is not there yet, up to an index. Until it is waited for its failure must not end the process. */
  const begin = <T>(begun: Promise<T>[], to: number, make: (index: number) => Promise<T>): void => {
    for (let index = begun.length; index < Math.min(to, samples.count); index += 1) {
      const made = make(index);
      made.catch(() => {});
      begun.push(made);
    }
  };
  for (let index = 0; index < samples.count; index += 1) {
    begin(read, index + lanes + 1, (at) => samples.read(at));
    begin(run, index + lanes, start);
    await each((await run[index]) ?? [], index);
    delete read[index];
    delete run[index];
    onProgress?.({ stage: "running samples", done: index + 1, all: samples.count });
    await pause();
  }
}
