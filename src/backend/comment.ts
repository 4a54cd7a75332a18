// Line comments in emitted JavaScript.

/** Line comments, wrapped at `width` columns. */
export function comment(text: string, width = 100): string[] {
  return text
    .split("\n")
    .flatMap((line) => wrapWords(line, width))
    .map((line) => `// ${line}`.trimEnd());
}

function wrapWords(line: string, width: number): string[] {
  const lines: string[] = [];
  let current = "";
  for (const word of line.split(" ")) {
    if (current !== "" && current.length + 1 + word.length > width) {
      lines.push(current);
      current = word;
    } else current = current === "" ? word : `${current} ${word}`;
  }
  return [...lines, current];
}
