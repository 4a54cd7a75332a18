// Lowering: every group of a schedule becomes a launch of a kernel, and equal kernels become one.

import { bug } from "#diagnostic/diagnostic.js";
import type { Graph, WeightId } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { channels } from "#ir/type.js";
import { isMember, macsOf } from "#ops/index.js";
import type { Group, Schedule, View } from "#schedule/schedule.js";
import { KernelBuilder } from "./build.js";
import { groupBody } from "./group-body.js";
import type { Kernel, KernelProgram, Launch, PackedWeight, Port } from "./ir.js";
import type { Ref } from "./operands.js";
import type { Packing } from "./pack.js";
import type { Tile } from "./tile.js";
import { tiles } from "./tile.js";

/** The kernels of a schedule, with the tile of its target unless another is given. */
export function lower(schedule: Schedule, tile: Tile = tiles[schedule.target.name]): KernelProgram {
  const kernels = new Map<string, { index: number; kernel: Kernel }>();
  const launches: Launch[] = [];
  const packed = new WeightPacker(schedule);
  const table: number[] = [];
  for (const group of schedule.groups) {
    const k = new KernelBuilder<Ref>({ lanes: schedule.target.lanes, team: tile.team });
    const body = groupBody(k, tile, schedule, group);
    const { kernel, sources } = k.finish(kernelName(schedule, group), body.blocks, body.write);
    // The name is a label: kernels that differ in nothing else are the same.
    const key = JSON.stringify({ ...kernel, name: "" }, (_, value: unknown) =>
      typeof value === "number" && !Number.isFinite(value) ? String(value) : value,
    );
    const known = kernels.get(key) ?? { index: kernels.size, kernel };
    kernels.set(key, known);
    launches.push({
      kernel: known.index,
      ...addressesOf(sources, packed, table),
      ...labelOf(schedule, group),
    });
  }
  const port = ({ name, view }: { name: string; view: View }): Port => {
    if (view.stride !== channels(view.type.shape)) bug(`${name} is an input or output, but not dense`);
    return { name, arena: view.arena, shape: view.type.shape, offset: view.offset };
  };
  return {
    name: schedule.graph.name,
    lanes: schedule.target.lanes,
    kernels: uniqueNames([...kernels.values()].map((entry) => entry.kernel)),
    launches,
    weights: packed.weights,
    table,
    arenas: schedule.arenas,
    weightParts: packed.parts,
    scratch: Math.max(0, ...[...kernels.values()].map((entry) => entry.kernel.scratch)),
    inputs: schedule.inputs.map(port),
    outputs: schedule.outputs.map(port),
    ...(schedule.graph.batch === undefined ? {} : { batch: schedule.graph.batch }),
  };
}

function addressesOf(
  sources: readonly Ref[],
  packed: WeightPacker,
  table: number[],
): Pick<Launch, "memories" | "offsets"> {
  const starts = sources.map((source) => startOf(source, packed, table));
  return { memories: starts.map((start) => start.memory), offsets: starts.map((start) => start.offset) };
}

interface Start {
  readonly memory: number;
  readonly offset: number;
}

function startOf(source: Ref, packed: WeightPacker, table: number[]): Start {
  switch (source.kind) {
    case "view":
      return { memory: source.arena, offset: source.offset };
    case "weight":
      return packed.startOf(source.weight, source.packing);
    case "table": {
      const offset = table.length;
      table.push(...source.values);
      return { memory: 0, offset };
    }
    default:
      return source satisfies never;
  }
}

/** Gives every weight in every layout a place in the packed file, in the order of first use. */
class WeightPacker {
  readonly weights: PackedWeight[] = [];
  /** Where each part begins; a weight that does not fit into what is left of one begins the next. */
  readonly parts: number[] = [0];
  readonly #starts = new Map<string, Start>();
  readonly #schedule: Schedule;
  #size = 0;

  constructor(schedule: Schedule) {
    this.#schedule = schedule;
  }

  startOf(weight: WeightId, packing: Packing): Start {
    const key = `${packing.key} of ${weight}`;
    const known = this.#starts.get(key);
    if (known !== undefined) return known;
    const { lanes, buffers } = this.#schedule.target;
    const store = this.#schedule.weights;
    const elements = Math.ceil(packing.elements / lanes) * lanes;
    const part = this.parts.at(-1) ?? 0;
    const largest = (buffers?.bindingBytes ?? Number.POSITIVE_INFINITY) / 4;
    if (this.#size > part && this.#size + elements - part > largest) this.parts.push(this.#size);
    const start = { memory: this.parts.length - 1, offset: this.#size - (this.parts.at(-1) ?? 0) };
    this.#starts.set(key, start);
    this.#size += elements;
    this.weights.push({ name: weight, elements, pack: () => packing.pack(store.readF32(weight)) });
    return start;
  }
}

/** What the kernel does, in a name, and the shape that it makes: `pointwise_14x14x512`. */
function kernelName(schedule: Schedule, group: Group): string {
  const shape = group.output.type.shape.filter((extent, at) => at > 0 || extent > 1);
  return [workName(schedule.graph, group), shape.join("x")].filter((part) => part !== "").join("_");
}

function workName(graph: Graph, group: Group): string {
  const [stage, ...more] = group.stages;
  if (more.length === 1) return "separable";
  if (more.length > 1) return "inverted_residual";
  if (stage) {
    const node = nodeOf(graph, stage.node);
    const types = node.inputs.map((id) => nodeOf(graph, id).type);
    return isMember("pointwise", node, types) ? "pointwise" : node.op;
  }
  if (group.prologue.length === 0) return "copy";
  const last = nodeOf(graph, group.nodes.at(-1) ?? bug("an empty group"));
  return group.nodes.length > 1 ? "elementwise" : last.op;
}

/** `softmax_10`, `softmax_10_2`, …, in order of first use. */
function uniqueNames(kernels: readonly Kernel[]): Kernel[] {
  const counts = new Map<string, number>();
  return kernels.map((kernel) => {
    const count = (counts.get(kernel.name) ?? 0) + 1;
    counts.set(kernel.name, count);
    return count === 1 ? kernel : { ...kernel, name: `${kernel.name}_${count}` };
  });
}

function labelOf(schedule: Schedule, group: Group): Pick<Launch, "label" | "nodes" | "macs"> {
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
  return { label: group.rule ?? nodes.at(-1)?.op ?? "", nodes: nodes.map((node) => node.name), macs };
}
