// Whether samples are of another scale than a network was trained on, where no batch norm has statistics: by the biases of its first convolutions.

import type { Samples } from "#calibrate/samples.js";
import { openProbes, runProbes } from "#calibrate/probes.js";
import { optimize } from "#compile/optimize.js";
import type { Diagnostic } from "#diagnostic/diagnostic.js";
import { bug, warning } from "#diagnostic/diagnostic.js";
import { judgedValues } from "#gradient/judged.js";
import type { Graph, NodeId, NodeOf } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { topological } from "#ir/node-order.js";
import { channels, elements } from "#ir/type.js";
import { opOf } from "#ops/index.js";
import type { Module } from "#ir/weights.js";
import { createMoments } from "./channel-moments.js";

/**
 * The deviation of a first convolution's results, as a multiple of its bias (the median over channels), in trained networks on inputs as in training: 1/7 to 9
 * in 35 published ones, most of them with folded batch norms. Below the first of these the results hardly depend on the inputs. Above the second one they
 * may still do well, since convolutions that never had a batch norm may have small biases.
 */
const [least, most] = [1 / 16, 32];
/** How many times as likely, in powers of e, the first class is than the second, where no training would come: its loss there is nothing. */
const certain = 50;
/** Between pixels from 0 to 255 and from 0 to 1. */
const pixelScale = 255;
/** Help beside advice on scales: which samples have them. */
export const ofPixels =
  "`--scale`, `--mean` and `--std` are for images and .npy files of bytes; other numbers are scaled in their file";

/**
 * A warning if the samples are most likely of another scale than in training, by one or two orders of magnitude: if they are so small that the first
 * convolutions give little more than their biases; or so large that biases do not count, and that classes are certain which would not be
 * with a 255th of the values. What gives no such evidence, as a regression on values that are too large, is not told.
 */
export async function outOfScale(model: Module, samples: Samples, threads = 1): Promise<Diagnostic[]> {
  // Sums with constants become biases.
  const base = optimize(model, { stopAfter: "split" }).value?.module;
  const convolutions = base ? firstConvolutions(base.graph) : [];
  if (!base || convolutions.length === 0) return [];
  const seen = await look(base, convolutions, samples, threads);
  if (!seen) return [];
  const { node, multiple } = seen;
  if (multiple < least)
    return [
      warning(
        "sample-range",
        `the samples change what the convolution \`${node.name}\` gives by ${multiple.toPrecision(2)} times its bias: they are probably scaled otherwise than those of training`,
        {
          help: [
            "pixels from 0 to 1 where the network takes larger ones? `--scale 1` leaves them from 0 to 255",
            ofPixels,
          ],
        },
      ),
    ];
  if (multiple <= most || !(seen.certainty > certain)) return [];
  const other = await look(base, convolutions, scaled(samples, 1 / pixelScale), threads);
  if (!other || other.certainty > certain || other.multiple < least) return [];
  return [
    warning(
      "sample-range",
      `the samples make classes certain beyond all training, with values of the convolution \`${node.name}\` that are ${multiple.toPrecision(2)} times its bias: they are probably scaled otherwise than those of training`,
      {
        help: [
          "pixels from 0 to 255 where the network takes smaller ones? `--scale 1/255` makes them 0 to 1",
          ofPixels,
        ],
      },
    ),
  ];
}

type Convolution = NodeOf<"conv2d"> | NodeOf<"depthwise_conv2d">;

interface Seen {
  /** The convolution whose results are furthest from its bias, by ratio. */
  readonly node: Convolution;
  readonly multiple: number;
  /** Of outputs that are vectors, the difference between the largest and the next value: the median over samples, and over outputs. NaN without such. */
  readonly certainty: number;
}

async function look(
  base: Module,
  convolutions: readonly Convolution[],
  samples: Samples,
  threads: number,
): Promise<Seen | undefined> {
  const { graph } = base;
  const vectors = judgedValues(graph).filter((id) => isVector(graph, id));
  const ids = convolutions.map(({ id }) => id);
  const { value: probes } = await openProbes(base, [...ids, ...vectors], { threads });
  if (!probes) return undefined;
  const moments = convolutions.map((node) => createMoments(channels(node.type.shape)));
  const margins = vectors.map((): number[] => []);
  await runProbes([probes], samples, ([values]) => {
    const value = (id: NodeId): Float32Array => values?.get(id) ?? bug("a value was not probed");
    for (const [at, id] of ids.entries()) moments[at]?.add(value(id));
    for (const [at, id] of vectors.entries()) margins[at]?.push(marginOf(value(id)));
  }).finally(() => probes.dispose());
  const multiples = convolutions.map((node, at) =>
    multipleOf(biasOf(base, node), moments[at]?.variances ?? []),
  );
  const worst = multiples.reduce(
    (found, one, at) => (Math.abs(Math.log(one)) > Math.abs(Math.log(multiples[found] ?? 1)) ? at : found),
    0,
  );
  const node = convolutions[worst];
  return node && { node, multiple: multiples[worst] ?? 1, certainty: median(margins.map(median)) };
}

/** Convolutions with a constant bias that no other sum of products stands before. */
function firstConvolutions(graph: Graph): Convolution[] {
  const behind = new Set<NodeId>();
  const first: Convolution[] = [];
  for (const node of topological(graph)) {
    const isBehind = node.inputs.some((input) => behind.has(input));
    const isConvolution = node.op === "conv2d" || node.op === "depthwise_conv2d";
    if (isBehind || opOf(node.op).errors === "products") behind.add(node.id);
    const bias = node.inputs[2];
    if (isConvolution && !isBehind && bias !== undefined && nodeOf(graph, bias).op === "constant")
      first.push(node);
  }
  return first;
}

function biasOf({ graph, weights }: Module, { inputs }: Convolution): Float32Array {
  const node = nodeOf(graph, inputs[2] ?? -1);
  return node.op === "constant" ? weights.readF32(node.attributes.weight) : bug("no constant");
}

/** The median over channels of deviation / |bias|; 1, which says nothing, where all biases are 0. */
function multipleOf(bias: Float32Array, variances: ArrayLike<number>): number {
  if (bias.every((value) => value === 0)) return 1;
  return median([...bias].map((value, channel) => Math.sqrt(variances[channel] ?? 0) / Math.abs(value)));
}

function isVector(graph: Graph, id: NodeId): boolean {
  const { shape } = nodeOf(graph, id).type;
  return channels(shape) >= 2 && elements(shape) === channels(shape);
}

function marginOf(values: Float32Array): number {
  const [first = 0, second = 0] = values.toSorted((a, b) => b - a);
  return first - second;
}

function median(values: readonly number[]): number {
  const sorted = values.filter((value) => !Number.isNaN(value)).toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function scaled(samples: Samples, factor: number): Samples {
  return {
    count: samples.count,
    async read(index) {
      const sample = await samples.read(index);
      return Object.fromEntries(
        Object.entries(sample).map(([name, values]) => [name, values.map((value) => value * factor)]),
      );
    },
  };
}
