// The result of bisecting as text.

import type { Span } from "#diagnostic/diagnostic.js";
import { lineText } from "#diagnostic/escape.js";
import { diffText, printDiff } from "#inspect/diff.js";
import { plural } from "#ir/units.js";
import type { Bisection, Fault } from "./bisect.js";
import type { Finding } from "./suspect.js";

export interface BisectionTextOptions {
  /** The file and the line of a span, with its text. */
  readonly lineOf: (span: Span) => string | undefined;
  /** Whether the reduced case is in a file, so that the text need not have its graph. */
  readonly isWritten: boolean;
}

/** What was compared, and the fault, with a small graph that shows it. */
export function bisectionText(
  net: string,
  { samples, changed, drifted, fault }: Bisection,
  options: BisectionTextOptions,
): string {
  const drifts = drifted.map(
    ({ pass, by, output, relative }) =>
      `${pass} (${by.map(lineText).join(", ")}) changes ${lineText(output)} on purpose, by ${percentText(relative)} of its greatest value\n`,
  );
  if (!fault)
    return `${lineText(net)}: no fault; the results are those of the model as written, after ${changed.length === 1 ? "the pass" : `the ${changed.length} passes`} that changed the graph, and in the code (inputs: ${samples.join(", ")})\n${drifts.join("")}`;
  const { reduced } = fault;
  const from = fault.spans.flatMap((span) => options.lineOf(span) ?? []);
  const graph = options.isWritten ? "" : `${reduced.before.trimEnd()}\n`;
  return [
    ...drifts,
    `${lineText(net)}: ${culpritText(fault)}\n`,
    `  ${findingText(fault.finding, fault.sample)}\n`,
    ...[...new Set(from)].map((line) => `  from ${lineText(line)}\n`),
    `reduced from ${plural(reduced.from, "op")} to ${plural(reduced.ops, "op")}${reduced.isUnfinished ? ", and the time was over (--seconds)" : ""}: ${findingText(reduced.finding)}\n`,
    graph,
    ...(reduced.after === undefined
      ? []
      : [
          `what ${fault.pass ?? ""} does to it:\n`,
          `${printDiff(diffText(reduced.before, reduced.after), undefined, 1).trimEnd()}\n`,
        ]),
  ].join("");
}

function culpritText(fault: Fault): string {
  const { pass, rule, application, applications, kernel, finding, undoneBy } = fault;
  const does = finding.kind === "crash" ? "fails" : "changes the results";
  if (pass === undefined)
    return kernel
      ? `the kernel of ${kernel.map(lineText).join(" → ")} ${finding.kind === "crash" ? "cannot be made" : "computes something else than the interpreter"}`
      : `the code ${finding.kind === "crash" ? "cannot be made" : "computes something else than the interpreter, though each kernel alone is right"}`;
  const undone = undoneBy === undefined ? "" : `; pass ${undoneBy} undoes it`;
  if (rule === undefined) return `pass ${pass} ${does}${undone}`;
  return `pass ${pass} ${does}, by rule \`${lineText(rule)}\`, in application ${application ?? 1} of ${applications ?? 1}${undone}`;
}

/** `y[0, 3] is 0.25 instead of 0.75, allowed 1.2e-6 (inputs: normal)`. */
function findingText(finding: Finding, sample?: string): string {
  if (finding.kind === "crash") return lineText(finding.message);
  const { output, index, expected, actual, allowed } = finding.departure;
  const inputs = sample === undefined ? "" : ` (inputs: ${sample})`;
  return `${lineText(output)}[${index.join(", ")}] is ${numberText(actual)} instead of ${numberText(expected)}, allowed ${allowed.toExponential(2)}${inputs}`;
}

/** The command that shows the reduced case again. */
export function commandFor({ reduced }: Fault, path: string): string {
  const inputs = reduced.isRandom
    ? []
    : [...reduced.inputs.keys()].map((name) => `${name}=${inputPath(path, name)}`);
  const passes = reduced.passes ? ["--passes", reduced.passes.join(",")] : [];
  return ["cleave", "bisect", path, ...inputs, ...passes].join(" ");
}

/** The file of an input beside a net. */
export function inputPath(path: string, input: string): string {
  return `${path.replace(/\.net$/, "")}.${input.replaceAll(/[^\w.-]/g, "_")}.json`;
}

function numberText(value: number): string {
  return String(Number(value.toPrecision(7)));
}

function percentText(share: number): string {
  return `${Number((100 * share).toPrecision(3))}%`;
}
