// Loading an artifact in the process that made it.

import type { Artifact } from "#backend/artifact.js";
import type { LoadOptions, Net } from "#runtime/types.js";

/**
 * Imports an artifact's module from a `data:` URL and loads it with the artifact's weights. Where a page's policy forbids
 * `data:` scripts, write the files and import them instead.
 */
export async function load(artifact: Artifact, options: LoadOptions = {}): Promise<Net> {
  const bytes = new TextEncoder().encode(artifact.module);
  let binary = "";
  for (let at = 0; at < bytes.length; at += 0x8000)
    binary += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  const url = `data:text/javascript;base64,${btoa(binary)}`;
  const module = (await import(/* @vite-ignore */ url)) as { load: (options: LoadOptions) => Promise<Net> };
  return module.load({ ...(artifact.weights ? { weights: artifact.weights } : {}), ...options });
}
