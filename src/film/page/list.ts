// A list of many lines of one height, of which only those in sight are elements.

import { h, fill } from "./dom.js";

export interface Lines {
  readonly element: HTMLElement;
  /** Shows other lines. */
  show(count: number, line: (index: number) => HTMLElement): void;
  /** Makes the lines again that are in sight. */
  refresh(): void;
  scrollTo(index: number): void;
}

/** Lines beyond the edges, so that scrolling shows no gaps. */
const margin = 20;

export function createLines(height: number, label: string): Lines {
  const rows = h("div", { class: "rows" });
  const space = h("div", { class: "space" }, rows);
  const element = h("div", { class: "lines", role: "region", label }, space);
  element.tabIndex = 0;
  let count = 0;
  let make: (index: number) => HTMLElement = () => h("div");
  let shown = "";
  const draw = (): void => {
    const first = Math.max(0, Math.floor(element.scrollTop / height) - margin);
    const end = Math.min(count, Math.ceil((element.scrollTop + element.clientHeight) / height) + margin);
    if (`${first} ${end}` === shown) return;
    shown = `${first} ${end}`;
    rows.style.transform = `translateY(${first * height}px)`;
    fill(
      rows,
      Array.from({ length: Math.max(0, end - first) }, (_, at) => make(first + at)),
    );
  };
  element.addEventListener("scroll", draw, { passive: true });
  new ResizeObserver(draw).observe(element);
  const refresh = (): void => {
    shown = "";
    draw();
  };
  return {
    element,
    refresh,
    show(lines, line) {
      [count, make] = [lines, line];
      space.style.height = `${lines * height}px`;
      refresh();
    },
    scrollTo(index) {
      const [top, bottom] = [element.scrollTop, element.scrollTop + element.clientHeight - 2 * height];
      if (index * height < top || index * height > bottom)
        element.scrollTop = Math.max(0, index * height - element.clientHeight / 3);
      draw();
    },
  };
}
