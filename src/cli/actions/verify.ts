// The action of `cleave verify`: compares the emitted module with the reference interpreter, on inputs from several distributions.

import type { Comparison } from "#compile/verify-artifact.js";
import { kindsFor, verifiedKinds, verifyNet } from "#compile/verify-artifact.js";
import { given } from "#diagnostic/given.js";
import { lineText } from "#diagnostic/escape.js";
import { totalCost } from "#inspect/cost.js";
import { countText } from "#ir/units.js";
import { emitModel, loadArtifact } from "../model/artifact.js";
import { loadModel } from "../model/load.js";
import { optimizeModel } from "../model/optimize.js";
import type { ModelOptions } from "../options/model.js";
import type { PassOptions } from "../options/passes.js";
import { jsonText } from "../output/json.js";
import { exit } from "../output/terminal.js";
import type { Session } from "../session/session.js";

export interface VerifyOptions extends ModelOptions, PassOptions {
  readonly json?: boolean;
  readonly drift?: number;
}

export async function verifyModel(path: string, options: VerifyOptions, session: Session): Promise<void> {
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
    // New parameters are unrelated to the old ones until they are trained.
    ...given({ mostDrift: optimized.split?.needsTraining ? Number.POSITIVE_INFINITY : options.drift }),
    onStep: (step, part) => session.progress.show(step, part),
  });
  if (options.json) session.terminal.out(jsonText(comparisons));
  else for (const comparison of comparisons) session.terminal.out(comparisonText(comparison));
  if (comparisons.some(({ agrees }) => !agrees)) session.code = Math.max(session.code, exit.wrongInput);
}

/** A line about the error of the code and, if values were approximated on purpose, a line about the drift. */
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
