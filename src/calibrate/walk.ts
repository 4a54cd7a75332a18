// Walking a network from front to back with all samples: what was computed before is kept, so that a walk is about one pass of the net.

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
   * Gives the values of nodes for each sample, in order, to `each`; they are gone with the next sample. The module may be another one each time, if
   * the values that are `settled` (all that are wanted, by default) stay as they are, and so all before them. What lies before settled values has to be
   * computed from the inputs again. Diagnostics as of `openTaps`.
   */
  values(
    module: Module,
    wanted: readonly NodeId[],
    each: (values: ProbedValues, index: number) => void | Promise<void>,
    settled?: readonly NodeId[],
  ): Promise<Result<true>>;
  /**
   * Values that are not wanted again, since what was made of them is known. They are walked to before others are wanted next: nets of other
   * parts may round otherwise, and so what follows is the same as after `values`, bit for bit.
   */
  pass(module: Module, wanted: readonly NodeId[], settled?: readonly NodeId[]): void;
}

export interface WalkOptions {
  /** How many threads compute, where memory can be shared; 1 by default. */
  readonly threads?: number;
  /** Most bytes of values that are kept. What is kept when they would take more is kept on, and the rest is computed from it each time. */
  readonly bytes: number;
}

export function createWalk(samples: Samples, { threads = 1, bytes }: WalkOptions): Walk {
  /** The frontier: for each sample the values that later ones need. */
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
          // It is waited for in the next round; until then its failure must not end the process.
          next?.catch(() => {});
          const before = stored[index] ?? bug("a sample has no place");
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

/** Of the values that lead to those of `ids`, and of these, the ones that others need; not inputs and constants. */
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

/** Which of the values that are `known` are met on the way back from those of `ids`, and whether inputs are. */
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
