// The action of `cleave compile`: compiles a model into one ES module, its types and its packed weights.

import type { ModuleFormat } from "#backend/format.js";
import type { Task } from "#compile/classifier.js";
import { checkEmbedding } from "#compile/emit.js";
import { given } from "#diagnostic/given.js";
import { countsOf } from "#report/counts.js";
import { picturesText } from "#report/pictures.js";
import type { Model } from "#node/read-model.js";
import { writeModuleSteps } from "#node/write-module.js";
import { readDevices } from "../model/devices.js";
import { loadModel } from "../model/load.js";
import { withPictures } from "../model/pictures.js";
import type { PictureOptions } from "../options/image.js";
import type { ModelOptions } from "../options/model.js";
import type { WithQuantize } from "../options/quantize.js";
import { jsonText } from "../output/json.js";
import { packing } from "../output/progress.js";
import { flushedText, summaryText, writtenText } from "../output/summary.js";
import { report } from "../output/terminal.js";
import { optimizeQuantized } from "../quantize/quantize.js";
import { changesText } from "../quantize/changes.js";
import { interruptible } from "../session/interruptible.js";
import type { Session } from "../session/session.js";

import { compileForTargets } from "../targets/compile-for-targets.js";

export interface CompileOptions extends ModelOptions, WithQuantize, PictureOptions {
  readonly output: string;
  readonly embedWeights?: boolean;
  readonly workerFile?: boolean;
  readonly format?: ModuleFormat;
  readonly emit?: "wgsl";
  readonly task?: Task;
  readonly json?: boolean;
}

export async function compileModel(path: string, options: CompileOptions, session: Session): Promise<void> {
  const model = readForCompile(path, options, session);
  if (model) await writeCompiled(model, options, session);
}

/** The model, with what the options say about its pictures and classes; undefined after errors. */
export function readForCompile(path: string, options: CompileOptions, session: Session): Model | undefined {
  const read = loadModel(path, options, session);
  return read && withPictures(read, options, session);
}

/** Compiles a model that was read with the same options. */
export async function writeCompiled(model: Model, options: CompileOptions, session: Session): Promise<void> {
  const { terminal } = session;
  const devices = readDevices(options, session);
  const fitted = devices && (await optimizeQuantized(model, options, session));
  if (!fitted) return;
  const { optimized, quantized } = fitted;
  if (options.embedWeights) {
    const problems = checkEmbedding(optimized.module);
    session.code = Math.max(session.code, report(terminal, problems, model.sources));
    if (problems.length > 0) return;
  }
  session.progress.show("making kernels");
  const how = {
    ...devices,
    f16: options.f16 ?? false,
    verify: options.verify ?? false,
    shaders: options.emit === "wgsl",
    workerFile: options.workerFile ?? false,
    ...given({ format: options.format }),
    sources: model.sources,
    inputs: model.files,
    onPacked: packing(session.progress),
    ...given({ task: options.task }),
  };
  if (options.targets)
    return compileForTargets(model, fitted, { ...options, targets: options.targets }, how, session);
  const steps = writeModuleSteps(optimized.module, options.output, {
    ...how,
    target: options.target,
    embedWeights: options.embedWeights ?? false,
  });
  const written = await interruptible(steps);
  session.code = Math.max(session.code, report(terminal, written.diagnostics, model.sources));
  if (!written.value) return;
  const { artifact, files } = written.value;
  if (options.json) {
    const { module, types: _, weights: __, shaders: ___, worker: ____, kernels, setup, ...facts } = artifact;
    const counts = countsOf(model.graph, { kernels, setup });
    terminal.out(
      jsonText({
        ...facts,
        ...given({ compact: optimized.compact, quantized: quantized?.report }),
        counts,
        moduleBytes: module.length,
        files: files.map((file) => file.path),
      }),
    );
    return;
  }
  terminal.out(`${summaryText(model, optimized.module, artifact)}\n`);
  terminal.out(picturesText(model.graph));
  if (artifact.flushedWeights > 0) terminal.out(`${flushedText(artifact.flushedWeights)}\n`);
  terminal.out(changesText(fitted));
  terminal.out(writtenText(files, options.embedWeights ? undefined : artifact.module));
}
