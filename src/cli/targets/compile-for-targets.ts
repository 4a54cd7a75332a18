// `cleave compile` for several targets: the passes that depend on a target run for each, and one module holds them all.

import type { AutoArtifact } from "#backend/auto.js";
import { beforeTarget } from "#compile/emit-auto.js";
import type { ForTarget } from "#compile/emit-auto.js";
import { greatest } from "#diagnostic/extremes.js";
import { lineText } from "#diagnostic/escape.js";
import { given } from "#diagnostic/given.js";
import { timeText } from "#ir/units.js";
import type { TargetName } from "#ir/target.js";
import type { WriteAutoOptions } from "#node/write-module.js";
import { writeAutoSteps } from "#node/write-module.js";
import type { Model } from "#node/read-model.js";
import type { QuantizedNet } from "#quantize/quantize-net.js";
import { countsOf, countsText } from "#report/counts.js";
import { picturesText } from "#report/pictures.js";
import type { WithQuantize } from "../options/quantize.js";
import { optimizeModel } from "../model/optimize.js";
import { changesText } from "../quantize/changes.js";
import { jsonText } from "../output/json.js";
import { flushedText, writtenText } from "../output/summary.js";
import { report } from "../output/terminal.js";
import { interruptible } from "../session/interruptible.js";
import type { Session } from "../session/session.js";
import type { FittedModel } from "../split/fit.js";

interface TargetsOptions extends WithQuantize {
  readonly targets: readonly TargetName[];
  readonly output: string;
  readonly json?: boolean;
}

export async function compileForTargets(
  model: Model,
  fitted: FittedModel & { readonly quantized?: QuantizedNet },
  options: TargetsOptions,
  how: WriteAutoOptions,
  session: Session,
): Promise<void> {
  const { terminal } = session;
  const modules = optimizeForTargets(model, fitted, options, session);
  if (!modules) return;
  const steps = writeAutoSteps(modules, options.output, { ...how, ...given({ order: options.targetOrder }) });
  const written = await interruptible(steps);
  session.code = Math.max(session.code, report(terminal, written.diagnostics, model.sources));
  if (!written.value) return;
  const { artifact, files } = written.value;
  if (options.json) {
    terminal.out(
      jsonText({
        name: artifact.name,
        targets: artifact.targets.map((one) => factsOf(one, model)),
        ...given({ compact: fitted.optimized.compact, quantized: fitted.quantized?.report }),
        moduleBytes: artifact.module.length,
        files: files.map((file) => file.path),
      }),
    );
    return;
  }
  const lines = artifact.targets.map(
    (one) =>
      `  ${one.target}: ${countsText(countsOf(model.graph, one))}; modelled ${timeText(one.seconds)} a run\n`,
  );
  terminal.out(
    `${lineText(model.graph.name)}: the net takes the first of these targets that can run where it is loaded\n`,
  );
  terminal.out(lines.join(""));
  terminal.out(picturesText(model.graph));
  const flushed = greatest(
    artifact.targets.map(({ flushedWeights }) => flushedWeights),
    0,
  );
  if (flushed > 0) terminal.out(`${flushedText(flushed)}\n`);
  terminal.out(changesText(fitted));
  terminal.out(writtenText(files, artifact.module));
}

/** What is true of the part of a target, without its shaders. */
function factsOf(part: AutoArtifact["targets"][number], model: Model): object {
  const { shaders: _, kernels, setup, ...facts } = part;
  return { ...facts, counts: countsOf(model.graph, { kernels, setup }) };
}

/** The module of each target; the first was made for `options.target`. Undefined after errors. */
function optimizeForTargets(
  model: Model,
  { optimized }: FittedModel,
  options: TargetsOptions,
  session: Session,
): ForTarget[] | undefined {
  const { module: common = optimized.module, passes } = beforeTarget(optimized.trace);
  const { split: _, from: __, stopAfter: ___, ...others } = options;
  const modules: ForTarget[] = [];
  for (const target of options.targets) {
    if (target === options.target) {
      modules.push({ target, module: optimized.module });
      continue;
    }
    const own = { ...others, target, passes, without: [] };
    const made = optimizeModel({ ...model, ...common }, own, session);
    if (!made) return undefined;
    modules.push({ target, module: made.module });
  }
  return modules;
}
