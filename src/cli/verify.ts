// `cleave verify`: the emitted module against the reference interpreter, on random inputs.

import type { Command } from "commander";
import { checkArtifact, emit } from "#compile/emit.js";
import { targetOf } from "#compile/targets.js";
import { verifyNet } from "#compile/verify-artifact.js";
import type { ModelOptions, PassOptions } from "./model-options.js";
import { withModelOptions, withPassOptions } from "./model-options.js";
import { loadModel, optimizeModel } from "./model.js";
import type { Session } from "./program.js";
import { loadArtifact, readLimits, withTargetOptions } from "./target-option.js";
import type { TargetOptions } from "./target-option.js";
import { exit, report } from "./terminal.js";

interface VerifyOptions extends ModelOptions, PassOptions, TargetOptions {
  readonly json?: boolean;
}

export function addVerify(root: Command, session: Session): void {
  withTargetOptions(withPassOptions(withModelOptions(root.command("verify"))))
    .description("compare the emitted module with the reference interpreter")
    .argument("<model>", "a .net file")
    .option("--json", "print the comparison as JSON")
    .action((path: string, options: VerifyOptions) => verifyModel(path, options, session));
}

async function verifyModel(path: string, options: VerifyOptions, session: Session): Promise<void> {
  const model = loadModel(path, options, session);
  const limits = readLimits(options, session);
  const { target } = options;
  const optimized = limits && model && optimizeModel(model, targetOf(target, limits), options, session);
  if (!model || !optimized) return;
  const artifact = emit(optimized.module, { target, limits, embedWeights: false, sources: model.sources });
  const problems = checkArtifact(artifact, limits);
  session.code = Math.max(session.code, report(session.terminal, problems, model.sources));
  const net = problems.length > 0 ? undefined : await loadArtifact(artifact, session, { poison: true });
  if (!net) return;
  // A split by choice changes values, so the emitted module is held against the graph that it was made from.
  const reference = options.split || options.approx ? optimized.module : model;
  const comparisons = await verifyNet(net, reference);
  if (options.json) session.terminal.out(`${JSON.stringify(comparisons, null, 2)}\n`);
  for (const { output, largestDifference, allowed, agrees } of comparisons) {
    if (!options.json) {
      session.terminal.out(
        `${output}: largest difference ${largestDifference.toExponential(2)}, allowed ${allowed.toExponential(2)}: ${agrees ? "agrees" : "DIFFERS"}\n`,
      );
    }
    if (!agrees) session.code = Math.max(session.code, exit.wrongInput);
  }
}
