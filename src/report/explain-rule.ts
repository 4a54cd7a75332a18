// Why a rule was applied where it was, and why it was not where it nearly matched: as data and as text.

import { expectArgument, hasProperties } from "#diagnostic/argument.js";
import type { Span } from "#diagnostic/diagnostic.js";
import { lineText } from "#diagnostic/escape.js";
import { given } from "#diagnostic/given.js";
import { lineTexts } from "#diagnostic/line-text.js";
import type { OptionKinds } from "#diagnostic/options.js";
import { aCount, aText, expectOptions, mapOf } from "#diagnostic/options.js";
import type { Node, NodeId } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { plural } from "#ir/units.js";
import type { PassRun } from "#rewrite/pipeline/pipeline.js";
import type { NearMatch } from "#rewrite/rule/near.js";
import { applicationsOf, nearMatches } from "#rewrite/rule/near.js";
import type { AnyRule, Rule } from "#rewrite/rule/rule.js";
import { differenceText } from "./difference-text.js";

/** A node of the model. */
export interface PlaceInModel {
  readonly name: string;
  readonly op: string;
  /** The lines of the model from which it was made, such as `model.net:5: y = relu(x)`. */
  readonly lines: readonly string[];
  readonly spans: readonly Span[];
}

/** A place where a rule nearly matches. */
export interface NearMiss extends PlaceInModel {
  /** How many parts the left side has, and how many of them match. */
  readonly parts: number;
  readonly matched: number;
  /** What is different: in words, with the part of the rule and the node. */
  readonly differences: readonly {
    readonly kind: string;
    readonly text: string;
    readonly node: string;
    readonly span?: Span;
  }[];
}

/** One run of a pass that tries the rule. */
export interface RuleRun {
  readonly pass: string;
  /** Which run of the pass it is, from 1. */
  readonly run: number;
  /** Where the rule was applied. */
  readonly applied: readonly PlaceInModel[];
  /** Where it matched, but another rule was applied first. */
  readonly overtaken: readonly (PlaceInModel & { readonly by?: string })[];
  /** Where it nearly matches after the pass, the closest first. */
  readonly near: readonly NearMiss[];
  /** How many other places there are where it nearly matches. */
  readonly more: number;
}

/** A place where the rule would have matched, if a pass had not rewritten it before. */
export interface Rewritten extends PlaceInModel {
  readonly pass: string;
  /** The rule of the pass that did it, if one did. */
  readonly by?: string;
}

/** What `explainRule` says: the places of a rule in a model. */
export interface RuleExplanation {
  readonly rule: string;
  /** The line of the rule, such as `rules.net:3: rule r: …`. */
  readonly line?: string;
  /** Whether it is a rewrite in TypeScript: such a rule has no left side with which nodes could be compared. */
  readonly native: boolean;
  readonly runs: readonly RuleRun[];
  readonly rewritten: readonly Rewritten[];
}

/** The options of `explainRule` and `explainFusion`. */
export interface ExplainRuleOptions {
  /** The texts of the model and of the rules by file, from which lines are quoted; none by default. */
  readonly sources?: ReadonlyMap<string, string>;
  /** How many places are listed for each run at which the rule nearly matches; 5 by default. */
  readonly most?: number;
}

export const explainRuleKinds: OptionKinds<ExplainRuleOptions> = {
  sources: mapOf("texts by file", aText),
  most: aCount,
};

/**
 * Explains a rule that a pass tried, given the `value` of the result of `optimize`: where it was applied, and where it nearly matches, with what is
 * different. Undefined if no pass tried a rule of that name.
 */
export function explainRule(
  optimized: { readonly trace: readonly PassRun[] },
  name: string,
  options: ExplainRuleOptions = {},
): RuleExplanation | undefined {
  expectArgument(
    "explainRule",
    "the `value` of a result of `optimize`",
    optimized,
    hasProperties(optimized, "trace"),
  );
  expectArgument("explainRule", "the name of a rule", name, aText.holds(name));
  expectOptions("explainRule", options, explainRuleKinds);
  const { trace } = optimized;
  const { sources = new Map<string, string>(), most = mostListed } = options;
  const rule = trace.flatMap(({ rules }) => rules).find((one) => one.name === name);
  if (!rule) return undefined;
  const lineOf = lineTexts(sources);
  const context: Context = { rule, lineOf, textOf: textsOf(sources), most };
  const counts = new Map<string, number>();
  const runs = trace.flatMap((run): RuleRun[] => {
    const count = (counts.get(run.pass.name) ?? 0) + 1;
    counts.set(run.pass.name, count);
    return run.rules.includes(rule) ? [explainRun(context, run, count)] : [];
  });
  const line = rule.kind === "equation" ? lineOf(rule.span) : undefined;
  return {
    rule: name,
    ...given({ line }),
    native: rule.kind === "native",
    runs,
    rewritten: rule.kind === "equation" ? rewrittenOf(context, rule, trace) : [],
  };
}

/** The most places that are listed. */
export const mostListed = 5;

interface Context {
  readonly rule: AnyRule;
  readonly lineOf: (span: Span | undefined) => string | undefined;
  readonly textOf: (span: Span) => string | undefined;
  readonly most: number;
}

/** The text of a span on one line. */
function textsOf(sources: ReadonlyMap<string, string>): (span: Span) => string | undefined {
  return ({ file, start, end }) => sources.get(file)?.slice(start, end).replaceAll(/\s+/g, " ");
}

function explainRun(context: Context, run: PassRun, count: number): RuleRun {
  const { rule, most } = context;
  const roots = run.applied.filter((one) => one.rule === rule.name).flatMap(({ roots }) => roots.slice(0, 1));
  const applied = roots.map((id) => placeOf(context, nodeBefore(run, id)));
  const base = { pass: run.pass.name, run: count, applied };
  if (rule.kind === "native") return { ...base, overtaken: [], near: [], more: 0 };
  const done = new Set(roots);
  const overtaken = applicationsOf(rule, run.before)
    .filter(({ roots: [first] }) => first && !done.has(first.id))
    .flatMap(({ roots: [first], covered }) => {
      if (!first) return [];
      return [{ ...placeOf(context, first), ...given({ by: makerOf(run, covered) }) }];
    });
  const near = nearMatches(rule, run.after);
  return {
    ...base,
    overtaken,
    near: near.slice(0, most).map((one) => nearMiss(context, rule, one)),
    more: Math.max(0, near.length - most),
  };
}

/** The node as it was when the pass began, or else as it is at the end. */
function nodeBefore({ before, after, applied }: PassRun, id: NodeId): Node {
  const known = before.graph.nodes.get(id) ?? after.graph.nodes.get(id);
  if (known) return known;
  const made = applied.find((one) => one.made.includes(id));
  return nodeOf(made?.after().graph ?? before.graph, id);
}

/** The rule of a pass that replaced one of these nodes. */
function makerOf({ applied }: PassRun, ids: readonly NodeId[]): string | undefined {
  const all = new Set(ids);
  return applied.find(({ covered }) => covered.some((id) => all.has(id)))?.rule;
}

/** Where the rule matched before a pass that does not try it, and does not match after it. */
function rewrittenOf(context: Context, rule: Rule, trace: readonly PassRun[]): Rewritten[] {
  const last = trace.findLastIndex(({ rules }) => rules.includes(rule));
  return trace.slice(0, last).flatMap((run): Rewritten[] => {
    if (run.rules.includes(rule) || run.before.graph === run.after.graph) return [];
    const left = new Set(applicationsOf(rule, run.after).flatMap(({ roots: [first] }) => first?.id ?? []));
    return applicationsOf(rule, run.before).flatMap(({ roots: [first], covered }) => {
      if (!first || left.has(first.id)) return [];
      const by = makerOf(run, covered);
      return [{ ...placeOf(context, first), pass: run.pass.name, ...given({ by }) }];
    });
  });
}

function placeOf({ lineOf }: Context, { name, op, origin }: Node): PlaceInModel {
  const lines = [...new Set(origin.spans.map(lineOf))].filter((line) => line !== undefined);
  return { name, op, lines, spans: origin.spans };
}

function nearMiss(context: Context, rule: Rule, { root, parts, matched, differences }: NearMatch): NearMiss {
  return {
    ...placeOf(context, root),
    parts,
    matched,
    differences: differences.map((difference) => ({
      kind: difference.kind === "miss" ? difference.miss.kind : difference.kind,
      text: differenceText(difference, rule, context.textOf),
      node: difference.node.name,
      ...("span" in difference ? { span: difference.span } : {}),
    })),
  };
}

/** The most lines of the model that are shown for a place. */
const mostLines = 3;

/** The text that `cleave explain --rule` prints. */
export function explainRuleText({ rule, line, native, runs, rewritten }: RuleExplanation): string {
  const lines = [`rule ${rule}${line === undefined ? "" : `  ${line}`}`];
  const said = new Set<string>();
  for (const run of runs) {
    const isRepeated = runs.some((one) => one !== run && one.pass === run.pass);
    const near = native ? "" : `, nearly matches at ${plural(run.near.length + run.more, "place")}`;
    lines.push(
      "",
      `${run.pass}${isRepeated ? ` (run ${run.run})` : ""}: applied ${plural(run.applied.length, "time")}${near}`,
    );
    for (const one of limited(run.applied, (place) => [
      `  applied at ${headOf(place)}`,
      ...placeLines(place),
    ]))
      lines.push(one);
    for (const one of limited(run.overtaken, overtakenLines)) lines.push(one);
    const places = run.near.flatMap(nearLines);
    const key = places.join("\n");
    if (said.has(key) && places.length > 0) lines.push("  nearly at the same places as before");
    else for (const one of places) lines.push(one);
    if (run.more > 0 && !said.has(key)) lines.push(`  … and nearly at ${run.more} more`);
    said.add(key);
  }
  const rewrites = limited(rewritten, (place) => {
    const by = place.by === undefined ? "" : `, by its rule \`${place.by}\``;
    return [
      `${place.pass} rewrote ${headOf(place)}${by}: the rule matched there before`,
      ...placeLines(place),
    ];
  });
  if (rewrites.length > 0) lines.push("");
  for (const one of rewrites) lines.push(one);
  if (native) lines.push("", "it is a rewrite in TypeScript, which has no left side to compare nodes with");
  return `${lines.map(lineText).join("\n")}\n`;
}

/** The lines of the first places, and how many others there are. */
function limited<Place>(places: readonly Place[], linesOf: (place: Place) => readonly string[]): string[] {
  const shown = places.slice(0, mostListed).flatMap(linesOf);
  return places.length > mostListed ? [...shown, `  … and ${places.length - mostListed} more`] : shown;
}

function overtakenLines(place: RuleRun["overtaken"][number]): string[] {
  const by = place.by === undefined ? "another rewrite" : `\`${place.by}\``;
  return [`  matched at ${headOf(place)}, but ${by} was applied there first`, ...placeLines(place)];
}

function nearLines(place: NearMiss): string[] {
  return [
    `  nearly at ${headOf(place)}: ${place.matched} of ${place.parts} parts match`,
    ...placeLines(place),
    ...place.differences.map(({ text }) => `    - ${text}`),
  ];
}

function headOf({ name, op }: PlaceInModel): string {
  return `\`${name}\` (${op})`;
}

function placeLines({ lines }: PlaceInModel): string[] {
  const shown = lines.slice(0, mostLines).map((line) => `    ${line}`);
  return lines.length > mostLines ? [...shown, "    …"] : shown;
}
