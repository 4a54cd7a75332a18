// Modules as programs for WebGPU, with tiles that keep shaders small, and their comparison with the interpreter.

import { emitWgsl } from "#backend/wgsl/emit.js";
import { wgslTarget } from "#backend/wgsl/target.js";
import { load } from "#compile/load.js";
import type { Scaled } from "#interpret/tolerance.js";
import { firstDifference, halfKernels, interpretScaled, longestReduction } from "#interpret/tolerance.js";
import type { Target } from "#ir/target.js";
import type { Tensor } from "#ir/tensor.js";
import type { Module } from "#ir/weights.js";
import type { KernelProgram } from "#kernel/ir/ir.js";
import { lower } from "#kernel/lower.js";
import type { Tile } from "#kernel/part/tile.js";
import { wgslTile } from "#kernel/part/tile.js";
import { schedule } from "#schedule/schedule-graph.js";

/**
 * Small tiles and blocks: software drivers take a second to compile a large shader, and small tensors then have several blocks and
 * parts that are left over. `team` is less than many loops have items.
 */
export const smallTile: Tile = {
  ...wgslTile,
  rows: 2,
  columns: 4,
  blockPixels: 6,
  blockVectors: 4,
  stripRows: 2,
  blocks: 3,
  team: 8,
  // More rows than items, and no multiple.
  subgroup: { items: 8, rows: 10 },
};

export function wgslProgram(
  module: Module,
  tile: Tile = smallTile,
  target: Target = wgslTarget,
): KernelProgram {
  return lower(schedule(module, target), tile);
}

/** The compared module and its inputs. */
interface Reference {
  readonly module: Module;
  readonly inputs: ReadonlyMap<string, Tensor>;
  /** Whose size sets the tolerance, of an output alone; its values, if absent. */
  readonly sizes?: Float64Array;
}

/**
 * What differs from the interpreter, in words; undefined if nothing does. With `f16`, in halves where the device has them; in
 * subgroups, where the device has the feature and they fit.
 */
export async function difference(
  { program, ...reference }: Reference & { readonly program: KernelProgram },
  device: GPUDevice,
  f16 = false,
): Promise<string | undefined> {
  const net = await load(emitWgsl(program, { version: "test", f16 }), { device, poison: true });
  const wanted = f16 && device.features.has("shader-f16") ? "f16" : "f32";
  if (net.precision !== wanted) return `it runs in ${net.precision}`;
  if (net.subgroups !== (program.subgroups !== undefined && hasSubgroups(device)))
    return `it runs ${net.subgroups ? "" : "not "}in subgroups`;
  const actual = await net.run(arraysOf(reference.inputs));
  net.dispose();
  return disagreement(actual, reference, halfKernels(net));
}

/** Whether a device was made with subgroups, those of a software adapter, and of the size that kernels are for. */
export function hasSubgroups({ features, adapterInfo }: GPUDevice): boolean {
  const { items } = wgslTile.subgroup!;
  const { isFallbackAdapter, subgroupMinSize, subgroupMaxSize } = adapterInfo;
  const fit = subgroupMinSize === items && subgroupMaxSize === items;
  return features.has("subgroups") && isFallbackAdapter && fit;
}

/** Inputs as `run` takes them. */
export function arraysOf(inputs: ReadonlyMap<string, Tensor>): Record<string, Float32Array> {
  return Object.fromEntries([...inputs].map(([name, { data }]) => [name, Float32Array.from(data)]));
}

/**
 * What in outputs differs from the interpreter, in words; undefined if nothing does. `kernels` of them store halves. Where the
 * interpreter gives NaN or ∞, WGSL may give anything; a case of nothing else would compare nothing, and that is said too.
 */
export function disagreement(
  actual: Readonly<Record<string, ArrayLike<number>>>,
  { module, inputs, sizes }: Reference,
  kernels = 0,
): string | undefined {
  const longest = longestReduction(module);
  if (!comparesSomething({ module, inputs })) return "no output has a finite value";
  for (const [name, { value, scale }] of interpreted(module, inputs)) {
    const values = actual[name] ?? [];
    const { data } = value;
    const comparable = Float64Array.from(data, (one, at) => {
      if (!Number.isFinite(one)) return values[at] ?? Number.NaN;
      // WGSL may flush what is no normal float to 0 (WGSL, §15.7.2).
      return Math.abs(one) < 2 ** -126 && values[at] === 0 ? 0 : one;
    });
    const halves = kernels > 0 ? { kernels, scale } : undefined;
    const at = firstDifference(values, comparable, longest, sizes ?? comparable, halves);
    if (at >= 0) return `${name}[${at}]: ${values[at]} for ${data[at]}`;
  }
  return undefined;
}

/** Whether the interpreter gives a finite value: an adapter may give anything elsewhere. */
export function comparesSomething({ module, inputs }: Reference): boolean {
  return [...interpreted(module, inputs).values()].some(({ value }) => value.data.some(Number.isFinite));
}

/** By the inputs, which each case has for itself: a case is run on several devices. */
const references = new WeakMap<ReadonlyMap<string, Tensor>, [Module, ReadonlyMap<string, Scaled>]>();

function interpreted(module: Module, inputs: ReadonlyMap<string, Tensor>): ReadonlyMap<string, Scaled> {
  const [of, known] = references.get(inputs) ?? [];
  if (known && of === module) return known;
  const outputs = interpretScaled(module, inputs);
  references.set(inputs, [module, outputs]);
  return outputs;
}
