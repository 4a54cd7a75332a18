// Walks through a network from front to back with all samples. It keeps values for the next layers, so that a walk takes about one pass of the net.

import { bug } from "#diagnostic/diagnostic.js";
import type { Result } from "#diagnostic/diagnostic.js";
import type { Graph, NodeId } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { users } from "#ir/node-order.js";
import { elements } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { pause } from "./pause.js";
import type { Sample, Samples } from "./samples.js";
import type { ProbedValues } from "./probes.js";
import { openProbes } from "./probes.js";

export interface Walk {
  /**
   * Passes the values of nodes for each sample, in order, to `each`; they are valid until the next sample. The module may be another one each
   * time, if the values of `settled` (by default all wanted values) and everything before them stay the same. Values before settled ones must be
   * computed from the inputs again if they are wanted later. Returns diagnostics as `openProbes` does.
   */
  values(
    module: Module,
    wanted: readonly NodeId[],
    each: (values: ProbedValues, index: number) => void | Promise<void>,
    settled?: readonly NodeId[],
  ): Promise<Result<true>>;
  /**
   * Skips values that are not needed, because their results are stored. The next call of `values` walks to them first: another division of
   * the net may round differently, and so the results are the same as after `values`, bit for bit.
   */
  pass(module: Module, wanted: readonly NodeId[], settled?: readonly NodeId[]): void;
}

export interface WalkOptions {
  /** The number of threads, where memory can be shared; 1 by default. */
  readonly threads?: number;
  /** The most bytes of values to keep. If more would be needed, the older values stay, and the rest is computed from them each time. */
  readonly bytes: number;
}

export function createWalk(samples: Samples, { threads = 1, bytes }: WalkOptions): Walk {
  /** The frontier: the values of each sample that later nodes need. */
  let kept: readonly NodeId[] = [];
  const stored: ProbedValues[] = Array.from({ length: samples.count }, () => new Map());
  const passed: NodeId[] = [];
  let skipped: Parameters<Walk["pass"]>[] = [];
  const walk: Walk = {
    pass: (...visit) => void skipped.push(visit),
    async values(module, wanted, each, settled = wanted) {
      const visits = skipped;
      skipped = [];
      for (const [before, ids, own] of visits) {
        const { value, diagnostics } = await walk.values(before, ids, () => {}, own);
        if (!value) return { diagnostics };
      }
      const { graph } = module;
      for (const id of settled) passed.push(id);
      const behind = frontierOf(graph, passed);
      const size = behind.reduce((sum, id) => sum + 4 * elements(nodeOf(graph, id).type.shape), 0);
      const fits = size * samples.count <= bytes;
      const from = kept.filter((id) => graph.nodes.has(id));
      const computed = [...wanted, ...(fits ? behind : [])];
      const needed = cutsOf(graph, computed, new Set(from));
      const { value: net, diagnostics } = await openProbes(module, computed, { threads, from: needed.given });
      if (!net) return { diagnostics };
      try {
        let next: Promise<Sample> | undefined;
        const read = (index: number): Promise<Sample> =>
          needed.inputs ? samples.read(index) : Promise.resolve({});
        for (let index = 0; index < samples.count; index += 1) {
          const sample = await (next ?? read(index));
          next = index + 1 < samples.count ? read(index + 1) : undefined;
          // It is awaited in the next iteration. A failure must not end the process before that.
          next?.catch(() => {});
          const before = stored[index] ?? bug("a sample has no stored values");
          const given = needed.given.map((id) => [nodeOf(graph, id).name, before.get(id) ?? bug("not kept")]);
          const values = await net.run({ ...sample, ...Object.fromEntries(given) });
          await each(values, index);
          if (fits)
            stored[index] = new Map(
              behind.map((id) => [id, before.get(id) ?? (values.get(id) ?? bug("not computed")).slice()]),
            );
          await pause();
        }
      } finally {
        net.dispose();
      }
      if (fits) kept = behind;
      return { value: true, diagnostics: [] };
    },
  };
  return walk;
}

/** The values up to and including `ids` that other nodes need, without inputs and constants. */
function frontierOf(graph: Graph, ids: readonly NodeId[]): NodeId[] {
  const passed = new Set<NodeId>();
  const waiting = [...ids];
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    if (passed.has(id)) continue;
    passed.add(id);
    for (const input of nodeOf(graph, id).inputs) waiting.push(input);
  }
  const outputs = new Set(graph.outputs.map(({ node }) => node));
  return [...passed].filter(
    (id) =>
      !["input", "constant"].includes(nodeOf(graph, id).op) &&
      (outputs.has(id) || (users(graph).get(id) ?? []).some((user) => !passed.has(user))),
  );
}

/** The known values that `ids` are computed from, and whether inputs are needed too. */
function cutsOf(
  graph: Graph,
  ids: readonly NodeId[],
  known: ReadonlySet<NodeId>,
): { readonly given: NodeId[]; readonly inputs: boolean } {
  const seen = new Set<NodeId>();
  const given: NodeId[] = [];
  let inputs = false;
  const waiting = [...ids];
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    if (seen.has(id)) continue;
    seen.add(id);
    const { op, inputs: before } = nodeOf(graph, id);
    if (known.has(id)) given.push(id);
    else if (op === "input") inputs = true;
    else for (const input of before) waiting.push(input);
  }
  return { given, inputs };
}
