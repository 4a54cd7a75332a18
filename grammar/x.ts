import { readFileSync } from "node:fs";
import { parse } from "./parse.js";
import { render } from "#diagnostic/render.js";
const text = readFileSync(process.argv[2] ?? 0, "utf8");
const r = parse(text, "m.net");
console.log(render(r.diagnostics, new Map([["m.net", text]]), { color: false }));
if (process.argv[3])
  console.log(JSON.stringify(r.partial.items, (k, v) => (k === "span" ? [v.start, v.end].join("-") : v), 1));
