// Lowers a schedule: every group becomes a launch of a kernel, and equal kernels become one.

import { given } from "#diagnostic/given.js";
import { greatest } from "#diagnostic/extremes.js";
import { bug } from "#diagnostic/diagnostic.js";
import type { Graph, Node, WeightId } from "#ir/graph.js";
import { inputNodes, nodeOf } from "#ir/graph.js";
import { bytesOf } from "#ir/target.js";
import { channels, isInteger } from "#ir/type.js";
import { hasZeroPoint, macsOf } from "#ops/index.js";
import { layoutOf } from "#ops/layout.js";
import type { Group, Schedule } from "#schedule/schedule.js";
import { isByteSum } from "#template/byte-sums.js";
import { KernelBuilder } from "./ir/build.js";
import type { Body } from "./ir/body.js";
import { bodyOf } from "./template/bodies.js";
import type { Kernel, KernelProgram, Launch, PackedWeight, Port } from "./ir/ir.js";
import { weightWords } from "./ir/memory.js";
import { valuesOf, walkStatements, walkValue } from "./ir/walk.js";
import { packedCodes } from "./part/compact.js";
import { summedWeights, withoutNegligible } from "./part/negligible.js";
import type { Ref } from "./part/operands.js";
import type { Tile } from "./part/tile.js";
import { tiles } from "./part/tile.js";

/** The kernels of a schedule, with the tile of its target unless another is given. */
export function lower(schedule: Schedule, tile: Tile = tiles[schedule.target.name]): KernelProgram {
  const { graph, target } = schedule;
  const kernels = new KernelList();
  const subgroups = new KernelList();
  const launches: Draft[] = [];
  const setup: Draft[] = [];
  const packed = new WeightPacker(schedule);
  const prepared = new Map<string, number>();
  let preparedSize = 0;
  const table: number[] = [];

  function launchOf(name: string, label: Label, bodyOf: (k: KernelBuilder<Ref>) => Body): Draft {
    const k = new KernelBuilder<Ref>({ ...tile, lanes: target.lanes });
    const body = bodyOf(k);
    const { kernel: inPairs, sources } = k.finish(name, body);
    const fours = hasDots(inPairs) ? inFours(name, inPairs, bodyOf) : undefined;
    const kernel = { ...inPairs, ...given({ fours }) };
    const subgroup = body.subgroups && tile.subgroup && k.finish(name, body.subgroups, tile.subgroup.items);
    if (subgroup && subgroup.sources.some((source, at) => source !== sources[at]))
      bug(`${name} reads other operands in subgroups`);
    return {
      kernel: kernels.add(kernel),
      ...given({ subgroup: subgroup && subgroups.add(subgroup.kernel) }),
      places: sources.map(placeOf),
      ...label,
    };
  }

  /** The form of a kernel for processors with dot products of four bytes; undefined if it is no other. */
  function inFours(
    name: string,
    inPairs: Kernel,
    bodyOf: (k: KernelBuilder<Ref>) => Body,
  ): Kernel | undefined {
    const k = new KernelBuilder<Ref>({ ...tile, lanes: target.lanes, dots: "fours" });
    const { kernel } = k.finish(name, bodyOf(k));
    if (JSON.stringify(kernel) === JSON.stringify(inPairs)) return undefined;
    const isSame =
      kernel.grid.count === inPairs.grid.count &&
      JSON.stringify(kernel.parameters) === JSON.stringify(inPairs.parameters);
    return isSame ? kernel : bug(`the two forms of ${name} differ in more than their sums`);
  }

  /** The start of a source, or its weight, whose place in the packed file is decided at the end. */
  function placeOf(source: Ref): Start | WeightRef {
    switch (source.kind) {
      case "view":
        return { memory: source.arena, offset: source.offset };
      case "weight":
        return source;
      case "table": {
        const offset = table.length;
        for (const value of source.values) table.push(value);
        return { memory: 0, offset };
      }
      case "prepared": {
        const key = `${source.name} of ${source.weight}`;
        const known = prepared.get(key);
        if (known !== undefined) return { memory: 0, offset: known };
        const offset = (preparedSize * 4) / bytesOf(source.element);
        prepared.set(key, offset);
        preparedSize += weightWords(source, target.lanes);
        const label = { label: source.name, nodes: [source.weight], macs: 0 };
        setup.push(launchOf(source.name, label, (k) => source.make(k, tile)));
        return { memory: 0, offset };
      }
      default:
        return source satisfies never;
    }
  }

  for (const node of graph.nodes.values())
    if (hasZeroPoint(node) && !isByteSum(graph, node, target))
      bug(`${node.name} has a zero point: the pass center-integers did not run`);
  for (const group of schedule.groups)
    launches.push(
      launchOf(kernelName(schedule, group), labelOf(schedule, group), (k) =>
        bodyOf({ k, tile, form: tile.team > 1 ? "gpu" : "cpu", schedule, group }),
      ),
    );
  const placed = placeWeights(packed, launches, setup);
  const nodeByName = new Map(inputNodes(graph).map((node) => [node.name, node]));
  return {
    name: graph.name,
    lanes: target.lanes,
    kernels: uniqueNames(kernels.all),
    ...placed,
    ...subgroupKernels(subgroups, launches, tile),
    weights: packed.weights,
    prepared: preparedSize,
    table,
    arenas: schedule.arenas,
    weightParts: packed.parts,
    scratch: greatest(
      kernels.all.map(({ scratch, fours }) => Math.max(scratch, fours?.scratch ?? 0)),
      0,
    ),
    inputs: schedule.inputs.map((input) => ({
      ...portOf(input),
      ...inputFacts(graph, nodeByName.get(input.name) ?? bug(`no input ${input.name}`)),
    })),
    outputs: schedule.outputs.map((output) => ({
      ...portOf(output),
      ...given({ labels: graph.labels?.get(output.name) }),
    })),
    ...given({ batch: graph.batch }),
  };
}

/** What a graph says about an input, beside its place. */
function inputFacts(graph: Graph, node: Node): Partial<Port> {
  const { dtype } = node.type;
  return given({
    dtype: isInteger(dtype) ? dtype : undefined,
    layout: layoutOf(graph, node),
    picture: graph.pictures?.get(node.name),
  });
}

function portOf({ name, view, once }: Schedule["outputs"][number]): Port {
  if (view.stride !== channels(view.type.shape)) bug(`${name} is an input or output, but not dense`);
  return {
    name,
    arena: view.arena,
    shape: view.type.shape,
    offset: view.offset,
    ...given({ element: view.element, once }),
  };
}

/** The start of a parameter: its arena or part of the weights, and the element there. */
interface Start {
  readonly memory: number;
  readonly offset: number;
}

/** Whether a kernel adds products of bytes. */
function hasDots({ body }: Kernel): boolean {
  let found = false;
  walkStatements(body, (statement) => {
    for (const value of valuesOf(statement)) walkValue(value, ({ kind }) => (found ||= kind === "dot_pairs"));
  });
  return found;
}

/** The names and counts of a launch. */
type Label = Pick<Launch, "label" | "nodes" | "macs">;

type WeightRef = Extract<Ref, { readonly kind: "weight" }>;

/** A launch whose weights have no place yet. */
type Draft = Label & {
  readonly kernel: number;
  /** The number of its kernel for subgroups. */
  readonly subgroup?: number;
  readonly places: readonly (Start | WeightRef)[];
};

/** A list of kernels without duplicates; kernels that differ only in their name are the same. */
class KernelList {
  readonly all: Kernel[] = [];
  readonly #indices = new Map<string, number>();

  /** Returns the kernel's number. */
  add(kernel: Kernel): number {
    const key = JSON.stringify({ ...kernel, name: "" }, (_, value: unknown) =>
      typeof value === "number" && !Number.isFinite(value) ? String(value) : value,
    );
    const index = this.#indices.get(key) ?? this.all.push(kernel) - 1;
    this.#indices.set(key, index);
    return index;
  }
}

/** The kernels for subgroups, if there are any. */
function subgroupKernels(
  kernels: KernelList,
  launches: readonly Draft[],
  { subgroup }: Tile,
): Pick<KernelProgram, "subgroups"> {
  if (!subgroup || kernels.all.length === 0) return {};
  const of = launches.map((launch) => launch.subgroup);
  return { subgroups: { items: subgroup.items, kernels: uniqueNames(kernels.all), of } };
}

/**
 * Places the weights that the launches read, then those that only the setup reads; the launches that read the latter come last in the
 * setup.
 */
function placeWeights(
  packed: WeightPacker,
  launches: readonly Draft[],
  setup: readonly Draft[],
): Pick<KernelProgram, "setup" | "launches" | "staged"> {
  const finish = ({ kernel, places, label, nodes, macs }: Draft): Launch => {
    const starts = places.map((place) => ("offset" in place ? place : packed.startOf(place)));
    const memories = starts.map(({ memory }) => memory);
    return { kernel, memories, offsets: starts.map(({ offset }) => offset), label, nodes, macs };
  };
  const placed = launches.map(finish);
  const isStaged = (draft: Draft): boolean => weightsOf(draft).some((ref) => !packed.has(ref));
  const resident = setup.filter((draft) => !isStaged(draft));
  // Launches that read the same weight must be adjacent.
  const groups = new Map<string, Draft[]>();
  for (const draft of setup.filter(isStaged)) {
    const key = weightsOf(draft).map(keyOf).join();
    groups.set(key, [...(groups.get(key) ?? []), draft]);
  }
  const ready = resident.map(finish);
  const staged = [...groups.values()].map((drafts) => {
    const before = packed.size;
    for (const draft of drafts) ready.push(finish(draft));
    return { elements: packed.size - before, launches: drafts.length };
  });
  return { setup: ready, launches: placed, ...(staged.length > 0 ? { staged } : {}) };
}

function weightsOf({ places }: Draft): WeightRef[] {
  return places.filter((place) => "weight" in place);
}

function keyOf({ weight, packing }: Pick<WeightRef, "weight" | "packing">): string {
  return `${packing.key} of ${weight}`;
}

/** Gives every weight in every layout a place in the packed file, in the order of first use. */
class WeightPacker {
  readonly weights: PackedWeight[] = [];
  /** The start of each part; a weight that does not fit into the rest of a part begins the next. */
  readonly parts: number[] = [0];
  readonly #starts = new Map<string, Start>();
  readonly #schedule: Schedule;
  readonly #summed: ReadonlySet<WeightId>;
  #size = 0;

  /** The number of elements placed so far. */
  get size(): number {
    return this.#size;
  }

  has(ref: WeightRef): boolean {
    return this.#starts.has(keyOf(ref));
  }

  constructor(schedule: Schedule) {
    this.#schedule = schedule;
    this.#summed = summedWeights(schedule.graph);
  }

  startOf({ weight, packing }: WeightRef): Start {
    const key = keyOf({ weight, packing });
    const known = this.#starts.get(key);
    if (known !== undefined) return known;
    const { lanes, buffers } = this.#schedule.target;
    const store = this.#schedule.weights;
    const { element } = packing;
    const words = weightWords(packing, lanes);
    const part = this.parts.at(-1) ?? 0;
    const largest = (buffers?.bindingBytes ?? Number.POSITIVE_INFINITY) / 4;
    if (this.#size > part && this.#size + words - part > largest) this.parts.push(this.#size);
    const perWord = 4 / bytesOf(element);
    const offset = (this.#size - (this.parts.at(-1) ?? 0)) * perWord;
    const start = { memory: this.parts.length - 1, offset };
    this.#starts.set(key, start);
    this.#size += words;
    const elements = words * perWord;
    this.weights.push({
      name: weight,
      elements,
      ...given({ element, compact: element ? undefined : packedCodes(store, weight, packing, elements) }),
      pack: (memory, onFlushed) => {
        const all = store.readF32(weight, memory);
        if (element || !this.#summed.has(weight)) return packing.pack(all);
        const { values, flushed } = withoutNegligible(all, memory);
        onFlushed?.(flushed);
        return packing.pack(values);
      },
    });
    return start;
  }
}

/** A name that says what the kernel does, and the shape of its result: `pointwise_14x14x512`. */
function kernelName(schedule: Schedule, group: Group): string {
  const shape = group.output.type.shape.filter((extent, at) => at > 0 || extent > 1);
  return [workName(schedule, group), shape.join("x")].filter((part) => part !== "").join("_");
}

/** A single elementwise op gives its name to the kernel. */
function workName({ graph }: Schedule, { plan: { template }, nodes }: Group): string {
  const [node, ...more] = nodes;
  return template === "elementwise" && node !== undefined && more.length === 0
    ? nodeOf(graph, node).op
    : template;
}

/** `softmax_10`, `softmax_10_2`, …, in order of first use. A `copy` of shape [2] is a `copy_2` too, so names are checked. */
function uniqueNames(kernels: readonly Kernel[]): Kernel[] {
  const taken = new Set<string>();
  const counts = new Map<string, number>();
  return kernels.map((kernel) => {
    let count = counts.get(kernel.name) ?? 0;
    let name = kernel.name;
    do {
      count += 1;
      name = count === 1 ? kernel.name : `${kernel.name}_${count}`;
    } while (taken.has(name));
    counts.set(kernel.name, count);
    taken.add(name);
    const fours = kernel.fours && { ...kernel.fours, name };
    return name === kernel.name ? kernel : { ...kernel, name, ...given({ fours }) };
  });
}

function labelOf(schedule: Schedule, group: Group): Label {
  const { graph } = schedule;
  const nodes = group.nodes.map((id) => nodeOf(graph, id));
  const macs = nodes.reduce(
    (sum, node) =>
      sum +
      macsOf(
        node,
        node.inputs.map((id) => nodeOf(graph, id).type),
      ),
    0,
  );
  return { label: group.plan.fusion ?? nodes.at(-1)?.op ?? "", nodes: nodes.map((node) => node.name), macs };
}
