// The values of a teacher, sample by sample, kept in memory while they fit.

import { pause } from "#calibrate/pause.js";
import type { OnProgress } from "#calibrate/progress.js";
import type { Samples } from "#calibrate/samples.js";
import type { Probes } from "#calibrate/probes.js";
import { bug } from "#diagnostic/diagnostic.js";
import type { NodeId } from "#ir/graph.js";
import { scaleOf } from "#split/layer/fit-layer.js";

export interface Targets {
  /** E‖a − E[a]‖² of each value over the counted samples; the mean square, if the value does not vary. */
  readonly variances: readonly number[];
  /** The values for a sample. They stay valid, and must not be changed. */
  read(index: number): Promise<readonly Float32Array[]>;
}

const mostBytes = 256 * 2 ** 20;

/** Runs the teacher on the samples in `counted`. */
export async function rememberTargets(
  teacher: Probes,
  values: readonly NodeId[],
  samples: Samples,
  counted: readonly number[],
  onProgress?: OnProgress,
): Promise<Targets> {
  const kept = new Map<number, readonly Float32Array[]>();
  let left = mostBytes;
  const compute = async (index: number): Promise<readonly Float32Array[]> => {
    const found = await teacher.run(await samples.read(index));
    const copies = values.map((id) => (found.get(id) ?? bug("a value is missing")).slice());
    const bytes = copies.reduce((sum, { byteLength }) => sum + byteLength, 0);
    if (bytes <= left) {
      kept.set(index, copies);
      left -= bytes;
    }
    return copies;
  };
  // One after another, since runs write into the same arrays.
  let last: Promise<unknown> = Promise.resolve();
  const read = async (index: number): Promise<readonly Float32Array[]> => {
    const known = kept.get(index);
    if (known) return known;
    const found = last.then(() => compute(index));
    last = found.catch(() => {});
    return found;
  };
  const sums: { mean: Float64Array; squares: number }[] = [];
  for (const [done, index] of counted.entries()) {
    for (const [at, value] of (await read(index)).entries()) {
      const sum = (sums[at] ??= { mean: new Float64Array(value.length), squares: 0 });
      for (let element = 0; element < value.length; element += 1) {
        const one = value[element] ?? 0;
        sum.mean[element] = (sum.mean[element] ?? 0) + one / counted.length;
        sum.squares += (one * one) / counted.length;
      }
    }
    onProgress?.({ stage: "running the original", done: done + 1, all: counted.length });
    await pause();
  }
  const variances = sums.map(({ mean, squares }) =>
    scaleOf(squares - mean.reduce((sum, one) => sum + one * one, 0), squares),
  );
  return { variances, read };
}
