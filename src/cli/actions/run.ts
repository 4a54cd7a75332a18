// The action of `cleave run`: compiles a model in memory, runs it on files or random numbers, and prints the results.

import type { SampleInput } from "#calibrate/samples.js";
import { sampleInputs } from "#calibrate/samples.js";
import type { Diagnostic } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import { lineText } from "#diagnostic/escape.js";
import { greatest } from "#diagnostic/extremes.js";
import { suggest } from "#diagnostic/suggest.js";
import { elements } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { readLabels } from "../inputs/labels.js";
import { randomInput, readInput } from "../inputs/values.js";
import { emitModel, loadArtifact } from "../model/artifact.js";
import { loadModel } from "../model/load.js";
import { optimizeModel } from "../model/optimize.js";
import type { ImageOptions } from "../options/image.js";
import { imageOptions } from "../options/image.js";
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

type Inputs = Record<string, Float32Array>;

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

/** The inputs of each run: files or random values. */
async function readRuns(
  model: Module,
  files: readonly string[],
  options: RunOptions,
  session: Session,
): Promise<{ name: string; inputs: Inputs }[] | undefined> {
  const ports = sampleInputs(model);
  const image = imageOptions(options);
  if (files.length === 0) {
    const inputs = Object.fromEntries(
      ports.map((port, index) => [port.name, randomInput(port, options.seed + index)]),
    );
    return [{ name: `random input, seed ${options.seed}`, inputs }];
  }
  const byPort = new Map<string, { file: string; value: Float32Array }[]>();
  let failed = false;
  const fail = (diagnostics: Parameters<typeof report>[1]): void => {
    session.code = Math.max(session.code, report(session.terminal, diagnostics, new Map()));
    failed = true;
  };
  for (const argument of files) {
    const named = ports.find((port) => argument.startsWith(`${port.name}=`));
    const port = named ?? (ports.length === 1 ? ports[0] : undefined);
    if (!port) {
      const [wish = ""] = argument.split("=");
      const near = suggest(
        wish,
        ports.map((one) => one.name),
      );
      const help = [
        `write name=file; the inputs are ${ports.map((one) => one.name).join(", ")}`,
        ...(near[0] ? [`did you mean ${near[0]}?`] : []),
      ];
      fail([error("unknown-input", `${argument}: which input is this for?`, { help })]);
      continue;
    }
    const file = named ? argument.slice(port.name.length + 1) : argument;
    const { value, diagnostics } = await readInput(file, port, image);
    if (value === undefined) fail(named ? diagnostics : diagnostics.map((one) => hintName(one, file, ports)));
    else byPort.set(port.name, [...(byPort.get(port.name) ?? []), { file, value }]);
  }
  if (failed) return undefined;
  const count = greatest(ports.map((port) => byPort.get(port.name)?.length ?? 0));
  const short = ports.find((port) => byPort.get(port.name)?.length !== count);
  if (short) {
    fail([
      error(
        "missing-input",
        `input \`${short.name}\` has ${byPort.get(short.name)?.length ?? 0} files, but there are ${count} runs`,
      ),
    ]);
    return undefined;
  }
  return Array.from({ length: count }, (_, run) => ({
    name: ports.map((port) => byPort.get(port.name)?.[run]?.file ?? "").join(", "),
    inputs: Object.fromEntries(
      ports.map((port) => [port.name, byPort.get(port.name)?.[run]?.value ?? new Float32Array()]),
    ),
  }));
}

/** Adds a hint if an argument such as `imag=cat.png`, for a net with one input `image`, was read as the name of a file. */
function hintName(one: Diagnostic, file: string, ports: readonly SampleInput[]): Diagnostic {
  const at = file.indexOf("=");
  const near =
    at < 0
      ? []
      : suggest(
          file.slice(0, at),
          ports.map((port) => port.name),
        );
  return near[0] === undefined
    ? one
    : { ...one, help: [...(one.help ?? []), `did you mean ${near[0]}${file.slice(at)}?`] };
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
      ({ label, value }) => `${label} ${value.toPrecision(4)}`,
    );
    terminal.out(lineText(`${name}: ${output}  ${best.join("  ")}`).concat("\n"));
  }
}
