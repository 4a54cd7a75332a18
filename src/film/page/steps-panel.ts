// The list of passes and rules: how often each was applied, and where the film is.

import { numberText } from "#ir/units.js";
import type { FilmPass, StepNumber } from "../data.js";
import { h } from "./dom.js";
import type { App } from "./state.js";

export function createStepsPanel(app: App, root: HTMLElement): { update(): void } {
  const { film } = app.timeline;
  let shown = -1;
  return {
    update() {
      const { step } = app.state();
      if (step === shown) return;
      shown = step;
      const now = film.steps[step];
      const rows = film.compares
        ? film.steps.map((one, at) => stepRow(app, at, one.label, at === step))
        : [
            stepRow(app, 0, "as written", step === 0),
            ...film.passes.map((pass, at) => passRow(app, pass, now?.pass === at)),
          ];
      root.replaceChildren(h("ol", { class: "passes" }, rows));
      root.querySelector('[aria-current="true"]')?.scrollIntoView({ block: "nearest" });
    },
  };
}

function stepRow(app: App, step: StepNumber, label: string, current: boolean): HTMLElement {
  return h("li", {}, h("button", { class: "pass", current, onClick: () => app.goTo(step) }, label));
}

function passRow(app: App, { name, doc, first, end }: FilmPass, current: boolean): HTMLElement {
  if (first === end)
    return h(
      "li",
      {},
      h("span", { class: "pass idle", title: doc }, name, h("span", { class: "count" }, "no change")),
    );
  const { steps } = app.timeline.film;
  const { step } = app.state();
  const byRule = new Map<string, StepNumber[]>();
  for (let at = first; at < end; at += 1) {
    const rule = steps[at]?.rule;
    if (rule !== undefined) byRule.set(rule, [...(byRule.get(rule) ?? []), at]);
  }
  const rules = [...byRule].map(([rule, places]) => {
    const at = places.indexOf(step);
    const next = places.find((place) => place > step) ?? places[0] ?? first;
    const count = at >= 0 ? `${at + 1} of ${places.length}` : `× ${numberText(places.length)}`;
    return h(
      "li",
      {},
      h(
        "button",
        {
          class: "rule",
          current: at >= 0,
          title: `go to the next application of ${rule}`,
          onClick: () => app.goTo(next),
        },
        rule,
        h("span", { class: "count" }, count),
      ),
    );
  });
  const isPlain = rules.length === 0;
  return h(
    "li",
    {},
    h(
      "button",
      { class: "pass", current: current && isPlain, title: doc, onClick: () => app.goTo(end - 1) },
      name,
      h("span", { class: "count" }, `${numberText(end - first)} ${end - first === 1 ? "step" : "steps"}`),
    ),
    rules.length > 0 && h("ol", { class: "rules" }, rules),
  );
}
