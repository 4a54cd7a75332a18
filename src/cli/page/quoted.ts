// Words of a command line, for the shells that npm uses: sh, and cmd on Windows.

/** A word in quotes, if it needs them. */
export function quoted(word: string): string {
  return /^[\w./:=,@+-]+$/.test(word) ? word : `"${word.replaceAll(/["$`\\]/g, "\\$&")}"`;
}
