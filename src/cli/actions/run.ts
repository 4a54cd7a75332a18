// The action of `cleave run`: compiles a model in memory, runs it on files or random numbers, and prints the results.

import { lineText } from "#diagnostic/escape.js";
import { elements } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { readLabels } from "../inputs/labels.js";
import type { Inputs } from "../inputs/runs.js";
import { readRuns } from "../inputs/runs.js";
import { emitModel, loadArtifact } from "../model/artifact.js";
import { loadModel } from "../model/load.js";
import { optimizeModel } from "../model/optimize.js";
import type { ImageOptions } from "../options/image.js";
import type { ModelOptions } from "../options/model.js";
import type { PassOptions } from "../options/passes.js";
import { checkThreads } from "../options/passes.js";
import { jsonText } from "../output/json.js";
import { summaryText } from "../output/summary.js";
import { report } from "../output/terminal.js";
import { topK } from "#tasks/values.js";
import type { Session } from "../session/session.js";

export interface RunOptions extends ModelOptions, PassOptions, ImageOptions {
  readonly labels?: string;
  readonly top: number;
  readonly seed: number;
  readonly threads: number;
  readonly json?: boolean;
}

export async function runModel(
  path: string,
  files: readonly string[],
  options: RunOptions,
  session: Session,
): Promise<void> {
  const { terminal } = session;
  if (!checkThreads(options, session)) return;
  const model = loadModel(path, options, session);
  if (!model) return;
  const runs = await readRuns(model, files, options, session);
  const labels = options.labels === undefined ? [] : labelsOf(model, options.labels, session);
  if (!runs || !labels) return;
  const optimized = optimizeModel(model, options, session);
  const artifact = optimized && emitModel(model, optimized.module, options, session);
  const threads = options.target === "wasm" ? { threads: options.threads } : {};
  const net = artifact && (await loadArtifact(artifact, options, session, threads));
  if (!net) return;
  if (!options.json) terminal.out(`${summaryText(model, optimized.module, artifact)}\n`);
  const results: object[] = [];
  for (const { name, inputs } of runs) {
    session.progress.show(`running ${name}`);
    const outputs = await net.run(inputs);
    if (options.json)
      results.push({
        input: name,
        outputs: Object.fromEntries(Object.entries(outputs).map(([key, value]) => [key, [...value]])),
      });
    else
      printOutputs(
        name,
        outputs,
        (output) => (labels.length > 0 ? labels : (model.graph.labels?.get(output) ?? [])),
        options.top,
        terminal,
      );
  }
  net.dispose();
  if (options.json) terminal.out(jsonText(results));
}

/** The labels in a file, or undefined after an error. */
function labelsOf({ graph }: Module, path: string, session: Session): string[] | undefined {
  const counts = graph.outputs.map(({ node }) => elements(graph.nodes.get(node)?.type.shape ?? []));
  const { value, diagnostics } = readLabels(path, counts);
  session.code = Math.max(session.code, report(session.terminal, diagnostics, new Map()));
  return value;
}

/** Prints the largest values of each output, with its labels if their number is that of the values. */
function printOutputs(
  name: string,
  outputs: Inputs,
  labelsOf: (output: string) => readonly string[],
  top: number,
  terminal: Session["terminal"],
): void {
  for (const [output, values] of Object.entries(outputs)) {
    const labels = labelsOf(output);
    const best = topK(values, top, labels.length === values.length ? labels : undefined).map(
      ({ label, value }) => `${label} ${Object.is(value, -0) ? "-0.000" : value.toPrecision(4)}`,
    );
    terminal.out(lineText(`${name}: ${output}  ${best.join("  ")}`).concat("\n"));
  }
}
