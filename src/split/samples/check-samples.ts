// Warns of samples that do not suit a network: too few of them, or values in another range than in training.

import type { Samples } from "#calibrate/samples.js";
import { takeSamples } from "#calibrate/samples.js";
import { openProbes, runProbes } from "#calibrate/probes.js";
import type { Diagnostic } from "#diagnostic/diagnostic.js";
import { bug, warning } from "#diagnostic/diagnostic.js";
import type { Graph, NodeId, NodeOf } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { topological } from "#ir/node-order.js";
import { channels } from "#ir/type.js";
import { plural } from "#ir/units.js";
import type { Module } from "#ir/weights.js";
import { findCandidates } from "#passes/split/candidates.js";
import { sizesOf } from "#passes/split/form.js";
import type { ChannelMoments } from "./channel-moments.js";
import { createMoments } from "./channel-moments.js";
import { ofPixels, outOfScale } from "./check-scale.js";

/** Positions for each input of a filter; with fewer, a fit follows the samples more than the network. */
const rowsPerInput = 4;

/** A warning if the samples are too few for the unknowns of a layer. `base` is the module before the pass `split`. */
export function tooFewForFit(base: Module, count: number): Diagnostic[] {
  const short = findCandidates(base).flatMap((candidate) => {
    const { taps, ci } = sizesOf(candidate);
    const needed = Math.ceil((rowsPerInput * taps * ci) / candidate.outputPixels);
    return needed > count ? [{ name: candidate.node.name, inputs: taps * ci, needed, candidate }] : [];
  });
  const worst = short.toSorted((a, b) => b.needed - a.needed)[0];
  if (!worst) return [];
  const { name, inputs, needed, candidate } = worst;
  const more = short.length > 1 ? `; the same holds for ${plural(short.length - 1, "other layer")}` : "";
  return [
    warning(
      "few-samples",
      `${plural(count, "sample")} ${count === 1 ? "has" : "have"} ${plural(count * candidate.outputPixels, "position")} for \`${name}\`, whose filters have ${plural(inputs, "input")}: the fit will follow the samples more than the network${more}`,
      { help: [`use at least ${needed} samples; a few hundred are good, and need no labels`] },
    ),
  ];
}

/** The most samples to run for this check. */
const mostSamples = 64;
/** The limits of a plausible range: the ratio of standard deviations to those of training, and the distance of means in deviations. */
const [mostRatio, mostShift] = [1.6, 0.5];

/**
 * A warning if the inputs of the first batch norms are far from their stored means and variances: then the samples are
 * most likely scaled differently from the training data. `model` is the model as it was read, since passes fold batch norms. If it has
 * none, `outOfScale` checks instead.
 */
export async function outOfRange(model: Module, samples: Samples, threads = 1): Promise<Diagnostic[]> {
  const norms = firstNorms(model.graph);
  const some = takeSamples(
    samples,
    Array.from({ length: Math.min(samples.count, mostSamples) }, (_, index) => index),
  );
  if (norms.length === 0) return outOfScale(model, some, threads);
  const inputs = norms.map((norm) => norm.inputs[0] ?? -1);
  const { value: probes } = await openProbes(model, inputs, { threads });
  if (!probes) return [];
  const moments = norms.map((norm) => createMoments(channels(norm.type.shape)));
  await runProbes([probes], some, ([values]) => {
    for (const [at, id] of inputs.entries())
      moments[at]?.add(values?.get(id) ?? bug("a value was not probed"));
  });
  probes.dispose();
  for (const [at, norm] of norms.entries()) {
    const { ratio, shift } = distance(model, norm, moments[at] ?? bug("no moments"));
    if (ratio <= mostRatio && ratio >= 1 / mostRatio && shift <= mostShift) continue;
    const near = Math.abs(Math.log(ratio)) <= Math.log(mostRatio);
    const what = near
      ? `means that are ${shift.toPrecision(2)} standard deviations off`
      : `a standard deviation ${ratio.toPrecision(3)} times that of training`;
    return [
      warning(
        "sample-range",
        `the samples give the batch norm \`${norm.name}\` values with ${what}: they are probably scaled differently from the training data`,
        { help: [causeOf(ratio), ofPixels] },
      ),
    ];
  }
  return [];
}

/** Batch norms with constant statistics that do not depend on another batch norm. */
function firstNorms(graph: Graph): NodeOf<"batch_norm">[] {
  const behind = new Set<NodeId>();
  const first: NodeOf<"batch_norm">[] = [];
  for (const node of topological(graph)) {
    const isBehind = node.inputs.some((input) => behind.has(input));
    if (isBehind || node.op === "batch_norm") behind.add(node.id);
    const [, ...statistics] = node.inputs;
    if (
      node.op === "batch_norm" &&
      !isBehind &&
      statistics.every((id) => nodeOf(graph, id).op === "constant")
    )
      first.push(node);
  }
  return first;
}

/** The geometric mean of the ratios of deviations, and the root mean square of the distances of means, over the channels. */
function distance({ graph, weights }: Module, norm: NodeOf<"batch_norm">, moments: ChannelMoments) {
  const stored = (operand: number): ArrayLike<number> => {
    const node = nodeOf(graph, norm.inputs[operand] ?? -1);
    return node.op === "constant" ? weights.read(node.attributes.weight).data : bug("no constant");
  };
  const [mean, variance] = [stored(3), stored(4)];
  const { means, variances } = moments;
  let [logs, squares] = [0, 0];
  for (let c = 0; c < means.length; c += 1) {
    const trained = (variance[c] ?? 0) + norm.attributes.epsilon;
    logs += Math.log(((variances[c] ?? 0) + norm.attributes.epsilon) / trained) / 2;
    squares += ((means[c] ?? 0) - (mean[c] ?? 0)) ** 2 / trained;
  }
  return { ratio: Math.exp(logs / means.length), shift: Math.sqrt(squares / means.length) };
}

/** Likely errors in scaling pixels, by the ratio of deviations that they lead to. */
const causes: readonly { readonly from: number; readonly to: number; readonly cause: string }[] = [
  {
    from: 100,
    to: 1500,
    cause:
      "if pixels are from 0 to 255 and the network expects smaller numbers: `--scale 1/255` makes them 0 to 1",
  },
  {
    from: 2.6,
    to: 6,
    cause:
      "if pixels are normalized by mean and deviation and the network expects 0 to 1: use `--mean 0 --std 1`",
  },
  {
    from: 1.6,
    to: 2.6,
    cause: "if pixels are from −1 to 1 and the network expects 0 to 1: use `--mean 0 --std 1`",
  },
  {
    from: 1 / 1.6,
    to: 1.6,
    cause:
      "the mean may differ from training, images may be inverted, or may show other things than in training",
  },
  {
    from: 0.35,
    to: 0.65,
    cause: "if pixels are from 0 to 1 and the network expects −1 to 1: use `--mean 0.5 --std 0.5`",
  },
  {
    from: 0.15,
    to: 0.35,
    cause:
      "if pixels are from 0 to 1 and the network expects them normalized: `--mean 0.485,0.456,0.406 --std 0.229,0.224,0.225` is usual",
  },
  {
    from: 1 / 1500,
    to: 1 / 100,
    cause:
      "if pixels are from 0 to 1 and the network expects larger numbers: `--scale 1` leaves them from 0 to 255",
  },
];

function causeOf(ratio: number): string {
  const known = causes.find(({ from, to }) => ratio >= from && ratio <= to);
  return (
    known?.cause ??
    "set `--scale`, `--mean` and `--std` so that pixels become the same numbers as in training"
  );
}
