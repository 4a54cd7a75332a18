// The Markdown page of what rules and fusions may ask: the functions of `when` and `where`, the facts of a chain.

import { chainFacts } from "#rewrite/chain-condition.js";
import type { RuleFunction } from "#rewrite/functions.js";
import { ruleFunctions } from "#rewrite/functions.js";

/** `docs/rules.md`, from the tables that the compiler itself reads. */
export function rulesDoc(): string {
  const functions = Object.entries(ruleFunctions).map(
    ([name, rule]) => `| \`${signature(name, rule)}\` | ${rule.result} | ${rule.doc} |`,
  );
  const facts = Object.entries(chainFacts).map(([name, doc]) => `| \`${name}\` | ${doc} |`);
  return [
    introduction,
    ["| function | gives | meaning |", "| --- | --- | --- |", ...functions].join("\n"),
    fusions,
    ["| name | meaning |", "| --- | --- |", ...facts].join("\n"),
    "",
  ].join("\n\n");
}

const introduction = `# What rules and fusions may ask

<!-- Made from the tables in src/rewrite by \`npm run generate\`. -->

\`language.md\` says how rules and fusions are written. These functions may stand in \`when\`, in \`where\` and in attributes of a
rule. Where one has no value, the rule does not apply.`;

const fusions = `## Fusions

These names may stand in the \`when\` of a fusion, with numbers, comparisons, arithmetic, \`and\`, \`or\` and \`not\`.`;

/** `at(list, number)`; what may be repeated ends in dots. */
function signature(name: string, { parameters, variadic }: RuleFunction): string {
  return `${name}(${parameters.join(", ")}${variadic ? ", …" : ""})`;
}
