// Checks that some template can hold the chains that a fusion describes.

import type { FuseItem, FuseLink } from "#grammar/ast.js";
import type { Diagnostic } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import type { OpName, TemplateName } from "#ir/graph.js";
import { opOf } from "#ops/index.js";
import type { OpSet } from "../rule/compile/classes.js";
import { setOfLink } from "../rule/compile/classes.js";
import { chainText, templateNames, templates } from "#template/templates.js";

/** An error if no template holds any chain of a fusion; it names the link where the nearest template ends. */
export function templateProblem(
  { name, links, span }: FuseItem,
  classes: ReadonlyMap<string, OpSet>,
): Diagnostic | undefined {
  const steps = links.map((one) => ({
    repeat: one.repeat,
    ops: setOfLink(one.name.text, classes)?.ops ?? [],
  }));
  const walks = templateNames.map((template) => ({ template, ...walk(steps, template) }));
  if (walks.some(({ holds }) => holds)) return undefined;
  const [nearest] = walks.toSorted((a, b) => b.taken - a.taken || isShorter(a.template, b.template));
  const link = links[nearest?.taken ?? 0];
  const last = links.at(-1);
  return error("no-template", `no kernel holds a chain of \`${name.text}\``, {
    span: link?.name.span ?? last?.name.span ?? span,
    label: link ? "no kernel can continue with this" : "no kernel can end here",
    help: [
      ...(nearest && nearest.taken > 0 ? [`the nearest is \`${chainText(nearest.template)}\``] : []),
      "docs/rules.md lists the chains that kernels hold",
    ],
  });
}

/** Of two templates, the one with fewer stages first. */
function isShorter(a: TemplateName, b: TemplateName): number {
  return templates[a].stages.length - templates[b].stages.length;
}

/**
 * Goes through the links of a fusion and the stages of a template together. `holds`: both can end at once. `taken`: the most links that
 * the template can take.
 */
function walk(
  links: readonly { readonly repeat: FuseLink["repeat"]; readonly ops: readonly OpName[] }[],
  name: TemplateName,
): { readonly holds: boolean; readonly taken: number } {
  const { stages, prologue, epilogue } = templates[name];
  // A view needs no kernel, so a chain cannot contain it.
  const isView = stages.some((stage) => isOfView(stage));
  let holds = false;
  let taken = 0;
  const seen = new Set<string>();
  const visit = (at: number, stage: number): void => {
    const key = `${at} ${stage}`;
    if (seen.has(key)) return;
    seen.add(key);
    taken = Math.max(taken, at);
    const link = links[at];
    if (!link) {
      holds ||= stage === stages.length;
      return;
    }
    const { repeat } = link;
    if (repeat === "*" || repeat === "?") visit(at + 1, stage);
    const next = (then: number): void => {
      visit(at + 1, then);
      if (repeat !== "*" && repeat !== "+") return;
      // The link repeats. Without stages left, the template takes only elementwise steps, so this ends.
      if (then > stage) repeatStage(at, then);
    };
    const takesSteps = stage === 0 ? prologue || stages.length === 0 : stage < stages.length || epilogue;
    if (takesSteps && link.ops.some(isElementwise)) next(stage);
    const wanted = stages[stage];
    if (wanted !== undefined && !isView && overlaps(link.ops, wanted)) next(stage + 1);
  };
  const repeatStage = (at: number, stage: number): void => {
    const wanted = stages[stage];
    const link = links[at];
    if (!link || wanted === undefined || !overlaps(link.ops, wanted)) return;
    visit(at + 1, stage + 1);
    repeatStage(at, stage + 1);
  };
  visit(0, 0);
  return { holds, taken };
}

/** The ops of a stage of a template. */
function opsOf(stage: string): readonly OpName[] {
  return setOfLink(stage, new Map())?.ops ?? [];
}

function overlaps(ops: readonly OpName[], stage: string): boolean {
  const wanted = new Set(opsOf(stage));
  return ops.some((op) => wanted.has(op));
}

function isElementwise(op: OpName): boolean {
  return opOf(op).scalar !== undefined;
}

function isOfView(stage: string): boolean {
  return opsOf(stage).every((op) => opOf(op).classes.includes("view"));
}
