// The graphs of a film step by step: which nodes are there, what a step changed, and where nodes come from and go to.

import type { Film, NodeId, NodeVersion, OutputVersion, PlanVersion, StepNumber } from "../data.js";

/** How a step changed a node. */
export type Change = "same" | "added" | "changed" | "removed";

/** The graph of a step. */
export interface Frame {
  readonly step: StepNumber;
  readonly nodes: ReadonlyMap<NodeId, NodeVersion>;
  readonly outputs: readonly OutputVersion[];
  readonly plans: ReadonlyMap<string, PlanVersion>;
  /** The users of each node that has some. */
  readonly users: ReadonlyMap<NodeId, readonly NodeId[]>;
}

/** A graph beside another. */
export interface Difference {
  /** The nodes that are only in the later graph, in both but not the same, and only in the earlier one. */
  readonly added: readonly NodeId[];
  readonly changed: readonly NodeId[];
  readonly removed: readonly NodeId[];
}

export interface Timeline {
  readonly film: Film;
  readonly last: StepNumber;
  /** The graph of a step; the latest few are kept. */
  frame(step: StepNumber): Frame;
  /** What is different in the graph of `to`. */
  difference(from: StepNumber, to: StepNumber): Difference;
  /** The steps that made a node what it is, and the nodes that it was made from: first to last. */
  history(id: NodeId, step: StepNumber): readonly StepNumber[];
  /** The nodes of a step's graph that a node of another step became, or was made from. */
  counterparts(id: NodeId, from: StepNumber, to: StepNumber): readonly NodeId[];
  /** The state of a node in a step, or the nearest one before or after. */
  versionNear(id: NodeId, step: StepNumber): NodeVersion | undefined;
}

/** How many frames are kept: moving back and forth and comparing two steps needs few. */
const mostFrames = 8;

export function createTimeline(film: Film): Timeline {
  const last = film.steps.length - 1;
  const byId = new Map<NodeId, NodeVersion[]>();
  for (const version of film.nodes) {
    const list = byId.get(version.id);
    if (list) list.push(version);
    else byId.set(version.id, [version]);
  }
  const sorted = film.nodes.toSorted((a, b) => a.position - b.position || a.id - b.id);
  const frames = new Map<StepNumber, Frame>();

  const versionNear = (id: NodeId, step: StepNumber): NodeVersion | undefined => {
    const list = byId.get(id) ?? [];
    return (
      list.find(({ born, died }) => born <= step && step < died) ??
      list.findLast(({ died }) => died <= step) ??
      list.find(({ born }) => born > step)
    );
  };

  const frame = (step: StepNumber): Frame => {
    const known = frames.get(step);
    if (known) return known;
    const made = makeFrame(film, sorted, step);
    const [oldest] = frames.keys();
    if (frames.size >= mostFrames && oldest !== undefined) frames.delete(oldest);
    frames.set(step, made);
    return made;
  };

  const difference = (from: StepNumber, to: StepNumber): Difference => {
    if (from === to) return { added: [], changed: [], removed: [] };
    const [before, after] = [frame(from), frame(to)];
    const added: NodeId[] = [];
    const changed: NodeId[] = [];
    for (const [id, node] of after.nodes) {
      const old = before.nodes.get(id);
      if (!old) added.push(id);
      else if (old !== node && !looksSame(film, old, node)) changed.push(id);
    }
    const removed = [...before.nodes.keys()].filter((id) => !after.nodes.has(id));
    return { added, changed, removed };
  };

  const history = (id: NodeId, step: StepNumber): readonly StepNumber[] => {
    const steps = new Set<StepNumber>();
    const open: (readonly [NodeId, StepNumber])[] = [[id, step]];
    const seen = new Set<string>();
    for (let next = open.pop(); next; next = open.pop()) {
      const [node, at] = next;
      for (const { born } of byId.get(node) ?? []) {
        const key = `${node} ${born}`;
        if (born === 0 || born > at || seen.has(key)) continue;
        seen.add(key);
        steps.add(born);
        for (const source of sourcesOf(node, born)) open.push([source, born - 1]);
      }
    }
    return [...steps].sort((a, b) => a - b);
  };

  /** The nodes of the step before that a node of a step was made from. */
  const sourcesOf = (id: NodeId, step: StepNumber): readonly NodeId[] => {
    const { covered = [], made = [] } = film.steps[step] ?? {};
    return made.includes(id) ? covered : [id];
  };

  /** The nodes of a step that a node of the step before became. */
  const resultsOf = (id: NodeId, step: StepNumber): readonly NodeId[] => {
    const { covered = [], made = [] } = film.steps[step] ?? {};
    const stays = frame(step).nodes.has(id);
    if (!covered.includes(id)) return [id];
    return stays ? [id, ...made] : made;
  };

  const counterparts = (id: NodeId, from: StepNumber, to: StepNumber): readonly NodeId[] => {
    let current = new Set([id]);
    // Steps that touch none of the nodes are skipped, so this takes as long as their number, not as their graphs.
    for (let step = from; step < to; step += 1) {
      const { covered = [] } = film.steps[step + 1] ?? {};
      if (covered.some((one) => current.has(one)))
        current = new Set([...current].flatMap((one) => resultsOf(one, step + 1)));
    }
    for (let step = from; step > to; step -= 1) {
      const { made = [] } = film.steps[step] ?? {};
      if (made.some((one) => current.has(one)))
        current = new Set([...current].flatMap((one) => sourcesOf(one, step)));
    }
    const { nodes } = frame(to);
    return [...current].filter((one) => nodes.has(one));
  };

  return { film, last, frame, difference, history, counterparts, versionNear };
}

/** `sorted` are the nodes of the film in the order of their graphs. */
function makeFrame(film: Film, sorted: readonly NodeVersion[], step: StepNumber): Frame {
  const isThere = ({ born, died }: { readonly born: number; readonly died: number }): boolean =>
    born <= step && step < died;
  const nodes = new Map(sorted.filter(isThere).map((node) => [node.id, node]));
  const users = new Map<NodeId, NodeId[]>();
  for (const node of nodes.values()) {
    for (const input of new Set(node.inputs)) {
      const list = users.get(input);
      if (list) list.push(node.id);
      else users.set(input, [node.id]);
    }
  }
  return {
    step,
    nodes,
    outputs: film.outputs.filter(isThere),
    plans: new Map(film.plans.filter(isThere).map((plan) => [plan.id, plan])),
    users,
  };
}

/** Whether two states differ only in what does not count: in a comparison of models, whence they come. */
function looksSame({ compares }: Film, a: NodeVersion, b: NodeVersion): boolean {
  if (!compares) return false;
  const shown = ({ op, type, inputs, attributes, weight, kernel }: NodeVersion): string =>
    JSON.stringify([op, type, inputs, attributes, weight, kernel]);
  return shown(a) === shown(b);
}

/** What a graph costs, at batch 1. */
export interface Totals {
  readonly ops: number;
  readonly parameters: number;
  readonly macs: number;
}

export function totalsOf({ nodes }: Frame): Totals {
  let [ops, parameters, macs] = [0, 0, 0];
  for (const node of nodes.values()) {
    if (node.op === "constant") parameters += node.weight?.startsWith("absent(") ? 0 : elementsOf(node.shape);
    else if (node.op !== "input") ops += 1;
    macs += node.macs;
  }
  return { ops, parameters, macs };
}

export function elementsOf(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}
