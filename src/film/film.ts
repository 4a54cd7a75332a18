// Makes a film of a compilation, or of two graphs that are compared.

import type { Sample } from "#calibrate/samples.js";
import type { Optimized } from "#compile/optimize.js";
import { version } from "#compile/version.js";
import type { Result } from "#diagnostic/diagnostic.js";
import { lineText } from "#diagnostic/escape.js";
import { given } from "#diagnostic/given.js";
import type { Module } from "#ir/weights.js";
import type { Film, Program } from "./data.js";
import { pageText } from "./page.js";
import { createSources } from "./sources.js";
import type { Steps } from "./steps.js";
import { comparedSteps, stepsOf } from "./steps.js";
import type { FilmValues, ValueRequest } from "./values.js";
import { shownNodes, valuesOf } from "./values.js";
import { versionsOf } from "./versions.js";

export interface FilmOptions {
  /** What the film is for, in words: `target wasm`. */
  readonly made: string;
  /** Texts by file, whose lines the page shows. */
  readonly sources?: ReadonlyMap<string, string>;
  /** The kernels of the last graph. */
  readonly program?: Program;
  /** An input with its name, to show the values that nodes have for it. */
  readonly sample?: { readonly name: string; readonly values: Sample };
}

/** The page of a compilation: its passes and rules, one after another. */
export async function filmOf(
  written: Module,
  { module, trace, approximations }: Pick<Optimized, "module" | "trace" | "approximations">,
  options: FilmOptions,
): Promise<Result<string>> {
  const steps = stepsOf(written, trace);
  const last = steps.steps.length - 1;
  // Rewrites keep the values of ids, so those of the first graph hold for all, unless something was approximated.
  const isExact = approximations.length === 0;
  const requests: readonly ValueRequest[] = [
    {
      module: written,
      nodes: shownNodes(written.graph),
      born: 0,
      died: isExact ? last + 1 : Math.max(1, last),
    },
    {
      module,
      nodes: shownNodes(module.graph).filter((id) => !isExact || !written.graph.nodes.has(id)),
      born: isExact ? 0 : last,
      died: last + 1,
    },
  ];
  return pageOf(written, steps, false, requests, options);
}

/** The page of two graphs side by side. */
export async function comparisonOf(
  sides: readonly [Module, Module],
  labels: readonly [string, string],
  options: FilmOptions,
): Promise<Result<string>> {
  const steps = comparedSteps(sides, [lineText(labels[0]), lineText(labels[1])]);
  const requests = steps.modules.map((module, at): ValueRequest => {
    return { module, nodes: shownNodes(module.graph), born: at, died: at + 1 };
  });
  return pageOf(sides[0], steps, true, requests, options);
}

async function pageOf(
  { graph }: Module,
  { steps, passes, graphs }: Steps,
  compares: boolean,
  requests: readonly ValueRequest[],
  { made, sources = new Map(), program, sample }: FilmOptions,
): Promise<Result<string>> {
  const texts = createSources(sources);
  const versions = versionsOf({ steps, graphs, compares }, texts);
  const computed: Result<FilmValues> | undefined = sample && (await valuesOf(requests, sample.values));
  if (computed && !computed.value) return { diagnostics: computed.diagnostics };
  const values = computed?.value;
  const film: Film = {
    name: lineText(graph.name),
    made: lineText(`Made by Cleave ${version}, ${made}.`),
    compares,
    passes,
    steps: steps.map((step) => ({ ...step, label: lineText(step.label) })),
    ...versions,
    files: texts.files,
    ...given({ program }),
    ...(values && sample ? { values: { input: lineText(sample.name), rows: values.rows } } : {}),
    omitted: values?.omitted ?? [],
  };
  return {
    value: pageText(film, values?.codes ?? new Uint8Array()),
    diagnostics: computed?.diagnostics ?? [],
  };
}
