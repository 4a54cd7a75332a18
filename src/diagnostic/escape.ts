// What a model says, as text in other languages: one function for each. A name, a path, a comment or a line of a model
// may hold anything, and whatever reads it must see the one string, name or comment that it stands for. (For the language
// itself, see `grammar/quote.ts`.)

/**
 * What acts instead of being seen: controls (C0, DEL and C1, which terminals obey), what reorders text (Unicode UAX #9),
 * separators of lines and paragraphs, and halves of characters.
 */
const acting = /[\p{Cc}\p{Cs}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

/** What ends a line somewhere: in JavaScript, in WGSL (which has most of them) or on a terminal. */
const lineEnds = /(?:\r\n|[\n\v\f\r\u0085\u2028\u2029])+/g;

/** For a terminal, and for anything else that is read line by line: line ends and tabs stay, all else that acts is `�`. */
export function terminalText(text: string): string {
  return text.replaceAll(acting, (found) => (found === "\n" || found === "\t" ? found : "\ufffd"));
}

/** As `terminalText`, on one line: for cells of tables, and where a line means something of its own. */
export function lineText(text: string): string {
  return text.replaceAll(lineEnds, " ").replaceAll("\t", " ").replaceAll(acting, "\ufffd");
}

/**
 * The inside of a comment of JavaScript, TypeScript or WGSL, after `//` or between `/*` and its end: one line, which ends
 * no comment and no `<script>` around the module, and names no source map.
 */
export function commentText(text: string): string {
  return lineText(text)
    .replaceAll("*/", "* /")
    .replaceAll(/<(?=[/!])/g, "< ")
    .replaceAll(/(?<=\/[/*])(?=[#@])/g, " ");
}

/** A string of JavaScript or TypeScript, in quotes; it ends no `<script>`, and names no source map to what looks for one anywhere. */
export function jsString(text: string): string {
  return jsonEscapes(JSON.stringify(text))
    .replaceAll(/<(?=[/!])/g, String.raw`\u003c`)
    .replaceAll(/\/(?=[/*][#@])/g, String.raw`\u002f`);
}

/** The name of a property of a type or an object, in quotes only where it must be; `__proto__` without them is none. */
export function jsProperty(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) && name !== "__proto__" ? name : jsString(name);
}

/** A string of JavaScript over several lines, in backticks. */
export function jsTemplate(text: string): string {
  return `\`${text.replaceAll(/[\\`]|\$\{/g, String.raw`\$&`).replaceAll(/<(?=[/!])/g, String.raw`\x3c`)}\``;
}

/** JSON text with escapes for what may act where it is printed; to a parser it is the same. */
export function jsonEscapes(json: string): string {
  return json.replaceAll(acting, (found) => {
    // Only the line ends between its parts stand in JSON as they are.
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

/** A string of DOT, in quotes. Graphviz reads HTML's entities in it, and may write it into XML, which has no controls. */
export function dotString(text: string): string {
  const plain = terminalText(text)
    .replaceAll(/[\ufffe\uffff]/g, "\ufffd")
    .replaceAll("\t", " ");
  const escaped = plain.replaceAll("&", "&amp;").replaceAll("\\", "\\\\").replaceAll('"', '\\"');
  return `"${escaped.replaceAll("\n", "\\n")}"`;
}
