// Makes docs/diagnostics.md: every code of a diagnostic, its meaning, and an example with its output.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { codeGroups } from "#diagnostic/codes.js";
import type { Example } from "./example.js";
import { copiedFrom, parseExamples, runExample } from "./example.js";

const folder = join(import.meta.dirname, "diagnostics");

const head = `# Diagnostics

Each message of Cleave has a code in brackets, such as \`error[unknown-op]\`. The meaning of a code never changes; the words of a message may. In JSON
(\`cleave check --json\`), and in the results of library functions it is the field \`code\`.

After an error, a command ends with exit code 1, or 2 if the command line is wrong. Warnings and notes do not change results.

Below, the files of an example come first, then the command and its output. Files that are not text are described: an ONNX file by the
JSON of its protobuf message, tensors by their shapes. \`⟦ ⟧×100\` is a piece that is repeated 100 times.
`;

/** The page. Throws if a code has no example, or if an example does not give its code. */
export async function diagnosticsDoc(): Promise<string> {
  const examples = readExamples();
  const parts = [head, contents()];
  for (const { title, codes } of Object.values(codeGroups)) {
    parts.push(`## ${title}\n`);
    for (const [code, meaning] of Object.entries(codes)) {
      const example = examples.get(code);
      if (!example) throw new Error(`the code ${code} has no example`);
      examples.delete(code);
      parts.push(`### ${code}\n\n${meaning}\n\n${await exampleText(example)}`);
    }
  }
  const [unknown] = examples.keys();
  if (unknown !== undefined) throw new Error(`an example is for ${unknown}, which is not a code`);
  return parts.join("\n");
}

/** The examples by code. */
export function readExamples(): Map<string, Example> {
  const texts = readdirSync(folder).map((file) => readFileSync(join(folder, file), "utf8"));
  const all = texts.flatMap(parseExamples);
  const byName = new Map(all.map((example) => [example.name, example]));
  if (byName.size < all.length) throw new Error("a code has two examples");
  return byName;
}

function contents(): string {
  const rows = Object.values(codeGroups).map(
    ({ title, codes }) =>
      `| ${title} | ${Object.keys(codes)
        .map((code) => `[\`${code}\`](#${code})`)
        .join(" ")} |`,
  );
  return `${["| about | codes |", "| --- | --- |", ...rows].join("\n")}\n`;
}

/** An example as the page shows it. Throws if it does not give its code. */
export async function exampleText(example: Example): Promise<string> {
  const printed = await runExample(example);
  if (!printed.includes(`[${example.name}]`))
    throw new Error(`the example of ${example.name} does not give this code:\n${printed}`);
  const files = example.files.map(({ name, text }) => {
    if (name.endsWith("/")) return `\`${name}\` is an empty folder.\n`;
    const original = copiedFrom(text);
    if (original !== undefined) return `\`${name}\` is a copy of \`${original}\`.\n`;
    return `\`${name}\`:\n\n${fenced(languageOf(name), text)}`;
  });
  return [...files, fenced("console", `$ ${example.command}\n${printed.trimEnd()}\n`)].join("\n");
}

function fenced(language: string, text: string): string {
  return `\`\`\`${language}\n${text}\`\`\`\n`;
}

function languageOf(name: string): string {
  return name.endsWith(".net") ? "net" : /\.m?js$/.test(name) ? "js" : "text";
}
