// Distillation: gradient steps on the factors of a split network that bring its values nearer to those of the original, without labels.

import type { Checkpoints } from "#calibrate/checkpoints.js";
import { openCheckpoints } from "#calibrate/checkpoints.js";
import { identityOf } from "#calibrate/identity.js";
import type { OnProgress } from "#calibrate/progress.js";
import type { Sample, Samples } from "#calibrate/samples.js";
import type { Probes } from "#calibrate/probes.js";
import { openProbes, runProbes } from "#calibrate/probes.js";
import type { Diagnostic, Result } from "#diagnostic/diagnostic.js";
import { bug, error, hasErrors } from "#diagnostic/diagnostic.js";
import { nodeOf } from "#ir/graph.js";
import type { Target } from "#ir/target.js";
import { isInteger } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import type { Random } from "#ops/random.js";
import { seededRandom } from "#ops/random.js";
import type { Candidate } from "#passes/split/candidates.js";
import { findCandidates } from "#passes/split/candidates.js";
import type { FactoredLayer } from "#passes/split/report.js";
import { split as splitPass } from "#passes/split.js";
import type { AdamState } from "./adam.js";
import { createAdam } from "./adam.js";
import { rootMeanSquare } from "./balance.js";
import type { Compared } from "./distill-loss.js";
import { distillLoss } from "./distill-loss.js";
import { gradientModule, noGradient } from "../gradient-module.js";
import { comparedOutputs, valueAfter } from "../compared-values.js";
import { paddedLayer, withRank } from "./pad-terms.js";
import type { Parameter } from "./parameters.js";
import { balancedLayers, parametersOf, withValues } from "./parameters.js";
import { rememberTargets } from "./targets.js";

export interface DistillOptions {
  readonly target: Target;
  /** The most steps. */
  readonly steps: number;
  /** The seed for holding out and drawing samples; 0 by default. */
  readonly seed?: number;
  /** The number of samples for a step; 50 by default. */
  readonly batch?: number;
  /** The number of threads; 1 by default. */
  readonly threads?: number;
  /** Checkpoints for this module and these samples: each evaluation is stored, so that an interrupted run continues from the last one. */
  readonly checkpoints?: Checkpoints;
  readonly onProgress?: OnProgress;
}

/** An evaluation on the held-out samples. */
interface HeldOut {
  readonly step: number;
  /** The mean over the held-out samples. */
  readonly loss: number;
}

export interface Distilled {
  /** The layers with the factors and biases that were best on the held-out samples; the given layers, if none were better. */
  readonly layers: ReadonlyMap<string, FactoredLayer>;
  /** The step at which they were found. */
  readonly best: number;
  readonly heldOut: readonly HeldOut[];
}

/** The rate of a tensor relative to its root mean square, and the least root mean square that counts for biases. */
const [relativeRate, leastBias] = [0.01, 0.1];
const warmUp = 20;
/** The decay of the average over steps, which is evaluated and returned: it varies less than the last step, so fewer evaluations suffice. */
const averageDecay = 0.98;
/** Steps between two evaluations, and the number of evaluations without gain that ends the work. */
const [interval, patience] = [25, 6];

/**
 * Distils a split network (Hinton et al. 2015, with inner values as in Romero et al. 2015, arXiv 1412.6550). `module` is the original before
 * the pass `split`, `layers` are its split layers. A tenth of the samples is held out; every 25 steps the loss on them is computed. The
 * work ends when it has not improved for 150 steps. Returns diagnostics if an op has no gradient, or with fewer than two samples.
 */
export async function distill(
  module: Module,
  layers: ReadonlyMap<string, FactoredLayer>,
  samples: Samples,
  options: DistillOptions,
): Promise<Result<Distilled>> {
  if (layers.size === 0) return { value: { layers, best: 0, heldOut: [] }, diagnostics: [] };
  const nets: Probes[] = [];
  try {
    return await distillWith(module, layers, samples, options, async (net, values, how) => {
      const opened = await openProbes(net, values, how);
      if (opened.value) nets.push(opened.value);
      return opened;
    });
  } finally {
    for (const net of nets) net.dispose();
  }
}

async function distillWith(
  module: Module,
  layers: ReadonlyMap<string, FactoredLayer>,
  samples: Samples,
  { target, steps, seed = 0, batch = 50, threads = 1, onProgress, ...options }: DistillOptions,
  open: typeof openProbes,
): Promise<Result<Distilled>> {
  if (samples.count < 2)
    return {
      diagnostics: [
        error("too-few-samples", "distillation needs at least two samples, because it holds one out"),
      ],
    };
  const diagnostics: Diagnostic[] = [];
  const candidates = new Map(findCandidates(module).map((one) => [one.node.name, one]));
  const candidateOf = (name: string): Candidate => candidates.get(name) ?? bug(`${name} cannot be split`);
  const start = balancedLayers(module, layers);
  const padded = new Map([...start].map(([name, layer]) => [name, paddedLayer(candidateOf(name), layer)]));
  const network = splitPass.run(module, {
    target,
    options: { split: { mode: "factors", layers: padded } },
    report: (one) => void diagnostics.push(one),
  });
  if (hasErrors(diagnostics)) return { diagnostics };
  const parameters = parametersOf(network.graph, padded);
  const outputs = comparedOutputs(module.graph);
  const inner = findCandidates(module).flatMap(({ node }) =>
    start.has(node.name) ? [valueAfter(module.graph, node)] : [],
  );
  const values = [...new Set([...outputs, ...inner])];
  const rounded = values.map((id) => nodeOf(module.graph, id)).find(({ type }) => isInteger(type.dtype));
  if (rounded) return { diagnostics: [noGradient(rounded)] };

  const random = seededRandom(seed);
  const order = shuffled(samples.count, random);
  const held = order.slice(0, Math.max(1, Math.floor(samples.count / 10)));
  const training = order.slice(held.length);
  const teacher = await open(module, values, { threads });
  if (!teacher.value) return { diagnostics: teacher.diagnostics };
  const taught = await rememberTargets(teacher.value, values, samples, training, onProgress);
  const student = await openStudent(
    network,
    parameters,
    values.map((node, at) => ({
      node,
      variance: taught.variances[at] ?? 1,
      isOutput: outputs.includes(node),
    })),
    threads,
    open,
  );
  if (!student.value) return { diagnostics: student.diagnostics };
  const { inputOf, eachLoss, eachGradients } = student.value;
  const identity = identityOf([...layers], { target, steps, seed, batch });
  const checkpoints = (options.checkpoints ?? openCheckpoints(undefined, "")).part(identity);
  const kept = await checkpoints.load<Look>(
    "distilling",
    ({ step }) => `step ${step} of ${steps} (distilling)`,
  );
  const tensors = kept?.tensors ?? parameters.map(({ data }) => data.slice());
  const average = kept?.average ?? parameters.map(({ data }) => data.slice());

  const inputsFor = (indices: readonly number[], values: readonly Float32Array[]): Samples => ({
    count: indices.length,
    async read(at) {
      const index = indices[at] ?? bug("no sample");
      return inputOf(await samples.read(index), values, await taught.read(index));
    },
  });
  const heldOut = [...(kept?.heldOut ?? [])];
  let best = kept?.best ?? { step: 0, loss: Number.POSITIVE_INFINITY, tensors: average };
  const judge = async (step: number): Promise<void> => {
    let loss = 0;
    await eachLoss(inputsFor(held, average), (one) => void (loss += one / held.length));
    heldOut.push({ step, loss });
    if (loss < best.loss) best = { step, loss, tensors: average.map((one) => one.slice()) };
  };
  if (!kept) await judge(0);
  const rates = parametersOf(network.graph, start).map(
    ({ data, isBias }) => relativeRate * Math.max(rootMeanSquare(data), isBias ? leastBias : 0),
  );
  const adam = createAdam(tensors, rates, kept?.adam);
  const next = drawFrom(training, random);
  const done = kept?.step ?? 0;
  for (let drawn = 0; drawn < done * batch; drawn += 1) next();
  const sums = tensors.map(({ length }) => new Float64Array(length));
  for (let step = done + 1; step <= steps && step - 1 - best.step < patience * interval; step += 1) {
    checkpoints.begin();
    for (const sum of sums) sum.fill(0);
    const drawn = Array.from({ length: batch }, next);
    await eachGradients(inputsFor(drawn, tensors), (gradients) => {
      for (const [at, gradient] of gradients.entries())
        addScaled(sums[at] ?? bug("no sums"), gradient, 1 / batch);
    });
    const cosine = 0.5 * (1 + Math.cos((Math.PI * (step - 1)) / steps));
    adam.step(sums, cosine * Math.min(1, step / warmUp));
    for (const [at, tensor] of tensors.entries())
      moveTowards(average[at] ?? bug("no average"), tensor, 1 - averageDecay);
    onProgress?.({ stage: "distilling", done: step, all: steps });
    if (step % interval !== 0 && step !== steps) continue;
    await judge(step);
    const look: Look = { step, tensors, average, best, heldOut, adam: adam.state };
    await checkpoints.save("distilling", look);
  }
  const found = [...withValues(padded, parameters, best.tensors)].map(
    ([name, layer]) =>
      [name, withRank(candidateOf(name), layer, start.get(name)?.rank ?? layer.rank)] as const,
  );
  return {
    value: {
      layers: best.step === 0 ? layers : new Map(found),
      best: best.step,
      heldOut,
    },
    diagnostics,
  };
}

/** Everything that the following steps depend on. */
interface Look {
  readonly step: number;
  readonly tensors: readonly Float32Array[];
  readonly average: readonly Float32Array[];
  readonly best: HeldOut & { readonly tensors: readonly Float32Array[] };
  readonly heldOut: readonly HeldOut[];
  readonly adam: AdamState;
}

/** A network whose parameters are inputs. */
interface Student {
  /** The inputs of a run: a sample, the parameters, and the targets of the values. */
  inputOf(sample: Sample, tensors: readonly Float32Array[], targets: readonly Float32Array[]): Sample;
  /** The loss of each sample. */
  eachLoss(inputs: Samples, each: (loss: number) => void): Promise<void>;
  /** ∂loss/∂parameter for each sample; the arrays are valid until `each` returns. */
  eachGradients(inputs: Samples, each: (gradients: readonly Float32Array[]) => void): Promise<void>;
}

async function openStudent(
  network: Module,
  parameters: readonly Parameter[],
  compared: readonly Compared[],
  threads: number,
  open: typeof openProbes,
): Promise<Result<Student>> {
  const { module, loss, targets } = distillLoss(network, compared);
  const wanted = parameters.map(({ node }) => node);
  const made = gradientModule(module, { outputs: [loss], wanted, seeds: "ones" });
  if (!made.value) return { diagnostics: made.diagnostics };
  const { gradients } = made.value;
  const forward = await open(module, [loss], { from: wanted, threads, lanes: true });
  const backward = await open(made.value.module, gradients, { from: wanted, threads, lanes: true });
  const [judge, teach] = [forward.value, backward.value];
  if (!judge || !teach) return { diagnostics: [...forward.diagnostics, ...backward.diagnostics] };
  const names = wanted.map((node) => nodeOf(network.graph, node).name);
  const named = (keys: readonly string[], values: readonly Float32Array[]): Sample =>
    Object.fromEntries(keys.map((name, at) => [name, values[at] ?? bug(`no ${name}`)]));
  return {
    diagnostics: [],
    value: {
      inputOf: (sample, tensors, values) => ({
        ...sample,
        ...named(names, tensors),
        ...named(targets, values),
      }),
      eachLoss: (inputs, each) =>
        runProbes([judge], inputs, ([found]) => each(found?.get(loss)?.[0] ?? bug("no loss"))),
      eachGradients: (inputs, each) =>
        runProbes([teach], inputs, ([found]) =>
          each(gradients.map((gradient) => found?.get(gradient) ?? bug("no gradient"))),
        ),
    },
  };
}

function shuffled(count: number, random: Random): number[] {
  const order = Array.from({ length: count }, (_, index) => index);
  for (let at = count - 1; at > 0; at -= 1) {
    const other = random.int(0, at);
    [order[at], order[other]] = [order[other] ?? 0, order[at] ?? 0];
  }
  return order;
}

/** Draws one item after another; shuffles again when all were drawn. */
function drawFrom(items: readonly number[], random: Random): () => number {
  let left: number[] = [];
  return () => {
    if (left.length === 0) left = shuffled(items.length, random).map((at) => items[at] ?? 0);
    return left.pop() ?? 0;
  };
}

function addScaled(sums: Float64Array, terms: Float32Array, factor: number): void {
  for (let at = 0; at < sums.length; at += 1) sums[at] = (sums[at] ?? 0) + factor * (terms[at] ?? 0);
}

function moveTowards(values: Float32Array, to: Float32Array, part: number): void {
  for (let at = 0; at < values.length; at += 1)
    values[at] = (values[at] ?? 0) + part * ((to[at] ?? 0) - (values[at] ?? 0));
}
