// The details of the selected node, or of the step if none is selected.

import { bytesText, countText, numberText, shapeText } from "#ir/units.js";
import type { NodeId, NodeVersion, Step, StepNumber } from "../data.js";
import { totalsOf } from "../model/timeline.js";
import type { Child } from "./dom.js";
import { h, fill } from "./dom.js";
import { kernelFacts, launchesOf } from "./kernels.js";
import type { App } from "./state.js";
import { valuePart } from "./values-panel.js";

export function createNodePanel(app: App, root: HTMLElement): { update(): void } {
  let shown = "";
  return {
    update() {
      const { selected, step } = app.state();
      const node = selected === undefined ? undefined : app.timeline.versionNear(selected, step);
      const key = `${selected} ${step}`;
      if (key !== shown) root.scrollTop = 0;
      shown = key;
      fill(root, node ? nodeParts(app, node) : stepParts(app));
    },
  };
}

function nodeParts(app: App, node: NodeVersion): HTMLElement[] {
  const { step, against } = app.state();
  const { timeline } = app;
  const isThere = node.born <= step && step < node.died;
  const isBefore =
    node.died === step || (against !== undefined && node.born <= against && against < node.died);
  const facts: [string, string | HTMLElement][] = [
    ["type", node.type],
    ...(node.macs > 0 ? [["MACs", numberText(node.macs)] as [string, string]] : []),
    ...(node.parameters > 0 ? [["parameters", numberText(node.parameters)] as [string, string]] : []),
    ["bytes", bytesText(node.bytes)],
    ...node.derived.map(([name, value]): [string, string] => [name, value]),
    ...node.attributes.map(([name, value]): [string, string] => [name, value]),
    ...(node.weight === undefined ? [] : [["value", node.weight] as [string, string]]),
    ...(node.pass === undefined
      ? []
      : [["made by", [node.pass, node.rule].filter(Boolean).join(": ")] as [string, string]]),
  ];
  return [
    h(
      "h2",
      {},
      h("span", { class: `dot ${node.kind}` }),
      h("span", { class: "name" }, node.name),
      h("span", { class: "op" }, node.op),
    ),
    ...(isThere
      ? []
      : [
          h(
            "p",
            { class: "note" },
            isBefore ? "It is in the graph before only." : "It is not in the graph of this step.",
          ),
        ]),
    factTable(facts),
    ...operandPart(app, node),
    ...userPart(app, node),
    ...valuePart(app, node),
    ...sourcePart(app, node),
    ...kernelPart(app, node),
    ...historyPart(app, node, isThere ? step : node.born),
    ...(timeline.film.compares ? [] : journeyPart(app, node.id, isThere ? step : node.born)),
  ];
}

function factTable(facts: readonly (readonly [string, string | HTMLElement])[]): HTMLElement {
  return h(
    "dl",
    { class: "facts" },
    facts.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]),
  );
}

function part(title: string, ...children: readonly Child[]): HTMLElement {
  return h("section", {}, h("h3", {}, title), children);
}

/** A button that selects a node. */
function nodeButton(app: App, id: NodeId, step?: StepNumber, more = ""): HTMLElement {
  const node = app.timeline.versionNear(id, step ?? app.state().step);
  return h(
    "button",
    { class: "node", onClick: () => app.select(id, step) },
    h("span", { class: `dot ${node?.kind ?? "other"}` }),
    h("span", { class: "name" }, node?.name ?? `node ${id}`),
    h("span", { class: "op" }, more === "" ? (node?.op ?? "") : more),
  );
}

function operandPart(app: App, node: NodeVersion): HTMLElement[] {
  if (node.inputs.length === 0) return [];
  const { step } = app.state();
  const rows = node.inputs.map((id, at) => {
    const operand = app.timeline.versionNear(id, step);
    const weight = operand?.weight;
    return h(
      "li",
      {},
      h("span", { class: "role" }, node.operands[at] ?? ""),
      nodeButton(app, id, undefined, operand ? shapeText(operand.shape) : ""),
      weight !== undefined && h("div", { class: "weight", title: weight }, weight),
    );
  });
  return [part("Operands", h("ul", { class: "nodes" }, rows))];
}

function userPart(app: App, { id }: NodeVersion): HTMLElement[] {
  const { users, outputs } = app.timeline.frame(app.state().step);
  const names = outputs.filter((output) => output.node === id).map(({ name }) => name);
  const all = users.get(id) ?? [];
  if (all.length === 0 && names.length === 0) return [];
  return [
    part(
      "Used by",
      h(
        "ul",
        { class: "nodes" },
        all.slice(0, 50).map((user) => h("li", {}, nodeButton(app, user))),
        all.length > 50 && h("li", { class: "note" }, `and ${numberText(all.length - 50)} more`),
        names.map((name) => h("li", { class: "note" }, `output ${name}`)),
      ),
    ),
  ];
}

/** The lines from which a node comes, with their text. */
function sourcePart(app: App, { spans }: NodeVersion): HTMLElement[] {
  const { files } = app.timeline.film;
  const lines = spans.slice(0, 6).flatMap(([file, first, last]) => {
    const texts = linesOf(files[file]?.text ?? "");
    return Array.from({ length: Math.min(3, last - first + 1) }, (_, at) =>
      h("div", {}, h("span", { class: "line" }, String(first + at + 1)), (texts[first + at] ?? "").trim()),
    );
  });
  if (lines.length === 0) return [];
  return [
    part(
      "From",
      h(
        "button",
        { class: "snippet", title: "show in the source", onClick: () => app.set({ tab: "source" }) },
        lines,
      ),
    ),
  ];
}

const split = new Map<string, readonly string[]>();

/** The lines of a text. */
export function linesOf(text: string): readonly string[] {
  const known = split.get(text);
  if (known) return known;
  const made = text.split("\n");
  split.set(text, made);
  return made;
}

function kernelPart(app: App, node: NodeVersion): HTMLElement[] {
  const { step } = app.state();
  const plan = node.kernel === undefined ? undefined : app.timeline.frame(step).plans.get(node.kernel);
  const launches = launchesOf(app, node.id);
  if (!plan && launches.length === 0) return [];
  return [
    part(
      "Kernel",
      plan ? [factTable([["kernel", `${plan.id} ${plan.title}`], ...plan.facts])] : [],
      launches.map((launch) =>
        h(
          "button",
          { class: "launch", title: "show its code", onClick: () => app.set({ tab: "code" }) },
          kernelFacts(app, launch).map((text) => h("span", {}, text)),
        ),
      ),
    ),
  ];
}

function historyPart(app: App, { id }: NodeVersion, step: StepNumber): HTMLElement[] {
  const { film } = app.timeline;
  const steps = film.compares ? [] : app.timeline.history(id, step);
  if (steps.length === 0) return [];
  const rows = steps.slice(-30).map((at) => {
    const { label, pass, rule } = film.steps[at] ?? { label: "" };
    const by = rule === undefined || pass === undefined ? "" : (film.passes[pass]?.name ?? "");
    return h(
      "li",
      {},
      h(
        "button",
        { class: "step", current: at === app.state().step, onClick: () => app.goTo(at) },
        h("span", { class: "line" }, String(at)),
        label,
        h("span", { class: "op" }, by),
      ),
    );
  });
  return [part("History", h("ol", { class: "nodes" }, rows))];
}

/** What the node was at first and became at last. */
function journeyPart(app: App, id: NodeId, step: StepNumber): HTMLElement[] {
  const { timeline } = app;
  const ends: readonly (readonly [string, StepNumber])[] = [
    ["As written", 0],
    ["At the end", timeline.last],
  ];
  return ends.flatMap(([title, end]) => {
    if (end === step) return [];
    const nodes = timeline.counterparts(id, step, end);
    if (nodes.length === 0) return [];
    return [
      part(
        title,
        h(
          "ul",
          { class: "nodes" },
          nodes.slice(0, 20).map((one) => h("li", {}, nodeButton(app, one, end))),
        ),
      ),
    ];
  });
}

/** What a step changed, and what the graph costs. */
function stepParts(app: App): HTMLElement[] {
  const { step, against, lit, litBy } = app.state();
  const { timeline } = app;
  const { film } = timeline;
  const now = film.steps[step];
  const before = against ?? Math.max(0, step - 1);
  const difference = timeline.difference(before, step);
  const pass = now?.pass === undefined ? undefined : film.passes[now.pass];
  const lists = (["added", "changed", "removed"] as const).flatMap((kind) => {
    const at = kind === "removed" ? before : undefined;
    const isWeight = (id: NodeId): boolean => timeline.versionNear(id, at ?? step)?.op === "constant";
    // Ops first: their weights change with them.
    const nodes = difference[kind].toSorted((a, b) => Number(isWeight(a)) - Number(isWeight(b)));
    if (nodes.length === 0) return [];
    const weights = nodes.filter(isWeight).length;
    const title = [
      ...(nodes.length > weights ? [counted(nodes.length - weights, "op")] : []),
      ...(weights > 0 ? [counted(weights, "weight")] : []),
    ];
    return [
      part(
        `${title.join(" and ")} ${kind}`,
        h(
          "ul",
          { class: `nodes ${kind}` },
          nodes.slice(0, 60).map((id) => h("li", {}, nodeButton(app, id, at))),
          nodes.length > 60 && h("li", { class: "note" }, `and ${numberText(nodes.length - 60)} more`),
        ),
      ),
    ];
  });
  const totals = [0, before, step, timeline.last]
    .filter((one, at, all) => all.indexOf(one) === at)
    .map((one) => [one, totalsOf(timeline.frame(one))] as const);
  const label = (one: StepNumber): string =>
    film.compares
      ? (film.steps[one]?.label ?? "")
      : one === step
        ? "this step"
        : one === 0
          ? "as written"
          : one === timeline.last
            ? "at the end"
            : "before";
  return [
    ...(lit ? litPart(app, [...lit], litBy ?? "") : []),
    h("h2", {}, h("span", { class: "name" }, now?.label ?? "")),
    ...(pass ? [h("p", { class: "doc" }, `${howText(now, pass.name)}${pass.doc}`)] : []),
    h(
      "table",
      { class: "totals" },
      h(
        "tr",
        {},
        h("th", {}),
        ["ops", "parameters", "MACs"].map((name) => h("th", {}, name)),
      ),
      totals.map(([one, { ops, parameters, macs }]) =>
        h(
          "tr",
          one === step ? { class: "now" } : {},
          h("th", {}, label(one)),
          [numberText(ops), countText(parameters), countText(macs)].map((text) => h("td", {}, text)),
        ),
      ),
    ),
    ...lists,
    ...(film.values ? [h("p", { class: "note" }, `Values are of ${film.values.input}.`)] : []),
    ...film.omitted.map((text) => h("p", { class: "note" }, text)),
    h("p", { class: "note" }, film.made),
  ];
}

/** What a step applied, before the words of its pass. */
function howText(step: Step | undefined, pass: string): string {
  if (step?.makesKernel) return `A kernel that ${pass} makes. `;
  return step?.rule === undefined ? "" : `A rule of ${pass}. `;
}

/** `1 op`, `2 ops`. */
function counted(count: number, word: string): string {
  return `${numberText(count)} ${word}${count === 1 ? "" : "s"}`;
}

function litPart(app: App, nodes: readonly NodeId[], by: string): HTMLElement[] {
  return [
    part(
      `${counted(nodes.length, "node")} ${by}`,
      h(
        "ul",
        { class: "nodes" },
        nodes.slice(0, 60).map((id) => h("li", {}, nodeButton(app, id))),
      ),
      h("button", { class: "plain", onClick: () => app.light(undefined) }, "show all nodes bright"),
    ),
  ];
}
