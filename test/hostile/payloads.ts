// Fifty texts that would act, were they written as they stand: on a terminal, in a comment, a string, a name or a picture.

const esc = "\u001b";

/** Each stands for a way out of what it is written into; none is longer than a name may be on every system. */
export const payloads: readonly string[] = [
  // Terminals.
  `${esc}[31mred`,
  `${esc}[2J${esc}[H`,
  `${esc}]0;title\u0007`,
  `${esc}]52;c;cHduZWQ=\u0007`,
  `${esc}]8;;http://evil.example${esc}\\link`,
  `${esc}P+q544e${esc}\\`,
  `${esc}c`,
  "\u009b31m",
  "\u009d0;title\u009c",
  "\u0090q\u009c",
  "back\b\b\b\bspace",
  "over\rwritten",
  "bell\u0007",
  "shift\u000eout\u000f",
  "del\u007fete",
  "nul\u0000byte",
  "tab\tulator",
  // Lines.
  "two\nerror[fake]: lines",
  "two\r\nlines",
  "vertical\u000bvar<private> evil = 1;",
  "form\u000cfeed",
  "next\u0085fn evil() {}",
  "separator\u2028globalThis.pwned = 1;//",
  "paragraph\u2029globalThis.pwned = 1;//",
  // Order of text.
  "right\u202eto left",
  "left\u202d\u202ato right",
  "isolate\u2066d\u2069",
  "marks\u200e\u200f\u061c",
  // Comments.
  "*/ export const pwned: 1; /*",
  "*/globalThis.pwned=1;/*",
  "//# sourceMappingURL=http://evil.example/x.map",
  "/*# sourceURL=evil.js */",
  "# comment",
  "]  # f32[1]\n  output z = x #",
  "-->",
  "<!-- comment",
  // Strings and templates.
  '"; globalThis.pwned = 1; "',
  "'; globalThis.pwned = 1; '",
  "`; globalThis.pwned = 1; `",
  "${globalThis.pwned = 1}",
  "\\",
  '\\"\\u{41}\\n',
  // Markup.
  "<script>alert(1)</script>",
  "</script><script>alert(1)</script>",
  '<img src=x onerror="alert(1)">',
  "&lt;&#27;&amp;&quot;",
  "]]><svg onload=alert(1)>",
  // Names that mean something.
  "__proto__",
  "constructor",
  "\ud800half",
];
