/// <reference types="@webgpu/types" />
// Subgroups: whether a device has those that some shaders are written for, and what is launched then.

import type { GpuLaunch, GpuModel, GpuModule } from "./types.js";

export const subgroupFeature: GPUFeatureName = "subgroups";

/** What a shader that uses subgroups begins with. */
export const enableSubgroups = "enable subgroups;\n\n";

/**
 * Whether all subgroups of an adapter have as many invocations as a workgroup of such a shader, which then is one subgroup. On software
 * adapters alone: what it gives was measured there, and GPUs want larger workgroups.
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

/** The module with the launches of shaders that use subgroups in the place of those that do the same without. */
export function inSubgroups(module: GpuModule): GpuModule {
  const launches = module.launches.map((launch): GpuLaunch => {
    const [, buffers, , , label, macs, instead] = launch;
    if (!instead) return launch;
    const [shader, offsets, workgroups] = instead;
    return [shader, buffers, offsets, workgroups, label, macs];
  });
  return { ...module, launches };
}
