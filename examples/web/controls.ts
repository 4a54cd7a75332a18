// The parts of the page that the script makes: choices, bars, facts.

/** The element with an id. Throws an `Error` if it is missing or not of the class `kind`. */
export function element<T extends HTMLElement = HTMLElement>(id: string, kind?: new () => T): T {
  const found = document.getElementById(id);
  if (!found || (kind && !(found instanceof kind)))
    throw new Error(`the page has no ${kind?.name ?? "element"} #${id}`);
  return found as T;
}

interface Option {
  readonly value: string;
  readonly title: string;
  /** Shown as a tooltip. */
  readonly note?: string;
  readonly isOff?: boolean;
}

/** Fills a fieldset with radio buttons, in a row. */
export function addChoice(
  fieldset: HTMLElement,
  options: readonly Option[],
  first: string,
  choose: (value: string) => void,
): void {
  for (const { value, title, note, isOff } of options) {
    const input = document.createElement("input");
    Object.assign(input, {
      type: "radio",
      name: fieldset.id,
      value,
      checked: value === first,
      disabled: isOff ?? false,
    });
    input.addEventListener("change", () => choose(value));
    const label = document.createElement("label");
    if (note !== undefined) label.title = note;
    label.append(input, textOf("span", title));
    fieldset.append(label);
  }
}

/** Draws a bar for each label. The rows are created once, so that bars move. */
export function showBars(
  list: HTMLElement,
  labels: readonly string[],
  shares: readonly number[],
  best: number,
): void {
  if (list.childElementCount === 0) {
    for (const label of labels) {
      const row = document.createElement("li");
      row.append(textOf("span", label), textOf("i", ""), textOf("b", ""));
      list.append(row);
    }
  }
  [...list.children].forEach((row, index) => {
    const share = shares[index] ?? 0;
    row.classList.toggle("best", index === best);
    (row as HTMLElement).style.setProperty("--share", share.toFixed(4));
    const number = row.querySelector("b");
    if (number) number.textContent = best < 0 ? "" : (100 * share).toFixed(1);
  });
}

/** Fills a list of terms, each with a value and a remark. */
export function showFacts(
  list: HTMLElement,
  facts: readonly (readonly [term: string, value: string, remark: string])[],
): void {
  list.replaceChildren(
    ...facts.map(([term, value, remark]) => {
      const row = document.createElement("div");
      const said = textOf("dd", value);
      said.append(textOf("small", remark));
      row.append(textOf("dt", term), said);
      return row;
    }),
  );
}

const targetTitles: Readonly<Record<string, string>> = {
  js: "JavaScript",
  wasm: "WebAssembly",
  wgsl: "WebGPU",
};

/** What a target is called on the page. */
export function titleOf(target: string): string {
  return targetTitles[target] ?? target;
}

/** A sentence in which targets are called as on the page. */
export function withTitles(said: string): string {
  const text = said.replace(/\b(?:js|wasm|wgsl)\b/g, titleOf);
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

/** A size in KiB, or MiB if it is larger. */
export function bytesText(bytes: number): string {
  const kibibytes = bytes / 1024;
  if (kibibytes >= 1000) return `${(kibibytes / 1024).toFixed(1)} MiB`;
  return `${kibibytes.toFixed(kibibytes < 100 ? 1 : 0)} KiB`;
}

export function duration(milliseconds: number): string {
  return milliseconds < 1000
    ? `${milliseconds.toPrecision(3)} ms`
    : `${(milliseconds / 1000).toPrecision(3)} s`;
}

/** An element with a text. */
export function textOf(tag: string, text: string): HTMLElement {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}
