/// <reference types="@webgpu/types" />
// Subgroups: whether a device has those that some shaders need, and which launches change then.

import type { GpuLaunch, GpuModel, GpuModule } from "./types.js";

export const subgroupFeature: GPUFeatureName = "subgroups";

/** The beginning of a shader that uses subgroups. */
export const enableSubgroups = "enable subgroups;\n\n";

/**
 * Whether all subgroups of an adapter have as many invocations as a workgroup of such a shader, which then is one
 * subgroup. Only for software adapters: the gain was measured there, and GPUs want larger workgroups.
 */
export function subgroupsFit(
  { subgroup }: GpuModel,
  features: GPUSupportedFeatures,
  info: GPUAdapterInfo | undefined,
): boolean {
  return (
    subgroup !== undefined &&
    features.has(subgroupFeature) &&
    info?.isFallbackAdapter === true &&
    info.subgroupMinSize === subgroup &&
    info.subgroupMaxSize === subgroup
  );
}

/** The module with launches that use subgroups in place of those that compute the same without. */
export function inSubgroups(module: GpuModule): GpuModule {
  const launches = module.launches.map((launch): GpuLaunch => {
    const [, buffers, , , label, macs, instead] = launch;
    if (!instead) return launch;
    const [shader, offsets, workgroups] = instead;
    return [shader, buffers, offsets, workgroups, label, macs];
  });
  return { ...module, launches };
}
