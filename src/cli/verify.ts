// `cleave verify`: the emitted module against the reference interpreter, on inputs from several distributions.

import { totalCost } from "#inspect/cost.js";
import { countText } from "#ir/units.js";
import { lineText } from "#diagnostic/escape.js";
import type { Command } from "commander";
import { InvalidArgumentError, Option } from "commander";
import type { Comparison } from "#compile/verify-artifact.js";
import { kindsFor, verifiedKinds, verifyNet } from "#compile/verify-artifact.js";
import type { ModelOptions, PassOptions } from "./model-options.js";
import { modelHelp, withModelOptions, withPassOptions } from "./model-options.js";
import { loadModel, optimizeModel } from "./model.js";
import type { Session } from "./session.js";
import { emitModel, loadArtifact } from "./artifact.js";
import { exit } from "./terminal.js";
import { jsonText } from "./json.js";

interface VerifyOptions extends ModelOptions, PassOptions {
  readonly json?: boolean;
  readonly drift: number;
}

export function addVerify(root: Command, session: Session): void {
  withPassOptions(withModelOptions(root.command("verify")))
    .description("compare the emitted module with the reference interpreter")
    .argument("<model>", modelHelp)
    .addOption(
      new Option(
        "--drift <ratio>",
        "the most that --split and --approx may change an output, as a part of its greatest value",
      )
        .argParser(ratioFrom0)
        .default(1),
    )
    .option("--json", "print the comparison as JSON")
    .action((path: string, options: VerifyOptions) => verifyModel(path, options, session));
}

async function verifyModel(path: string, options: VerifyOptions, session: Session): Promise<void> {
  const model = loadModel(path, options, session);
  const optimized = model && optimizeModel(model, options, session);
  const artifact = optimized && emitModel(model, optimized.module, options, session);
  const net = artifact && (await loadArtifact(artifact, options, session, { poison: true }));
  if (!model || !optimized || !net) return;
  const kinds = kindsFor(model);
  if (kinds.length < verifiedKinds.length)
    session.terminal.err(
      `note: inputs are ${kinds.join(" and ")} alone, and not ${verifiedKinds.slice(kinds.length).join(" or ")}: the interpreter takes long for ${countText(totalCost(model).macs)} MACs a sample\n`,
    );
  const comparisons = await verifyNet(net, model, {
    optimized,
    kinds,
    // New parameters have nothing to do with the old ones before they are trained.
    mostDrift: optimized.split?.needsTraining ? Number.POSITIVE_INFINITY : options.drift,
    onStep: (step, part) => session.progress.show(step, part),
  });
  if (options.json) session.terminal.out(jsonText(comparisons));
  else for (const comparison of comparisons) session.terminal.out(comparisonText(comparison));
  if (comparisons.some(({ agrees }) => !agrees)) session.code = Math.max(session.code, exit.wrongInput);
}

/** The error of the code, and below it the drift, if there is any on purpose. */
function comparisonText({ output, inputs, largestDifference, allowed, drift }: Comparison): string {
  const name = lineText(output);
  const from = drift ? " from the optimized graph" : "";
  const code = `${name}: largest difference ${largestDifference.toExponential(2)}${from}, allowed ${allowed.toExponential(2)} (inputs: ${inputs}): ${largestDifference <= allowed ? "agrees" : "DIFFERS"}\n`;
  if (!drift) return code;
  const allowedDrift = Number.isFinite(drift.allowed) ? `, allowed ${percentText(drift.allowed)}` : "";
  const by = drift.by.length > 0 ? `, by ${drift.by.map(lineText).join(", ")}` : "";
  return `${code}${name}: drift ${drift.largestDifference.toExponential(2)} from the model as written, ${percentText(drift.relative)} of its greatest value${allowedDrift} (inputs: ${drift.inputs})${by}${drift.agrees ? "" : ": TOO FAR"}\n`;
}

function percentText(share: number): string {
  return `${Number((100 * share).toPrecision(3))}%`;
}

function ratioFrom0(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value >= 0)) throw new InvalidArgumentError("it is a number, 0 or more.");
  return value;
}
