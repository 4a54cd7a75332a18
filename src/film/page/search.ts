// Search: nodes by name, op, shape, weight, kernel or rule.

import { numberText, shapeText } from "#ir/units.js";
import type { NodeId, NodeVersion } from "../data.js";
import { isDrawn } from "../model/scene.js";
import { h, fill } from "./dom.js";
import type { App } from "./state.js";

/** Results that are listed. All are lit. */
const mostListed = 80;

export function createSearch(app: App, input: HTMLInputElement, list: HTMLElement): void {
  let results: readonly NodeVersion[] = [];
  let chosen = 0;
  const close = (): void => {
    list.hidden = true;
  };
  const choose = (node: NodeVersion | undefined): void => {
    if (!node) return;
    close();
    input.blur();
    app.set({ lit: undefined });
    app.select(node.id);
  };
  const draw = (): void => {
    const text = input.value.trim();
    results = text === "" ? [] : matches(app, text);
    chosen = 0;
    app.light(text === "" ? undefined : results.map(({ id }) => id), `for “${text}”`);
    show();
  };
  const show = (): void => {
    list.hidden = input.value.trim() === "";
    const more = results.length - mostListed;
    fill(
      list,
      results
        .slice(0, mostListed)
        .map((node, at) =>
          h(
            "button",
            { class: "node", current: at === chosen, onClick: () => choose(node) },
            h("span", { class: `dot ${node.kind}` }),
            h("span", { class: "name" }, node.name),
            h("span", { class: "op" }, `${node.op} ${shapeText(node.shape)}`),
          ),
        ),
      h(
        "p",
        { class: "note" },
        results.length === 0
          ? "nothing in this step"
          : more > 0
            ? `and ${numberText(more)} more`
            : `${numberText(results.length)} found`,
      ),
    );
    list.querySelector('[aria-current="true"]')?.scrollIntoView({ block: "nearest" });
  };
  input.addEventListener("input", draw);
  input.addEventListener("focus", () => {
    input.select();
    if (input.value.trim() !== "") draw();
  });
  input.addEventListener("blur", () => setTimeout(close, 200));
  input.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Escape") {
      input.value = "";
      app.light(undefined);
      close();
      input.blur();
    } else if (event.key === "Enter") choose(results[chosen]);
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const last = Math.min(results.length, mostListed) - 1;
      chosen = Math.max(0, Math.min(last, chosen + (event.key === "ArrowDown" ? 1 : -1)));
      show();
    }
  });
}

/** The nodes in which each word occurs: in a name, an op, a shape (`56x56` or `56×56`), a weight that it reads, a kernel or a rule. */
function matches(app: App, text: string): readonly NodeVersion[] {
  const { nodes } = app.timeline.frame(app.state().step);
  const words = text
    .toLowerCase()
    .replaceAll(/(?<=\d)\s*[x×,]\s*(?=\d)/g, "×")
    .split(/\s+/);
  const textOf = (id: NodeId, isOperand: boolean): string => {
    const node = nodes.get(id);
    if (!node) return "";
    const own = [
      node.name,
      node.op,
      shapeText(node.shape),
      node.type,
      node.weight ?? "",
      node.kernel ?? "",
      node.rule ?? "",
    ];
    const weights = isOperand ? [] : node.inputs.filter((one) => nodes.get(one)?.op === "constant");
    return [...own, ...weights.map((one) => textOf(one, true))].join("\n").toLowerCase();
  };
  const found = [...nodes.values()].filter((node) => {
    if (!isDrawn(node)) return false;
    const whole = textOf(node.id, false);
    return words.every((word) => whole.includes(word));
  });
  const rank = ({ name }: NodeVersion): number => {
    const lower = name.toLowerCase();
    return lower === text.toLowerCase() ? 0 : lower.includes(words[0] ?? "") ? 1 : 2;
  };
  return found.toSorted((a, b) => rank(a) - rank(b));
}
