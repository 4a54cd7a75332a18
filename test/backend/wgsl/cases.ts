// The cases that run on adapters: samples of every op, random nets and graphs, the examples, each as a program with inputs.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { wgslTarget } from "#backend/wgsl/target.js";
import { optimize } from "#compile/optimize.js";
import type { OpName } from "#ir/graph.js";
import type { Tensor } from "#ir/tensor.js";
import type { Module } from "#ir/weights.js";
import type { KernelProgram } from "#kernel/ir/ir.js";
import { wgslTile } from "#kernel/part/tile.js";
import type { Distribution } from "#ops/distributions.js";
import { seededRandom } from "#ops/random.js";
import { fuse } from "#passes/fuse.js";
import { readModel } from "../../../src/node/index.js";
import { kindOf, opSample, randomInputs, scaleOf } from "../../op-module.js";
import { splitOrders } from "#passes/split.js";
import { smallDims } from "../../models/small.js";
import { randomConvolution } from "../../random-convolution.js";
import { randomModule } from "../../random-graph.js";
import { moduleOf } from "../../schedule/module-of.js";
import { randomNet } from "../../schedule/random-net.js";
import { comparesSomething, wgslProgram } from "./programs.js";

export interface GpuCase {
  /** What to look for when it fails. */
  readonly name: string;
  readonly program: KernelProgram;
  readonly module: Module;
  readonly inputs: ReadonlyMap<string, Tensor>;
  /** Of one op alone: see `scaleOf`. */
  readonly sizes?: Float64Array;
}

const context = { target: wgslTarget, options: {}, report: () => {} };

/** Which of the cases that are drawn are taken: all that compare something, unless a test wants fewer. */
type Fits = (one: GpuCase) => boolean;

/** Samples of an op, in small tiles. */
export function opCases(op: OpName, count: number, fits?: Fits): GpuCase[] {
  return drawCases(count, fits, (seed) => {
    const sample = opSample(op, seed);
    return [{ ...sample, program: wgslProgram(sample.module), sizes: scaleOf(sample) }];
  });
}

/** Random nets, fused. */
export function netCases(count: number, fits?: Fits): GpuCase[] {
  return drawCases(count, fits, (seed) => {
    const text = randomNet(seededRandom(seed));
    return [fused(`net of seed ${seed}\n${text}`, moduleOf(text), kindOf(seed))];
  });
}

/** Random graphs over all ops that are continuous, fused. */
export function graphCases(count: number, fits?: Fits): GpuCase[] {
  return drawCases(count, fits, (seed) => [
    fused(`graph of seed ${seed}`, randomModule(seededRandom(seed), { size: 8 }), kindOf(seed)),
  ]);
}

/** So many random convolutions, split in every order and fused. */
export function splitCases(count: number, fits?: Fits): GpuCase[] {
  return drawCases(count * splitOrders.length, fits, (seed) =>
    splitOrders.map((order): GpuCase => {
      const convolution = randomConvolution(seededRandom(seed));
      const split = { mode: "rank", order, rank: 1 + seed } as const;
      const { module } = optimize(convolution, { target: wgslTarget, split }).value!;
      const inputs = randomInputs(module, seededRandom(seed));
      return { name: `${order} of seed ${seed}`, program: wgslProgram(module, wgslTile), module, inputs };
    }),
  );
}

/** Draws from one seed after another until there are enough cases that fit; fewer, if few of many seeds do. */
function drawCases(count: number, fits: Fits = () => true, draw: (seed: number) => GpuCase[]): GpuCase[] {
  const cases: GpuCase[] = [];
  for (let seed = 0; seed < 16 * count && cases.length < count; seed += 1)
    cases.push(...draw(seed).filter((one) => fits(one) && comparesSomething(one)));
  return cases.slice(0, count);
}

const folder = join(import.meta.dirname, "../../../examples");

export const exampleFiles = readdirSync(folder).filter((file) => file.endsWith(".net"));

/** An example as it is written. */
export const exampleModule = (file: string): Module => readModel(join(folder, file)).value!;

/** An example, optimized, at a small size, in the target's tiles. */
export function exampleCase(file: string): GpuCase {
  const module = readModel(join(folder, file), { dims: smallDims(file) }).value!;
  const optimized = optimize(module, { target: wgslTarget }).value!.module;
  const program = wgslProgram(optimized, wgslTile);
  return { name: file, program, module, inputs: randomInputs(module, seededRandom(1)) };
}

function fused(name: string, module: Module, kind: Distribution): GpuCase {
  const program = wgslProgram(fuse.run(module, context));
  return { name, program, module, inputs: randomInputs(module, seededRandom(1), kind) };
}
