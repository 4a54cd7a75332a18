// `cleave verify`: the emitted module against the reference interpreter, on random inputs.

import type { Command } from "commander";
import { emit } from "#compile/emit.js";
import { verifyArtifact } from "#compile/verify-artifact.js";
import type { ModelOptions, PassOptions } from "./model-options.js";
import { emitOptions, withModelOptions, withPassOptions } from "./model-options.js";
import { loadModel, optimizeModel } from "./model.js";
import type { Session } from "./session.js";
import { packing } from "./progress.js";
import { exit } from "./terminal.js";
import { jsonText } from "./json.js";

interface VerifyOptions extends ModelOptions, PassOptions {
  readonly json?: boolean;
}

export function addVerify(root: Command, session: Session): void {
  withPassOptions(withModelOptions(root.command("verify")))
    .description("compare the emitted module with the reference interpreter")
    .argument("<model>", "a .net file")
    .option("--json", "print the comparison as JSON")
    .action((path: string, options: VerifyOptions) => verifyModel(path, options, session));
}

async function verifyModel(path: string, options: VerifyOptions, session: Session): Promise<void> {
  const model = loadModel(path, options, session);
  const optimized = model && optimizeModel(model, options, session);
  if (!model || !optimized) return;
  session.progress.show("making kernels");
  const artifact = emit(optimized.module, {
    ...emitOptions(options),
    sources: model.sources,
    onPacked: packing(session.progress),
  });
  // A split by choice changes values, so the emitted module is held against the graph that it was made from.
  const reference = options.split || options.approx ? optimized.module : model;
  const comparisons = await verifyArtifact(artifact, reference, {
    onStep: (step, part) => session.progress.show(step, part),
  });
  if (options.json) session.terminal.out(jsonText(comparisons));
  for (const { output, largestDifference, allowed, agrees } of comparisons) {
    if (!options.json) {
      session.terminal.out(
        `${output}: largest difference ${largestDifference.toExponential(2)}, allowed ${allowed.toExponential(2)}: ${agrees ? "agrees" : "DIFFERS"}\n`,
      );
    }
    if (!agrees) session.code = Math.max(session.code, exit.wrongInput);
  }
}
