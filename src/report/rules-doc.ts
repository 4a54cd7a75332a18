// The page `docs/rules.md`: the functions of `when` and `where`, the facts about chains, and the chains that templates hold.

import type { Target } from "#ir/target.js";
import { bytesText } from "#ir/units.js";
import { isOp, opOf } from "#ops/index.js";
import { chainText, isOfUse, templateNames, templates } from "#template/templates.js";
import { chainFacts } from "#rewrite/fusion/condition.js";
import { questions } from "#rewrite/rule/compile/compile-function.js";
import type { RuleFunction } from "#rewrite/rule/compile/functions.js";
import { ruleFunctions } from "#rewrite/rule/compile/functions.js";

/** The text of `docs/rules.md`, from the tables of the compiler, for some targets. */
export function rulesDoc(targets: readonly Target[]): string {
  const functions = Object.entries(ruleFunctions).map(
    ([name, rule]) => `| \`${signature(name, rule)}\` | ${rule.result} | ${rule.doc} |`,
  );
  const asked = Object.values(questions).map(
    ({ signature: own, doc }) => `| \`${own}\` | boolean | ${doc} |`,
  );
  const facts = Object.entries(chainFacts).map(([name, doc]) => `| \`${name}\` | ${doc} |`);
  return [
    introduction,
    ["| function | result | meaning |", "| --- | --- | --- |", ...functions, ...asked].join("\n"),
    fusions,
    ["| name | meaning |", "| --- | --- |", ...facts].join("\n"),
    chains,
    ["| chain | template | targets |", "| --- | --- | --- |", ...chainRows(targets)].join("\n"),
    `A block keeps at most these bytes on chip: ${targets.map(({ name, scratchBytes }) => `${bytesText(scratchBytes)} (${name})`).join(", ")}.`,
    "",
  ].join("\n\n");
}

const introduction = `# What rules and fusions may ask

<!-- Made from the tables in src/rewrite by \`npm run generate\`. -->

\`language.md\` describes the syntax of rules and fusions. These functions may be used in \`when\`, in \`where\` and in attributes of a
rule. Where one has no value, the rule does not apply.

A function of one \`tensor\` takes a list \`xs\` of operands too: if it gives a number, it gives a list of numbers then, and a condition must
hold for all operands. \`tensors\` stands for such a list.

Besides these functions, any elementwise operator without attributes may be applied to numbers, and gives a number: \`floor(n / 2)\`, \`min(a, b)\`, \`max(a, 0)\`,
\`pow(2, k)\`, \`sqrt(d)\`.`;

const fusions = `## Fusions

These names may be used in the \`when\` of a fusion, with numbers, comparisons, arithmetic, \`and\`, \`or\` and \`not\`.`;

const chains = `## Chains that kernels hold

Each chain is held by a template, which is a kind of kernel. A fusion may describe these chains, or a part of what they allow: fewer elementwise
ops, a single one, or an op in place of a class. A fusion of which no template holds any chain is an error. Ops that no fusion takes run one by one, each
in a kernel of its own.`;

/** A row for each template of several ops that a listed target has. */
function chainRows(targets: readonly Target[]): string[] {
  const held = templateNames.filter((name) => {
    const { stages, epilogue, insteadOf } = templates[name];
    const isView = stages.some((stage) => isOp(stage) && opOf(stage).classes.includes("view"));
    return (stages.length > 1 || epilogue) && insteadOf === undefined && !isView;
  });
  return held.flatMap((name) => {
    const having = targets.filter((target) => isOfUse(templates[name], target));
    if (having.length === 0) return [];
    const where = having.length === targets.length ? "all" : having.map((target) => target.name).join(", ");
    return [`| \`${chainText(name)}\` | ${name} | ${where} |`];
  });
}

/** `at(list, number)`; a parameter that may be repeated ends in dots. */
function signature(name: string, { parameters, variadic }: RuleFunction): string {
  return `${name}(${parameters.join(", ")}${variadic ? ", …" : ""})`;
}
