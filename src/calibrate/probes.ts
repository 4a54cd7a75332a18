// Runs a net with probes: computes chosen values of a graph for one sample after another, with a module that we compile.

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
  /** Values that the samples give, by the nodes' names, instead of the net computing them. */
  readonly from?: readonly NodeId[];
  /** The number of threads, where memory can be shared; 1 by default. */
  readonly threads?: number;
  /** Whether a net that is too small to be divided is loaded once for each thread, so that several samples run at once. */
  readonly lanes?: boolean;
}

/** Values of one sample, by node. */
export type ProbedValues = ReadonlyMap<NodeId, Float32Array>;

/** A net that computes chosen values of a graph. Holds weights and memory until `dispose`. */
export interface Probes {
  /** The inputs that a sample must have. */
  readonly inputs: readonly SampleInput[];
  /** The number of threads that compute; no more than are useful. */
  readonly threads: number;
  /** The number of samples that may run at once, each in its own lane. */
  readonly lanes: number;
  /** The values for a sample. The next run in the same lane (the first by default) writes into the same arrays. */
  run(sample: Sample, lane?: number): Promise<ProbedValues>;
  dispose(): void;
}

/** The least multiply-accumulates for which a lane gets a worker: they take 0.5 ms, and asking a worker takes 100 µs. */
const leastMacs = 2_000_000;

/**
 * Compiles (for WebAssembly) and loads a net that computes only the values of the given nodes. They are values of the given graph: its
 * passes keep them within the stated tolerance, and none is fused away. The batch is 1, even if it is open. Returns diagnostics if the
 * module cannot be compiled, for instance because it needs too much memory.
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
      inputs: sampleInputs(cut),
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

/** One net that the threads divide; or, with `lanes`, one net for each thread if it is too small for that but large enough for workers. */
async function loadLanes(artifact: Artifact, threads: number, lanes: boolean): Promise<readonly Net[]> {
  const net = await load(artifact, { threads });
  const macs = net.launches.reduce((sum, launch) => sum + launch.macs, 0);
  if (!lanes || threads === 1 || net.threads > 1 || macs < leastMacs) return [net];
  net.dispose();
  return Promise.all(Array.from({ length: threads }, () => load(artifact, { worker: true })));
}

/**
 * Runs nets on each sample, in order, and passes their values to `each`: those of several nets together, for instance of a network before and
 * after a change. The values are valid until `each` is done. While samples run, in as many lanes as all nets have, the next one is read.
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
  /** Starts what has not started, up to an index. A failure must not end the process before it is awaited. */
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
