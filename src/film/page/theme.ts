// The colours of the drawing, from the page's style, so that light and dark are decided in one place.

export interface Theme {
  readonly ground: string;
  readonly text: string;
  readonly faint: string;
  readonly line: string;
  readonly accent: string;
  readonly added: string;
  readonly changed: string;
  readonly removed: string;
  /** The fill of boxes, by the kind of op. */
  readonly fills: Readonly<Record<string, string>>;
  readonly isDark: boolean;
}

const kinds = ["input", "output", "sum", "elementwise", "pool", "move", "other", "block", "constant"];

export function readTheme(): Theme {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  return {
    ground: colour("ground"),
    text: colour("text"),
    faint: colour("faint"),
    line: colour("line"),
    accent: colour("accent"),
    added: colour("added"),
    changed: colour("changed"),
    removed: colour("removed"),
    fills: Object.fromEntries(kinds.map((kind) => [kind, colour(`fill-${kind}`)])),
    isDark: matchMedia("(prefers-color-scheme: dark)").matches,
  };
}

/** The colour of a kernel: neighbours have hues far apart. */
export function kernelColour(kernel: string, isDark: boolean): string {
  const number = Number(/\d+/.exec(kernel)?.[0] ?? 0);
  return `hsl(${Math.round((number * 137.508) % 360)} 60% ${isDark ? 62 : 45}%)`;
}
