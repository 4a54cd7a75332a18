// Why chains of a fusion became kernels, and why others did not: as data and as text.

import { expectArgument, hasProperties } from "#diagnostic/argument.js";
import type { Span } from "#diagnostic/diagnostic.js";
import { lineText } from "#diagnostic/escape.js";
import { given } from "#diagnostic/given.js";
import { lineTexts } from "#diagnostic/line-text.js";
import { aText, expectOptions } from "#diagnostic/options.js";
import type { Node } from "#ir/graph.js";
import { plural } from "#ir/units.js";
import type { FuseReport } from "#passes/fuse.js";
import { fuse } from "#passes/fuse.js";
import { nearChains } from "#rewrite/fusion/near-chains.js";
import type { PassRun } from "#rewrite/pipeline/pipeline.js";
import type { ExplainRuleOptions } from "./explain-rule.js";
import { explainRuleKinds, mostListed } from "./explain-rule.js";

/** A chain of the model. */
export interface ChainInModel {
  readonly nodes: readonly { readonly name: string; readonly op: string }[];
  /** The lines from which the nodes were made. */
  readonly lines: readonly string[];
}

/** What `explainFusion` says: the chains of a fusion in a model. */
export interface FusionExplanation {
  readonly fusion: string;
  /** The line of the fusion. */
  readonly line?: string;
  /** The chains that became kernels. */
  readonly fused: readonly ChainInModel[];
  /** The chains that the links describe, and that did not become a kernel, with the reason. */
  readonly refused: readonly (ChainInModel & { readonly reason: string })[];
  /** The chains that begin like those of the fusion, the longest first, with the link at which they end. */
  readonly near: readonly (ChainInModel & {
    readonly expected: readonly string[];
    readonly next?: { readonly name: string; readonly op: string };
  })[];
  /** How many other such chains there are. */
  readonly more: number;
}

/**
 * Explains a fusion that the pass `fuse` tried, given the result of `optimize`; undefined if it did not. Of chains that are begun, `most` are
 * listed.
 */
export function explainFusion(
  optimized: { readonly trace: readonly PassRun[]; readonly fused?: FuseReport },
  name: string,
  options: ExplainRuleOptions = {},
): FusionExplanation | undefined {
  expectArgument("explainFusion", "a result of `optimize`", optimized, hasProperties(optimized, "trace"));
  expectArgument("explainFusion", "the name of a fusion", name, aText.holds(name));
  expectOptions("explainFusion", options, explainRuleKinds);
  const { trace, fused } = optimized;
  const { sources = new Map<string, string>(), most = mostListed } = options;
  const run = trace.findLast(({ pass }) => pass === fuse);
  const fusion = fused?.fusions.find((one) => one.name === name);
  if (!fusion || !fused || !run) return undefined;
  const lineOf = lineTexts(sources);
  const line = lineOf(fusion.span);
  const near = nearChains(fusion, run.before.graph);
  return {
    fusion: name,
    ...given({ line }),
    fused: fused.groups.filter(({ plan }) => plan.fusion === name).map(({ nodes }) => chainOf(nodes, lineOf)),
    refused: refusedBy(fused, name).map(({ nodes, reason }) => ({ ...chainOf(nodes, lineOf), reason })),
    near: near.slice(0, most).map(({ nodes, expected, next }) => ({
      ...chainOf(nodes, lineOf),
      expected,
      ...given({ next: next && { name: next.name, op: next.op } }),
    })),
    more: Math.max(0, near.length - most),
  };
}

/** The refused chains of a fusion, with the first reason for each, without those that are a part of one of its kernels. */
function refusedBy({ everyRefusal, groups }: FuseReport, name: string): FuseReport["refusals"] {
  const own = groups
    .filter(({ plan }) => plan.fusion === name)
    .map(({ nodes }) => new Set(nodes.map(({ id }) => id)));
  const said = new Set<string>();
  return everyRefusal.filter(({ fusion, nodes }) => {
    const key = nodes.map(({ id }) => id).join();
    if (fusion !== name || said.has(key)) return false;
    said.add(key);
    return !own.some((group) => nodes.every(({ id }) => group.has(id)));
  });
}

function chainOf(
  nodes: readonly Node[],
  lineOf: (span: Span | undefined) => string | undefined,
): ChainInModel {
  const lines = nodes.flatMap(({ origin }) => origin.spans.map(lineOf)).filter((line) => line !== undefined);
  return { nodes: nodes.map(({ name, op }) => ({ name, op })), lines: [...new Set(lines)] };
}

/** The most lines of the model that are shown for a chain. */
const mostLines = 4;

/** The text that `cleave explain --fusion` prints. */
export function explainFusionText({ fusion, line, fused, refused, near, more }: FusionExplanation): string {
  const lines = [
    `fusion ${fusion}${line === undefined ? "" : `  ${line}`}`,
    "",
    `fused ${plural(fused.length, "time")}, refused at ${plural(refused.length, "place")}`,
    ...limited(fused, "fused", (chain) => [`  fused ${chainText(chain)}`, ...placeLines(chain)]),
    ...limited(refused, "refused", (chain) => [
      `  refused ${chainText(chain)}`,
      ...placeLines(chain),
      `    - ${chain.reason}`,
    ]),
    ...near.flatMap((chain) => {
      const wanted = chain.expected.map((name) => `\`${name}\``).join(" or ");
      const next = chain.next ? `\`${chain.next.name}\` (${chain.next.op})` : "nothing that reads it";
      return [
        `  begun ${chainText(chain)}`,
        ...placeLines(chain),
        `    - then comes ${next}, where the fusion has ${wanted}`,
      ];
    }),
    ...(more > 0 ? [`  … and ${more} more that are begun`] : []),
  ];
  return `${lines.map(lineText).join("\n")}\n`;
}

/** The lines of the first chains, and how many others there are. */
function limited<C extends ChainInModel>(
  chains: readonly C[],
  what: string,
  linesOf: (chain: C) => readonly string[],
): string[] {
  const shown = chains.slice(0, mostListed).flatMap(linesOf);
  const rest = chains.length - mostListed;
  return rest > 0 ? [...shown, `  … and ${rest} more that are ${what}`] : shown;
}

function chainText({ nodes }: ChainInModel): string {
  return nodes.map(({ name, op }) => `\`${name}\` (${op})`).join(" -> ");
}

function placeLines({ lines }: ChainInModel): string[] {
  const shown = lines.slice(0, mostLines).map((line) => `    ${line}`);
  return lines.length > mostLines ? [...shown, "    …"] : shown;
}
