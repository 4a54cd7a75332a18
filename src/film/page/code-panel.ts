// The code of kernels: what the emitted module runs for the selected node, or for all.

import type { FilmLaunch } from "../data.js";
import { h, fill, add } from "./dom.js";
import { kernelFacts, launchesOf } from "./kernels.js";
import { createLines } from "./list.js";
import { linesOf } from "./node-panel.js";
import { lineHeight } from "./source-panel.js";
import type { App } from "./state.js";

export function createCodePanel(app: App, root: HTMLElement): { update(): void } {
  const { program } = app.timeline.film;
  if (!program) {
    root.append(h("p", { class: "note" }, "The passes did not run to their end, so there are no kernels."));
    return { update() {} };
  }
  const { launches, kernels, language, measured } = program;
  let form: "code" | "ir" = "code";
  let open: FilmLaunch | undefined;
  let shown = "";
  const choice = h("select", { label: "kernel" });
  const facts = h("p", { class: "note" });
  const lines = createLines(lineHeight, "code");
  const kinds = h("div", { class: "files" });
  const all = launches.map((launch) => kernelFacts(app, launch)[0] ?? "");
  add(
    choice,
    launches.map((_, at) => {
      const option = h("option", {}, all[at] ?? "");
      option.value = String(at);
      return option;
    }),
  );
  add(
    root,
    measured
      ? [h("p", { class: "note" }, `${measured.milliseconds.toPrecision(4)} ms a run, ${measured.where}`)]
      : [],
    choice,
    facts,
    kinds,
    lines.element,
  );
  choice.addEventListener("change", () => {
    open = launches[Number(choice.value)];
    show();
    const last = app.timeline.frame(app.timeline.last);
    const names = new Set(open?.nodes);
    const ids = [...last.nodes.values()].flatMap(({ id, name }) => (names.has(name) ? [id] : []));
    app.light(ids, `of ${all[Number(choice.value)] ?? "the kernel"}`);
  });
  const show = (): void => {
    const kernel = open && kernels[open.kernel];
    choice.value = open ? String(launches.indexOf(open)) : "";
    facts.textContent = open
      ? [...kernelFacts(app, open).slice(1), open.nodes.join(" → ")].join("; ")
      : "Select a node or a kernel.";
    fill(
      kinds,
      (["code", "ir"] as const).map((kind) =>
        h(
          "button",
          {
            current: kind === form,
            onClick: () => {
              form = kind;
              show();
            },
          },
          kind === "code" ? language : "kernel IR",
        ),
      ),
    );
    const texts = linesOf((kernel?.[form] ?? "").trimEnd());
    lines.show(kernel ? texts.length : 0, (line) =>
      h("div", { class: "code-line" }, h("span", { class: "line" }, String(line + 1)), texts[line] ?? ""),
    );
    lines.element.scrollTop = 0;
  };
  return {
    update() {
      const { selected, tab } = app.state();
      const key = `${selected} ${tab === "code"}`;
      if (key === shown) return;
      shown = key;
      if (selected !== undefined) {
        const own = launchesOf(app, selected);
        open = own.find(({ setup }) => !setup) ?? own[0] ?? undefined;
      }
      show();
    },
  };
}
