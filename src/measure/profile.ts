/// <reference types="@webgpu/types" />
// Profiles a module: times each of its kernels in this process, and on a CPU compares them with the roofline of the machine.

import { defaultTarget } from "#ir/target.js";
import { given } from "#diagnostic/given.js";
import { expectModule } from "#diagnostic/argument.js";
import type { OptionKinds } from "#diagnostic/options.js";
import {
  aCount,
  aFunction,
  aModule,
  anAmount,
  anObject,
  expectOptions,
  objectOf,
  optionsOf,
} from "#diagnostic/options.js";
import { bug } from "#diagnostic/diagnostic.js";
import { lineTexts } from "#diagnostic/line-text.js";
import { inputNodes, nodeOf, operands } from "#ir/graph.js";
import type { Module } from "#ir/weights.js";
import { drawInput } from "#ops/distributions.js";
import { seededRandom } from "#ops/random.js";
import { countsOf } from "#report/counts.js";
import type { KernelProfile, ProfileReport } from "#report/profile.js";
import type { KernelCost } from "#schedule/kernel-cost.js";
import type { Traffic } from "#schedule/traffic.js";
import { trafficOf } from "#schedule/traffic.js";
import type { LaunchInfo, Net } from "#runtime/types.js";
import type { EmitModuleOptions } from "#compile/emit.js";
import { emit, emitKinds } from "#compile/emit.js";
import type { TimedDevice } from "./gpu-times.js";
import { timedDevice } from "./gpu-times.js";
import { load } from "#compile/load.js";
import type { Bandwidth, Roofline, RooflineSize } from "./roofline.js";
import { bandwidthFor, integerRate, measureRoofline } from "./roofline.js";
import { scheduleModule } from "#compile/schedule-module.js";
import { targetOf } from "#compile/targets.js";

/** What `profile` takes. */
export interface ProfileOptions extends Omit<EmitModuleOptions, "embedWeights" | "packedInto"> {
  /** The model as written, for `counts`; the module itself by default. */
  readonly written?: Module;
  /** 1 by default. */
  readonly threads?: number;
  /** The number of timed runs, 20 by default. */
  readonly runs?: number;
  /** Milliseconds of runs before these, in which the engine compiles the code, 500 by default; at least two runs. */
  readonly warmup?: number;
  /** wgsl: the `navigator.gpu` to use if none exists or another one is wanted, such as that of the package `webgpu` in Node. */
  readonly gpu?: object;
  /** How much the kernels compute that measure the machine. */
  readonly roofline?: Partial<RooflineSize>;
  /** Called at the beginning of each step, with its name. */
  readonly onStep?: (step: string) => void;
}

const { embedWeights: _, packedInto: __, ...emitted } = emitKinds;

const profileKinds: OptionKinds<ProfileOptions> = {
  ...emitted,
  written: aModule,
  threads: aCount,
  runs: aCount,
  warmup: anAmount,
  gpu: anObject("a GPU, as `navigator.gpu` is one", "requestAdapter"),
  roofline: objectOf("sizes", { macs: aCount, elements: aCount, milliseconds: anAmount }),
  onStep: aFunction,
};

/**
 * Times the kernels of an optimized module on random inputs, one sample at a time. On WebGPU it uses the device's timestamps, and rejects
 * with a `GpuError` if no device has them.
 */
export async function profile(module: Module, options: ProfileOptions = {}): Promise<ProfileReport> {
  expectModule("profile", module);
  expectOptions("profile", options, profileKinds);
  const { target: name = defaultTarget, threads = 1, runs = 20, warmup = 500, onStep } = options;
  const { target } = targetOf(name, options);
  onStep?.("making kernels");
  const artifact = emit(module, optionsOf(emitKinds, options));
  const schedule = scheduleModule(module, target);
  const gpu = artifact.needs
    ? await timedDevice(options.gpu as GPU | undefined, artifact.needs, options.f16 ?? false)
    : undefined;
  const net = await load(artifact, gpu ? { device: gpu.device } : { threads });
  if (!gpu) onStep?.("measuring the machine");
  // A small net stays on one thread.
  const costs = trafficOf(schedule);
  const hasIntegers = costs.some(({ cost }) => cost.integerMacs > 0);
  const machine = gpu
    ? undefined
    : await measureRoofline(name, net.threads ?? 1, { ...options.roofline, hasIntegers });
  const { perLaunch, perRun } = await timeRuns(net, module, { warmup, runs, onStep, gpu });
  const lineOf = lineTexts(options.sources ?? new Map());
  const milliseconds = perLaunch.map(median);
  const sum = milliseconds.reduce((all, one) => all + one, 0);
  const kernels = schedule.groups.map((group, order): KernelProfile => {
    const launch = net.launches[order] ?? bug("a kernel that is not launched");
    const cost = costs[order] ?? bug("a kernel without a cost");
    const ops = group.nodes.map((id) => {
      const node = nodeOf(schedule.graph, id);
      const line = lineOf(node.origin.spans[0]);
      return {
        name: node.name,
        op: node.op,
        operands: operands(schedule.graph, node).map(({ type }) => type.shape),
        shape: node.type.shape,
        ...given({ line }),
      };
    });
    const own = milliseconds[order] ?? 0;
    return { order, ops, ...place(launch, cost, own, machine), share: own / sum };
  });
  net.dispose();
  gpu?.device.destroy();
  const roofline = kernels.reduce((all, one) => all + (one.roofline?.milliseconds ?? 0), 0);
  return {
    name: module.graph.name,
    target: target.name,
    ...given({ adapter: gpu?.adapter }),
    threads: net.threads ?? 1,
    runs,
    ...(machine ? { machine, rooflineMilliseconds: roofline } : {}),
    kernels,
    counts: countsOf((options.written ?? module).graph, artifact),
    milliseconds: median(perRun),
    kernelMilliseconds: sum,
  };
}

/** The milliseconds of each launch and of each whole run. */
async function timeRuns(
  net: Net,
  { graph }: Module,
  how: {
    readonly warmup: number;
    readonly runs: number;
    readonly onStep: ProfileOptions["onStep"];
    readonly gpu: TimedDevice | undefined;
  },
): Promise<{ readonly perLaunch: readonly number[][]; readonly perRun: readonly number[] }> {
  const { warmup, runs, onStep, gpu } = how;
  const random = seededRandom(1);
  const inputs = Object.fromEntries(
    inputNodes(graph).map(({ name, type }) => [name, drawInput(random, type)]),
  );
  const perLaunch = net.launches.map((): number[] => []);
  const perRun: number[] = [];
  onStep?.("warming up");
  const until = performance.now() + warmup;
  for (let run = 0; run < 2 || performance.now() < until; run += 1) await net.run(inputs);
  for (let run = 0; run < runs; run += 1) {
    onStep?.(`run ${run + 1} of ${runs}`);
    const times = new Float64Array(net.launches.length);
    const begin = performance.now();
    await net.run(inputs, gpu ? {} : { times });
    perRun.push(performance.now() - begin);
    if (gpu) times.set(await gpu.times());
    for (const [at, time] of times.entries()) perLaunch[at]?.push(time);
  }
  return { perLaunch, perRun };
}

/** A kernel's place under the roofline. */
function place(
  launch: LaunchInfo,
  { cost, traffic }: ReturnType<typeof trafficOf>[number],
  milliseconds: number,
  machine: Roofline | undefined,
): Omit<KernelProfile, "order" | "ops" | "share"> {
  const bytes = cost.bytesRead + cost.bytesWritten;
  return {
    kernel: launch.kernel,
    milliseconds,
    macs: launch.macs,
    macsDone: cost.macs,
    integerMacs: cost.integerMacs,
    gigaflops: milliseconds > 0 ? (2e-6 * launch.macs) / milliseconds : 0,
    bytes,
    gigabytes: milliseconds > 0 ? (1e-6 * bytes) / milliseconds : 0,
    ...given({ roofline: machine && underRoofline(cost, traffic, milliseconds, machine) }),
  };
}

/**
 * The least time that the machine allows. An elementwise result counts as one multiply-accumulate. Bytes that a kernel reads come from the
 * cache that may still have them: each at the bandwidth for the bytes that were used since.
 */
function underRoofline(
  { macs, integerMacs, steps }: KernelCost,
  traffic: readonly Traffic[],
  milliseconds: number,
  machine: Roofline,
): Exclude<KernelProfile["roofline"], undefined> {
  const rate = machine.integers ? integerRate(machine.integers) : machine.macsPerSecond;
  const compute = (macs - integerMacs + steps) / machine.macsPerSecond + integerMacs / rate;
  const byLevel = new Map<Bandwidth, number>();
  for (const { bytes, distance } of traffic) {
    const level = bandwidthFor(machine, distance);
    byLevel.set(level, (byLevel.get(level) ?? 0) + bytes / level.bytesPerSecond);
  }
  const levels = [...byLevel].toSorted(([, a], [, b]) => b - a);
  const memory = levels.reduce((sum, [, seconds]) => sum + seconds, 0);
  const allowed = 1000 * Math.max(compute, memory);
  const [[slowest] = []] = levels;
  const level = compute > memory || slowest === machine.bandwidths.at(-1) ? undefined : slowest;
  return {
    milliseconds: allowed,
    bound: compute > memory ? "compute" : level ? "cache" : "memory",
    ...given({ cacheBytes: level?.bytes }),
    share: milliseconds > 0 ? allowed / milliseconds : 0,
  };
}

function median(all: readonly number[]): number {
  const sorted = all.toSorted((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  const upper = sorted[half] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? 0) + upper) / 2;
}
