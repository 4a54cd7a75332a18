// Compares the outputs of a net before and after splitting, over samples with or without labels.

import type { OnProgress } from "#calibrate/progress.js";
import type { Samples } from "#calibrate/samples.js";
import { openProbes, runProbes } from "#calibrate/probes.js";
import type { Result } from "#diagnostic/diagnostic.js";
import { bug } from "#diagnostic/diagnostic.js";
import { nodeOf } from "#ir/graph.js";
import { elements } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import type { OutputComparison } from "#report/fitted.js";
import { outputLosses } from "./measure.js";

/**
 * Compares the outputs of two nets over samples. `labels` has the class of each sample. Accuracy and agreement are given only for outputs
 * that are a row of values (see `isOfClasses`).
 */
export async function compareOutputs(
  before: Module,
  after: Module,
  samples: Samples,
  {
    threads = 1,
    labels,
    onProgress,
  }: {
    readonly threads?: number;
    readonly labels?: ArrayLike<number>;
    readonly onProgress?: OnProgress;
  } = {},
): Promise<Result<readonly OutputComparison[]>> {
  const ids = before.graph.outputs.map(({ node }) => node);
  const others = after.graph.outputs.map(({ node }) => node);
  const nets = [await openProbes(before, ids, { threads }), await openProbes(after, others, { threads })];
  const opened = nets.flatMap(({ value }) => (value ? [value] : []));
  const close = (): void => {
    for (const net of opened) net.dispose();
  };
  if (opened.length < nets.length) {
    close();
    return { diagnostics: nets.flatMap(({ diagnostics }) => diagnostics) };
  }
  const sums = before.graph.outputs.map(({ name, node }) => {
    const { shape } = nodeOf(before.graph, node).type;
    return {
      name,
      node,
      count: elements(shape),
      ofClasses: isOfClasses(shape),
      loss: outputLosses(1),
      ...zeros,
    };
  });
  await runProbes(
    opened,
    samples,
    ([first, second], index) => {
      for (const [at, sum] of sums.entries()) {
        const wanted = first?.get(sum.node) ?? bug("an output was not computed");
        const found = second?.get(others[at] ?? -1) ?? bug("an output was not computed");
        sum.loss.expect(sum.node, wanted);
        sum.loss.compare(sum.node, 0, wanted, found);
        for (let i = 0; i < wanted.length; i += 1) {
          const difference = Math.abs((wanted[i] ?? 0) - (found[i] ?? 0));
          sum.difference += difference;
          sum.largest = Math.max(sum.largest, difference);
        }
        if (!sum.ofClasses) continue;
        const [classBefore, classAfter] = [largestOf(wanted), largestOf(found)];
        sum.agreeing += classBefore === classAfter ? 1 : 0;
        sum.rightBefore += classBefore === labels?.[index] ? 1 : 0;
        sum.rightAfter += classAfter === labels?.[index] ? 1 : 0;
      }
    },
    onProgress && ((told) => onProgress({ ...told, stage: "comparing outputs" })),
  );
  close();
  const { count } = samples;
  return {
    value: sums.map((sum) => ({
      name: sum.name,
      samples: count,
      loss: sum.loss.finish()[0] ?? 0,
      meanDifference: sum.difference / (count * sum.count),
      largestDifference: sum.largest,
      ...(sum.ofClasses ? { agreement: sum.agreeing / count } : {}),
      ...(sum.ofClasses && labels
        ? { accuracy: { before: sum.rightBefore / count, after: sum.rightAfter / count } }
        : {}),
    })),
    diagnostics: [],
  };
}

const zeros = { difference: 0, largest: 0, agreeing: 0, rightBefore: 0, rightAfter: 0 };

/** Whether an output is a row of values, one for each class: all axes but one have extent 1. */
export function isOfClasses(shape: readonly number[]): boolean {
  return shape.filter((extent) => extent > 1).length === 1;
}

function largestOf(values: Float32Array): number {
  let best = 0;
  for (let at = 1; at < values.length; at += 1) if ((values[at] ?? 0) > (values[best] ?? 0)) best = at;
  return best;
}
