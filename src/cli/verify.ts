// `cleave verify`: the emitted module against the reference interpreter, on inputs from several distributions.

import { lineText } from "#diagnostic/escape.js";
import type { Command } from "commander";
import { verifyNet } from "#compile/verify-artifact.js";
import type { ModelOptions, PassOptions } from "./model-options.js";
import { modelHelp, withModelOptions, withPassOptions } from "./model-options.js";
import { loadModel, optimizeModel } from "./model.js";
import type { Session } from "./session.js";
import { emitModel, loadArtifact } from "./artifact.js";
import { exit } from "./terminal.js";
import { jsonText } from "./json.js";

interface VerifyOptions extends ModelOptions, PassOptions {
  readonly json?: boolean;
}

export function addVerify(root: Command, session: Session): void {
  withPassOptions(withModelOptions(root.command("verify")))
    .description("compare the emitted module with the reference interpreter")
    .argument("<model>", modelHelp)
    .option("--json", "print the comparison as JSON")
    .action((path: string, options: VerifyOptions) => verifyModel(path, options, session));
}

async function verifyModel(path: string, options: VerifyOptions, session: Session): Promise<void> {
  const model = loadModel(path, options, session);
  const optimized = model && optimizeModel(model, options, session);
  const artifact = optimized && emitModel(model, optimized.module, options, session);
  const net = artifact && (await loadArtifact(artifact, options, session, { poison: true }));
  if (!model || !optimized || !net) return;
  // A split by choice changes values, so the emitted module is held against the graph that it was made from.
  const reference = options.split || options.approx ? optimized.module : model;
  const comparisons = await verifyNet(net, reference, {
    onStep: (step, part) => session.progress.show(step, part),
  });
  if (options.json) session.terminal.out(jsonText(comparisons));
  for (const { output, inputs, largestDifference, allowed, agrees } of comparisons) {
    if (!options.json) {
      session.terminal.out(
        `${lineText(output)}: largest difference ${largestDifference.toExponential(2)}, allowed ${allowed.toExponential(2)} (inputs: ${inputs}): ${agrees ? "agrees" : "DIFFERS"}\n`,
      );
    }
    if (!agrees) session.code = Math.max(session.code, exit.wrongInput);
  }
}
