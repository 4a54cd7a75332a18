// The source text: the lines of the selected node are lit, and a click on a line lights its nodes.

import type { NodeId, SourceSpan } from "../data.js";
import { h, fill, add } from "./dom.js";
import { createLines } from "./list.js";
import { linesOf } from "./node-panel.js";
import type { App } from "./state.js";

export const lineHeight = 19;

export function createSourcePanel(app: App, root: HTMLElement): { update(): void } {
  const { files } = app.timeline.film;
  if (files.length === 0) {
    root.append(
      h("p", { class: "note" }, "The model was not read from text, so there are no lines to show."),
    );
    return { update() {} };
  }
  let file = 0;
  let shown = "";
  const lines = createLines(lineHeight, "source");
  const tabs = h("div", { class: "files" });
  add(root, files.length > 1 ? [tabs] : [], lines.element);

  const show = (): void => {
    const { step } = app.state();
    const spans = selectedSpans(app);
    const texts = linesOf(files[file]?.text ?? "");
    const own = nodesByLine(app, step, file);
    const isLit = (line: number): boolean =>
      spans.some(([one, first, last]) => one === file && first <= line && line <= last);
    fill(
      tabs,
      files.map(({ name }, at) => h("button", { current: at === file, onClick: () => open(at) }, name)),
    );
    lines.show(texts.length, (line) => {
      const nodes = own.get(line);
      return h(
        "div",
        {
          class: `code-line${isLit(line) ? " lit" : ""}${nodes ? " has" : ""}`,
          ...(nodes ? { onClick: () => pick(nodes, line) } : {}),
        },
        h("span", { class: "line" }, String(line + 1)),
        texts[line] ?? "",
      );
    });
  };
  const open = (at: number): void => {
    file = at;
    show();
  };
  const pick = (nodes: readonly NodeId[], line: number): void => {
    const [first, ...others] = nodes;
    if (first !== undefined && others.length === 0) app.select(first);
    else app.light(nodes, `from line ${line + 1}`);
  };
  return {
    update() {
      const { step, selected, tab } = app.state();
      if (tab !== "source" && !matchMedia("(min-width: 60rem)").matches) return;
      const key = `${step} ${selected} ${tab}`;
      if (key === shown) return;
      shown = key;
      const [first] = selectedSpans(app);
      if (first) [file] = first;
      show();
      if (first) lines.scrollTo(first[1]);
    },
  };
}

function selectedSpans(app: App): readonly SourceSpan[] {
  const { selected, step } = app.state();
  return selected === undefined ? [] : (app.timeline.versionNear(selected, step)?.spans ?? []);
}

/** The nodes of a step by the lines that they come from. Where narrower spans meet wider ones, such as that of a whole block, they count alone. */
function nodesByLine(app: App, step: number, file: number): ReadonlyMap<number, readonly NodeId[]> {
  const byLine = new Map<number, { width: number; nodes: NodeId[] }>();
  for (const { id, op, spans } of app.timeline.frame(step).nodes.values()) {
    if (op === "constant") continue;
    for (const [one, first, last] of spans) {
      if (one !== file) continue;
      for (let line = first; line <= last; line += 1) {
        const known = byLine.get(line);
        if (!known || last - first < known.width) byLine.set(line, { width: last - first, nodes: [id] });
        else if (known.width === last - first && known.nodes.at(-1) !== id) known.nodes.push(id);
      }
    }
  }
  return new Map([...byLine].map(([line, { nodes }]) => [line, nodes]));
}
