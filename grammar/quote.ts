// Strings and names in quotes: reading and writing their escapes.

/** The value of a quoted text, and its wrong escapes (offsets are from the opening quote). */
export interface Unescaped {
  readonly value: string;
  readonly problems: readonly { readonly start: number; readonly end: number }[];
}

const named: ReadonlyMap<string, string> = new Map([
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
  ["\\", "\\"],
  ['"', '"'],
  ["`", "`"],
]);

const highestCodePoint = 0x10ffff;

/** Reads a text with its quotes. A wrong escape is kept literally, and reported. */
export function unescape(image: string): Unescaped {
  const inner = image.slice(1, -1);
  if (!inner.includes("\\")) return { value: inner, problems: [] };
  const problems: { start: number; end: number }[] = [];
  const value = inner.replaceAll(
    /\\(?:u\{([0-9a-fA-F]{1,6})\}|([^]?))/g,
    (escape: string, hex: string | undefined, letter: string | undefined, offset: number) => {
      const meant = hex === undefined ? named.get(letter ?? "") : character(hex);
      if (meant === undefined) problems.push({ start: offset + 1, end: offset + 1 + escape.length });
      return meant ?? escape;
    },
  );
  return { value, problems };
}

/** The text between quotes, escaped so that it stays on one line and `unescape` returns the original. */
export function quote(text: string, mark: '"' | "`"): string {
  const escaped = text.replaceAll(/["`\\]|[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu, (found) => {
    if (found === "\\" || found === mark) return `\\${found}`;
    if (found === '"' || found === "`") return found;
    for (const [letter, meant] of named) if (meant === found) return `\\${letter}`;
    return `\\u{${(found.codePointAt(0) ?? 0).toString(16)}}`;
  });
  return mark + escaped + mark;
}

function character(hex: string): string | undefined {
  const code = Number.parseInt(hex, 16);
  return code <= highestCodePoint ? String.fromCodePoint(code) : undefined;
}
