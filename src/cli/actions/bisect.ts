// The action of `cleave bisect`: finds the pass, the rule or the kernel that changes results, and a small case that shows it.

import type { Bisection, Fault } from "#bisect/bisect.js";
import { bisect } from "#bisect/bisect.js";
import { bisectionText, commandFor, inputPath } from "#bisect/text.js";
import { joinRules } from "#compile/rules.js";
import { error } from "#diagnostic/diagnostic.js";
import { lineText } from "#diagnostic/escape.js";
import { given } from "#diagnostic/given.js";
import { lineTexts } from "#diagnostic/line-text.js";
import { gpuDiagnostic, nodeGpu } from "#node/gpu.js";
import type { Model } from "#node/read-model.js";
import { readRules } from "#node/read-model.js";
import { writeDumpSteps } from "#node/write-dump.js";
import type { WrittenFile } from "#node/write-file.js";
import { readRuns } from "../inputs/runs.js";
import { readDevices } from "../model/devices.js";
import { loadModel } from "../model/load.js";
import { passChoices, reportOptimized } from "../model/optimize.js";
import type { ImageOptions } from "../options/image.js";
import type { ModelOptions } from "../options/model.js";
import type { PassOptions } from "../options/passes.js";
import { jsonText } from "../output/json.js";
import { writtenText } from "../output/summary.js";
import { exit, report } from "../output/terminal.js";
import { interruptible } from "../session/interruptible.js";
import type { Session } from "../session/session.js";

export interface BisectOptions extends ModelOptions, PassOptions, ImageOptions {
  readonly seed: number;
  readonly drift?: number;
  readonly seconds: number;
  readonly output?: string;
  readonly json?: boolean;
}

export async function bisectModel(
  path: string,
  files: readonly string[],
  options: BisectOptions,
  session: Session,
): Promise<void> {
  const { terminal } = session;
  const { output } = options;
  const fail = (
    diagnostics: Parameters<typeof report>[1],
    sources: ReadonlyMap<string, string> = new Map(),
  ): void => {
    session.code = Math.max(session.code, report(terminal, diagnostics, sources));
  };
  if (output !== undefined && !output.endsWith(".net"))
    return fail([error("wrong-option", `${output} must end in .net`)]);
  const model = loadModel(path, options, session);
  const runs = model && (files.length === 0 ? [] : await readRuns(model, files, options, session));
  const devices = readDevices(options, session);
  if (!model || !runs || !devices) return;
  const rules = readRules(options.rules);
  fail(rules.diagnostics, rules.sources);
  const gpu = options.target === "wgsl" ? await nodeGpu() : undefined;
  if (gpu && !gpu.value) return fail(gpu.diagnostics);
  if (!rules.value) return;
  const { split } = options;
  if (split?.mode === "loss")
    return fail([
      error("wrong-option", "a split within a loss needs samples: bisect the net that `cleave split` writes"),
    ]);
  const sources = new Map([...model.sources, ...rules.sources]);
  try {
    const { value, diagnostics } = await bisect(model, {
      target: options.target,
      ...devices,
      f16: options.f16 ?? false,
      ...passChoices(options, split, joinRules([rules.value, model.rules])),
      samples: runs.map(({ inputs }) => inputs),
      seed: options.seed,
      seconds: options.seconds,
      onStep: (step) => session.progress.show(step),
      ...given({ mostDrift: options.drift, load: gpu?.value && { gpu: gpu.value } }),
    });
    reportOptimized(diagnostics, sources, session);
    if (!value) return;
    if (value.fault) session.code = Math.max(session.code, exit.wrongInput);
    const written =
      value.fault && output !== undefined ? await writeCase(value.fault, output, model, session) : [];
    if (options.json) return terminal.out(jsonText(jsonOf(value)));
    const lines = lineTexts(sources);
    terminal.out(bisectionText(model.graph.name, value, { lineOf: lines, isWritten: output !== undefined }));
    if (value.fault && written.length > 0 && output !== undefined) {
      terminal.out(writtenText(written, undefined));
      terminal.out(
        `to see it again, with the same other options: ${lineText(commandFor(value.fault, output))}\n`,
      );
    }
  } catch (cause) {
    const known = gpuDiagnostic(cause);
    if (!known) throw cause;
    fail(known.diagnostics);
  }
}

/** Writes the reduced case: a net, its weights if the text cannot hold them, and inputs if random ones do not show the fault. */
async function writeCase(
  fault: Fault,
  path: string,
  { sources, files }: Model,
  session: Session,
): Promise<readonly WrittenFile[]> {
  const { reduced, ruleSpan } = fault;
  // A rule of the model's own file goes with the net.
  const text = ruleSpan && sources.get(ruleSpan.file)?.slice(ruleSpan.start, ruleSpan.end);
  const head = [
    `# Shows a fault, in ${reduced.ops} of ${reduced.from} ops: ${lineText(commandFor(fault, path))}\n`,
    ...(text === undefined ? [] : [`${text}\n\n`]),
  ];
  const inputs = reduced.isRandom ? [] : [...reduced.inputs];
  const others = inputs.map(([name, { data }]) => ({
    path: inputPath(path, name),
    text: `${JSON.stringify([...data])}\n`,
  }));
  const steps = writeDumpSteps(reduced.module, path, { inputs: files, head: head.join(""), others });
  const { value = [], diagnostics } = await interruptible(steps);
  session.code = Math.max(session.code, report(session.terminal, diagnostics, new Map()));
  return value;
}

function jsonOf({ fault, ...rest }: Bisection): object {
  if (!fault) return rest;
  const { reduced, ...about } = fault;
  const { module: _, inputs, ...facts } = reduced;
  const values = Object.fromEntries(
    [...inputs].map(([name, { shape, data }]) => [name, { shape, data: [...data] }]),
  );
  return { ...rest, fault: { ...about, reduced: { ...facts, inputs: values } } };
}
