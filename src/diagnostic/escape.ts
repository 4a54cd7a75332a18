// Escapes text of a model for other languages, with one function for each. A name, a path, a comment or a line of a model
// may contain any characters, and a reader of the output must see exactly one string, name or comment. (For Cleave's language,
// see `grammar/quote.ts`.)

/**
 * Characters that have an effect instead of a shape: controls (C0, DEL and C1, which terminals obey), characters that reorder text
 * (Unicode UAX #9), separators of lines and paragraphs, and lone surrogates.
 */
const acting = /[\p{Cc}\p{Cs}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

/** Characters that end a line in JavaScript, in WGSL (which has most of them) or on a terminal. */
const lineEnds = /(?:\r\n|[\n\v\f\r\u0085\u2028\u2029])+/g;

/** For a terminal, and for other text that is read line by line: replaces all `acting` characters except line ends and tabs by `�`. */
export function terminalText(text: string): string {
  return text.replaceAll(acting, (found) => (found === "\n" || found === "\t" ? found : "\ufffd"));
}

/** Like `terminalText`, but on one line: for cells of tables, and for formats in which a line has a meaning. */
export function lineText(text: string): string {
  return text.replaceAll(lineEnds, " ").replaceAll("\t", " ").replaceAll(acting, "\ufffd");
}

/**
 * The inside of a comment of JavaScript, TypeScript or WGSL, after `//` or between `/*` and its end: one line, which does not end
 * the comment or a `<script>` around the module, and does not name a source map.
 */
export function commentText(text: string): string {
  return lineText(text)
    .replaceAll("*/", "* /")
    .replaceAll(/<(?=[/!])/g, "< ")
    .replaceAll(/(?<=\/[/*])(?=[#@])/g, " ");
}

/** A string of JavaScript or TypeScript, in quotes. It does not end a `<script>`, nor name a source map to tools that search the whole text. */
export function jsString(text: string): string {
  return jsonEscapes(JSON.stringify(text))
    .replaceAll(/<(?=[/!])/g, String.raw`\u003c`)
    .replaceAll(/\/(?=[/*][#@])/g, String.raw`\u002f`);
}

/** The name of a property of a type or an object, in quotes only if it needs them: an unquoted `__proto__` is not a property. */
export function jsProperty(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) && name !== "__proto__" ? name : jsString(name);
}

/** A string of JavaScript over several lines, in backticks. */
export function jsTemplate(text: string): string {
  return `\`${text.replaceAll(/[\\`]|\$\{/g, String.raw`\$&`).replaceAll(/<(?=[/!])/g, String.raw`\x3c`)}\``;
}

/** JSON text with escapes for `acting` characters; a parser reads the same values. */
export function jsonEscapes(json: string): string {
  return json.replaceAll(acting, (found) => {
    // In JSON, only the line ends between parts are not escaped.
    if (found === "\n") return found;
    return String.raw`\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

/** Text or the value of an attribute of HTML, XML or SVG, on one line. */
export function markupText(text: string): string {
  return lineText(text)
    .replaceAll(/[\ufffe\uffff]/g, "\ufffd")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}

/** A string of DOT, in quotes. Graphviz replaces HTML entities in it, and may write it into XML, which cannot contain controls. */
export function dotString(text: string): string {
  const plain = terminalText(text)
    .replaceAll(/[\ufffe\uffff]/g, "\ufffd")
    .replaceAll("\t", " ");
  const escaped = plain.replaceAll("&", "&amp;").replaceAll("\\", "\\\\").replaceAll('"', '\\"');
  return `"${escaped.replaceAll("\n", "\\n")}"`;
}
