// Checks, by the biases of the first convolutions, whether samples are scaled differently from the training data. For networks without batch norms.

import type { Samples } from "#calibrate/samples.js";
import { openProbes, runProbes } from "#calibrate/probes.js";
import { optimize } from "#compile/optimize.js";
import type { Diagnostic } from "#diagnostic/diagnostic.js";
import { bug, warning } from "#diagnostic/diagnostic.js";
import { comparedOutputs } from "#gradient/compared-values.js";
import type { Graph, NodeId, NodeOf } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { topological } from "#ir/node-order.js";
import { channels, elements } from "#ir/type.js";
import { opOf } from "#ops/index.js";
import type { Module } from "#ir/weights.js";
import { createMoments } from "./channel-moments.js";

/**
 * The range of the deviation of a first convolution's results as a multiple of its bias (the median over channels). With inputs as in
 * training it is 1/7 to 9 in 35 published networks, most of them with folded batch norms. Below the lower bound the results hardly depend on
 * the inputs. Above the upper bound all may still be well, since convolutions that never had a batch norm may have small biases.
 */
const [least, most] = [1 / 16, 32];
/** The log ratio of the probabilities of the first and second class that training never reaches: its loss is practically 0 there. */
const certain = 50;
/** The ratio between pixels from 0 to 255 and from 0 to 1. */
const pixelScale = 255;
/** Help for advice on scales: to which samples the options apply. */
export const ofPixels =
  "`--scale`, `--mean` and `--std` are for images and .npy files of bytes; other numbers are scaled in their file";

/**
 * A warning if the samples are most likely one or two orders of magnitude smaller or larger than in training. Too small: the first
 * convolutions give little more than their biases. Too large: biases do not matter, and classes are certain that would not be with a
 * 255th of the values. Cases without this evidence, such as a regression on too large values, give no warning.
 */
export async function outOfScale(model: Module, samples: Samples, threads = 1): Promise<Diagnostic[]> {
  // Folds sums with constants into biases.
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
        `the samples change the results of the convolution \`${node.name}\` by ${multiple.toPrecision(2)} times its bias: they are probably scaled differently from the training data`,
        {
          help: [
            "if pixels are from 0 to 1 and the network expects larger numbers: `--scale 1` leaves them from 0 to 255",
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
      `the samples make the network far more certain of classes than training does, and the results of the convolution \`${node.name}\` are ${multiple.toPrecision(2)} times its bias: they are probably scaled differently from the training data`,
      {
        help: [
          "if pixels are from 0 to 255 and the network expects smaller numbers: `--scale 1/255` makes them 0 to 1",
          ofPixels,
        ],
      },
    ),
  ];
}

type Convolution = NodeOf<"conv2d"> | NodeOf<"depthwise_conv2d">;

interface Seen {
  /** The convolution whose results are furthest from its bias, as a ratio. */
  readonly node: Convolution;
  readonly multiple: number;
  /** For outputs that are vectors, the difference of the two largest values: the median over samples and outputs. NaN without such outputs. */
  readonly certainty: number;
}

async function look(
  base: Module,
  convolutions: readonly Convolution[],
  samples: Samples,
  threads: number,
): Promise<Seen | undefined> {
  const { graph } = base;
  const vectors = comparedOutputs(graph).filter((id) => isVector(graph, id));
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

/** Convolutions with a constant bias that do not depend on another sum of products. */
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

/** The median over channels of deviation / |bias|; 1, which raises no warning, if all biases are 0. */
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
