// Limits of WebGPU devices: those that every device has, and those that a program needs.

import type { Diagnostic, Result } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import { defaultLimits } from "#runtime/wgsl/device.js";

/** The limits that a compiled net can reach, with their names in `GPUSupportedLimits`. */
export interface Limits {
  readonly maxBufferSize: number;
  readonly maxStorageBufferBindingSize: number;
  readonly maxStorageBuffersPerShaderStage: number;
  readonly maxComputeWorkgroupStorageSize: number;
  readonly maxComputeInvocationsPerWorkgroup: number;
  readonly maxComputeWorkgroupSizeX: number;
  readonly maxComputeWorkgroupsPerDimension: number;
}

/** The limits that every adapter has. */
export const guaranteedLimits: Limits = defaultLimits;

/** The limits in a JSON text; limits that it omits are the guaranteed ones. */
export function parseLimits(text: string, file: string): Result<Partial<Limits>> {
  let values: unknown;
  try {
    values = JSON.parse(text);
  } catch (cause) {
    return wrongLimits(`${file} is not JSON: ${String(cause)}`);
  }
  if (typeof values !== "object" || values === null)
    return wrongLimits(`${file} does not hold an object of limits`);
  // The text may be the whole list of a device: limits that no net can reach are ignored.
  const known = Object.entries(values).filter(([name]) => Object.hasOwn(guaranteedLimits, name));
  if (known.length === 0)
    return wrongLimits(`${file} has none of ${Object.keys(guaranteedLimits).join(", ")}`);
  for (const [name, value] of known) {
    const least = guaranteedLimits[name as keyof Limits];
    if (!Number.isSafeInteger(value) || value < least)
      return wrongLimits(
        `${name} in ${file} must be a whole number of at least ${least}, what every device has`,
      );
  }
  return { value: Object.fromEntries(known), diagnostics: [] };
}

function wrongLimits(message: string): Result<Partial<Limits>> {
  return { diagnostics: [error("wrong-limits", message)] };
}

/** One diagnostic for each need that exceeds the limits, with what would help. */
export function checkLimits(net: string, needed: Limits, limits: Limits): Diagnostic[] {
  return (Object.keys(guaranteedLimits) as (keyof Limits)[]).flatMap((name) =>
    needed[name] <= limits[name]
      ? []
      : [
          error("over-limit", `${net} needs ${name} of ${needed[name]}, and ${limits[name]} are there`, {
            help: [helpFor[name]],
          }),
        ],
  );
}

const ofDevices = "if the devices that it is for have more, say so with --limits";

const helpFor: Readonly<Record<keyof Limits, string>> = {
  maxBufferSize: `one tensor or weight is larger than a buffer can be: a smaller input helps; ${ofDevices}`,
  maxStorageBufferBindingSize: `one tensor or weight is larger than a kernel can bind: a smaller input helps; ${ofDevices}`,
  maxStorageBuffersPerShaderStage: `a fused kernel reads from too many buffers: --without fuse makes smaller ones; ${ofDevices}`,
  maxComputeWorkgroupStorageSize: `a fused kernel keeps too much on chip: --without fuse; ${ofDevices}`,
  maxComputeInvocationsPerWorkgroup: ofDevices,
  maxComputeWorkgroupSizeX: ofDevices,
  maxComputeWorkgroupsPerDimension: ofDevices,
};
