// docs/diagnostics.md: every code of a diagnostic, what it means, and an example with what is printed.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { codeGroups } from "#diagnostic/codes.js";
import type { Example } from "./example.js";
import { copiedFrom, parseExamples, runExample } from "./example.js";

const folder = join(import.meta.dirname, "diagnostics");

const head = `# Diagnostics

What Cleave says has a code in brackets, such as \`error[unknown-op]\`. A code keeps its meaning; the words of a message do not. In JSON
(\`cleave check --json\`), and in what functions of the library give, it is the field \`code\`.

An error ends a command with exit code 1, or 2 where the command line is wrong. Warnings and notes change no result.

Below, the files of an example come first, then the command and what it says. Files that are not text are described: an ONNX file by the
JSON of its protobuf message, tensors by their shapes. \`⟦ ⟧×100\` is a piece that stands there 100 times.
`;

/** The page; throws if a code has no example, or an example does not give its code. */
export async function diagnosticsDoc(): Promise<string> {
  const examples = readExamples();
  const parts = [head, contents()];
  for (const { title, codes } of Object.values(codeGroups)) {
    parts.push(`## ${title}\n`);
    for (const [code, meaning] of Object.entries(codes)) {
      const example = examples.get(code);
      if (!example) throw new Error(`there is no example of the code ${code}`);
      examples.delete(code);
      parts.push(`### ${code}\n\n${meaning}\n\n${await exampleText(example)}`);
    }
  }
  const [unknown] = examples.keys();
  if (unknown !== undefined) throw new Error(`there is an example of ${unknown}, which is no code`);
  return parts.join("\n");
}

/** By code. */
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

/** An example as the page shows it; throws if it does not give its code. */
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
