// Loads an artifact in the process that made it.

import { given } from "#diagnostic/given.js";
import type { Artifact } from "#backend/artifact.js";
import type { AutoArtifact } from "#backend/auto.js";
import { expectArgument, hasProperties } from "#diagnostic/argument.js";
import type { OptionKinds } from "#diagnostic/options.js";
import {
  aBoolean,
  aCount,
  aFunction,
  anAmount,
  anObject,
  expectOptions,
  oneOf,
} from "#diagnostic/options.js";
import { toBase64 } from "#backend/base64.js";
import { targetNames } from "#ir/target.js";
import type { AutoLoadOptions, ChosenTarget } from "#runtime/auto.js";
import type { LoadOptions, Net } from "#runtime/types.js";

const loadKinds: OptionKinds<LoadOptions> = {
  // The module says what it takes.
  weights: { takes: "weights", holds: () => true },
  fetch: aFunction,
  signal: anObject("an AbortSignal", "throwIfAborted"),
  onProgress: aFunction,
  cache: aBoolean,
  gpu: anObject("a GPU, as `navigator.gpu` is one", "requestAdapter"),
  device: anObject("a GPUDevice", "createBuffer"),
  threads: aCount,
  worker: aBoolean,
  simd: oneOf(["simd", "relaxed"]),
  poison: aBoolean,
  leastWork: anAmount,
};

const autoLoadKinds: OptionKinds<AutoLoadOptions> = { ...loadKinds, target: oneOf(targetNames) };

/**
 * Imports an artifact's module from a `data:` URL, without `eval`, and loads it with the artifact's weights. If a page's policy forbids
 * `data:` scripts, write the files and import them instead. An engine keeps imported modules, so load an artifact only once.
 */
export function load(artifact: Artifact, options?: LoadOptions): Promise<Net>;
/** The same for several targets: the weights of each are those of the artifact by default. The net tells the target that runs. */
export function load(
  artifact: AutoArtifact,
  options?: AutoLoadOptions,
): Promise<Net & { readonly target: ChosenTarget }>;
export async function load(
  artifact: Artifact | AutoArtifact,
  options: LoadOptions | AutoLoadOptions = {},
): Promise<Net> {
  const text = hasProperties(artifact, "module") && typeof artifact.module === "string";
  expectArgument("load", "an artifact, as `compile` gives it", artifact, text);
  expectArgument("load", "an artifact with an ES module", artifact, artifact.format === undefined);
  const isAuto = "targets" in artifact;
  expectOptions<LoadOptions | AutoLoadOptions>("load", options, isAuto ? autoLoadKinds : loadKinds);
  // With a sourceURL, stack traces show this short name instead of the whole text of the module.
  const named = `${artifact.module}\n//# sourceURL=cleave:${artifact.name}.mjs\n`;
  const url = `data:text/javascript;base64,${toBase64(new TextEncoder().encode(named))}`;
  const module = (await import(/* @vite-ignore */ url)) as { load: (options: object) => Promise<Net> };
  return module.load({
    ...given({ weights: isAuto ? weightsByTarget(artifact) : artifact.weights }),
    ...options,
  });
}

/** The weights of each target, unless a sink took all of them. */
function weightsByTarget({ targets }: AutoArtifact): AutoLoadOptions["weights"] {
  const packed = new Map(targets.map(({ target, weights }) => [target, weights]));
  return [...packed.values()].some((weights) => weights) ? (target) => packed.get(target) : undefined;
}
