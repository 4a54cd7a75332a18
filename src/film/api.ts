// The page of a film, as the API has it.

import type { Sample } from "#calibrate/samples.js";
import { checkSamples, sampleInputs, samplesOf } from "#calibrate/samples.js";
import { kernelErrors } from "#compile/lower-module.js";
import type { Optimized } from "#compile/optimize.js";
import type { Devices } from "#compile/targets.js";
import { devicesKinds, targetFor } from "#compile/targets.js";
import { expectArgument, expectModule, hasProperties } from "#diagnostic/argument.js";
import type { Diagnostic, Result } from "#diagnostic/diagnostic.js";
import { hasErrors } from "#diagnostic/diagnostic.js";
import { given } from "#diagnostic/given.js";
import type { OptionKinds } from "#diagnostic/options.js";
import { aBoolean, anObject, aText, expectOptions, mapOf, oneOf, recordOf } from "#diagnostic/options.js";
import type { TargetName } from "#ir/target.js";
import { targetNames } from "#ir/target.js";
import type { Module } from "#ir/weights.js";
import type { ProfileReport } from "#report/profile.js";
import { comparisonOf, filmOf } from "./film.js";
import { programOf } from "./program.js";

/** What a page of two graphs shows beside them. */
export interface ComparisonPageOptions {
  /** Texts by file, whose lines the page shows beside the nodes that come from them. */
  readonly sources?: ReadonlyMap<string, string>;
  /** Values of the inputs by name, to show those of all nodes: statistics, and an image of each channel. */
  readonly sample?: Sample;
}

/** What a page of a film shows beside the graphs. */
export interface FilmPageOptions extends ComparisonPageOptions, Devices {
  /** The target for which the module was optimized: the page then has the code of its kernels. */
  readonly target?: TargetName;
  /** wgsl: whether the code is that for devices with f16. */
  readonly f16?: boolean;
  /** Times of the kernels, as `profile` measures them. */
  readonly profile?: ProfileReport;
}

const comparisonKinds: OptionKinds<ComparisonPageOptions> = {
  sources: mapOf("texts by file", aText),
  sample: recordOf("Float32Arrays by input", {
    takes: "a Float32Array",
    holds: (value) => value instanceof Float32Array,
  }),
};

const filmKinds: OptionKinds<FilmPageOptions> = {
  ...comparisonKinds,
  target: oneOf(targetNames),
  ...devicesKinds,
  f16: aBoolean,
  profile: anObject("a report of `profile`", "kernels", "milliseconds"),
};

/**
 * The page that `cleave inspect --html` writes, as HTML: what each pass, each rule and each fusion did to `model`, of which `optimize` made
 * `optimized`. Errors: a target that cannot compute the module, a sample that does not fit the inputs.
 */
export async function filmPage(
  model: Module,
  optimized: Pick<Optimized, "module" | "trace" | "approximations">,
  options: FilmPageOptions = {},
): Promise<Result<string>> {
  expectModule("filmPage", model);
  const isOptimized = hasProperties(optimized, "module", "trace", "approximations");
  expectArgument("filmPage", "a result of `optimize`", optimized, isOptimized);
  expectOptions("filmPage", options, filmKinds);
  const { target, f16, profile, sources = new Map<string, string>(), sample } = options;
  const devices: Devices = given({ limits: options.limits, adapter: options.adapter });
  const { module } = optimized;
  const problems = [
    ...(target === undefined ? [] : kernelErrors(module, targetFor(target, devices))),
    ...(await sampleProblems([model], sample)),
  ];
  if (hasErrors(problems)) return { diagnostics: problems };
  const program = target && programOf(module, { target, devices, sources, ...given({ f16, profile }) });
  return filmOf(model, optimized, {
    made: target === undefined ? "without a target" : `target ${target}`,
    sources,
    ...given({ program, sample: sample && { name: sampleName, values: sample } }),
  });
}

/** A page that shows two graphs side by side, with what is different, as HTML. */
export async function comparisonPage(
  sides: readonly [Module, Module],
  labels: readonly [string, string],
  options: ComparisonPageOptions = {},
): Promise<Result<string>> {
  const arePairs = [sides, labels].every((pair) => Array.isArray(pair) && pair.length === 2);
  expectArgument("comparisonPage", "two modules and two labels", sides, arePairs);
  for (const side of sides) expectModule("comparisonPage", side);
  for (const label of labels)
    expectArgument("comparisonPage", "labels that are texts", label, aText.holds(label));
  expectOptions("comparisonPage", options, comparisonKinds);
  const { sources = new Map<string, string>(), sample } = options;
  const problems = await sampleProblems(sides, sample);
  if (hasErrors(problems)) return { diagnostics: problems };
  return comparisonOf(sides, labels, {
    made: "by the API",
    sources,
    ...given({ sample: sample && { name: sampleName, values: sample } }),
  });
}

/** What the page calls the sample. */
const sampleName = "the sample";

async function sampleProblems(
  modules: readonly Module[],
  sample: Sample | undefined,
): Promise<readonly Diagnostic[]> {
  if (!sample) return [];
  const checks = modules.map((module) => checkSamples(samplesOf([sample]), sampleInputs(module)));
  return (await Promise.all(checks)).flatMap(({ diagnostics }) => diagnostics);
}
