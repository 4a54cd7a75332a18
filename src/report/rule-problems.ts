// Turns the result of a check into diagnostics for the author of the rule, each with a small example.

import type { Diagnostic, Span } from "#diagnostic/diagnostic.js";
import { error, warning } from "#diagnostic/diagnostic.js";
import { given } from "#diagnostic/given.js";
import { nodeOf } from "#ir/graph.js";
import type { Shape } from "#ir/type.js";
import { printType } from "#ir/type.js";
import { numberText } from "#ir/units.js";
import type { WeightStore } from "#ir/weights.js";
import type { RuleCheck } from "#rewrite/check/check-rule.js";
import type { Element } from "#rewrite/check/compare-sides.js";
import type { Example } from "#rewrite/check/example.js";
import { shrinkExample } from "#rewrite/check/shrink.js";
import { shortText } from "#rewrite/check/sketch.js";
import { workOf } from "#rewrite/check/work.js";
import type { Miss } from "#rewrite/rule/match.js";
import type { UserRule } from "#rewrite/rule/rule.js";
import { exampleNet } from "./example-net.js";

/**
 * The diagnostics of a check; none if it found nothing. Errors refute the rule: its sides differ, an approximation is further off than it
 * states, or nothing could be compared. The author judges all other findings. Examples are shrunk in new stores of `createStore`.
 */
export function ruleProblems(check: RuleCheck, createStore: () => WeightStore): Diagnostic[] {
  const shown: Show = (example) => showExample(check.rule, shrinkExample(check.rule, example, createStore));
  const refuted = refutation(check, shown);
  return refuted
    ? [refuted]
    : [
        ...unfinite(check, shown),
        ...costlier(check, shown),
        ...misfits(check, shown),
        ...zeros(check, shown),
      ];
}

/** Whether a check refutes its rule: then the first of its diagnostics is an error. */
export function isRefuted({ counterexample, samples, compared }: RuleCheck): boolean {
  return counterexample !== undefined || samples === 0 || compared === 0;
}

/** What an example shows, and its net. */
type Show = (example: Example) => { readonly help: readonly string[]; readonly example: string };

function refutation(check: RuleCheck, show: Show): Diagnostic | undefined {
  if (!isRefuted(check)) return undefined;
  const { rule, counterexample, samples, misses } = check;
  const { name, approx } = rule;
  const span = spanOf(rule);
  if (counterexample) {
    const [message, advice] =
      approx === undefined
        ? [
            `the sides of rule \`${name}\` differ`,
            "add a condition, or state a tolerance: `rule approx(0.01) name: …`",
          ]
        : [
            `the sides of rule \`${name}\` differ by more than the ${approx} that it states`,
            "add a condition, or state a larger tolerance",
          ];
    const { help, example } = show(counterexample);
    return error("rule-not-equal", message, { ...span, help: [...help, advice], example });
  }
  const untested = `rule \`${name}\` could not be checked: `;
  if (samples > 0)
    return error("rule-not-checked", `${untested}its left side is nowhere finite`, {
      ...span,
      help: ["it was NaN or infinite for all random operands, so no element could be compared"],
    });
  const furthest = order.findLast((kind) => misses.has(kind));
  const miss = furthest && misses.get(furthest);
  if (!furthest || !miss)
    return error(
      "rule-not-checked",
      `${untested}${rule.kind === "native" ? "it applies to no random operands" : "no random operands fit its left side"}`,
      {
        ...span,
        help: [
          rule.kind === "native"
            ? "describe in `left` of `nativeRule` what it needs: a term such as `relu(conv2d(x, w, b, ..a))`"
            : "check that its shapes and attributes can occur together",
        ],
      },
    );
  if (miss.condition)
    return error("rule-not-checked", `${untested}${reasons[furthest]}`, {
      span: miss.condition.span,
      help: [
        "the marked part never held",
        "check that it can hold: docs/language.md says which conditions the check solves, and up to which sizes",
      ],
    });
  return error("rule-not-checked", `${untested}${reasons[furthest]}`, { ...span, ...show(miss.example) });
}

/** The reasons in the order in which a match is tested: a later one means that the rule nearly applied. */
const order = [
  "kernel",
  "use",
  "where",
  "condition",
  "same",
  "misfit",
  "type",
  "cycle",
] as const satisfies Miss["kind"][];

const reasons: Readonly<Record<Miss["kind"], string>> = {
  kernel: "its left side is always in several kernels",
  use: "other nodes always use a value inside its left side",
  where: "a term of its `where` has no value for any random operands",
  condition: "no random operands satisfy its `when`",
  same: "its right side always equals its left side",
  misfit: "the operands or attributes of its right side never fit together",
  type: "its sides never have the same type, so it never applies",
  cycle: "the right side always reads a value that depends on one that the rule replaces",
};

function unfinite({ rule, notFinite }: RuleCheck, show: Show): Diagnostic[] {
  if (notFinite === undefined) return [];
  const message = `the sides of rule \`${rule.name}\` differ where the left side or an operand is not finite, and only there`;
  const { help, example } = show(notFinite);
  return [
    warning("rule-not-finite", message, {
      ...spanOf(rule),
      help: [...help, "the rule still applies; add a condition to exclude such operands"],
      example,
    }),
  ];
}

/** Extra arithmetic at a few samples, say for an image of one pixel, is not reported. */
function costlier(
  { rule, samples, costlier: { places, macs, example } }: RuleCheck,
  show: Show,
): Diagnostic[] {
  if (example === undefined || (!macs && places < samples / 5)) return [];
  const where = places === samples ? "" : ` in ${places} of ${samples} samples`;
  const shown = show(example);
  return [
    warning(
      "rule-costs-more",
      `the right side of rule \`${rule.name}\` costs more than its left side${where}`,
      {
        ...spanOf(rule),
        help: [...shown.help, "a rule must not make a graph cost more"],
        example: shown.example,
      },
    ),
  ];
}

/** A right side that seldom fits is probably not what the author meant, except for a variable: `x + 0 => x` relies on it. */
function misfits({ rule, samples, misses }: RuleCheck, show: Show): Diagnostic[] {
  const misfit = misses.get("type") ?? misses.get("misfit");
  if (!misfit) return [];
  const places = (misses.get("type")?.places ?? 0) + (misses.get("misfit")?.places ?? 0);
  if (places < samples) return [];
  const message = `rule \`${rule.name}\` applied to ${samples} of ${places + samples} samples: in the others its right side has another type or does not fit`;
  return [
    {
      severity: "note",
      code: "rule-seldom-fits",
      message,
      ...spanOf(rule),
      ...show(misfit.example),
    },
  ];
}

function zeros({ rule, signOfZero }: RuleCheck, show: Show): Diagnostic[] {
  if (signOfZero === undefined || rule.approx !== undefined) return [];
  return [
    {
      severity: "note",
      code: "rule-sign-of-zero",
      message: `the sides of rule \`${rule.name}\` differ in the sign of zero, and \`1 / x\` depends on it`,
      ...spanOf(rule),
      ...show(signOfZero),
    },
  ];
}

/** The place of a rule in the language. */
function spanOf({ span }: UserRule): { readonly span?: Span } {
  return given({ span });
}

function showExample(rule: UserRule, example: Example): ReturnType<Show> {
  return { help: shownText(example), example: exampleNet(rule, example) };
}

function shownText({ left, right, shown }: Example): string[] {
  switch (shown.kind) {
    case "differs":
    case "not-finite":
    case "sign-of-zero": {
      const { left: a, right: b, root } = shown.element;
      const { shape } = nodeOf(left.module.graph, left.roots[root] ?? -1).type;
      const term = left.roots.length > 1 ? ` of term ${root + 1}` : "";
      return [
        `below, ${elementText(shape, shown.element)}${term} is ${shortText(a)} on the left and ${shortText(b)} on the right`,
      ];
    }
    case "cost":
      return right ? [costs(left, right)] : [];
    case "miss":
      return shown.types === undefined
        ? ["for example at the net below"]
        : [
            `below, the left side is ${printType(shown.types.left)}, the right side ${printType(shown.types.right)}`,
          ];
    default:
      return shown satisfies never;
  }
}

/** `element [0, 1]`, or `the result` if it is the only one. */
function elementText(shape: Shape, { index }: Element): string {
  if (shape.every((extent) => extent === 1)) return "the result";
  let rest = index;
  const place = shape.toReversed().map((extent) => {
    const at = rest % extent;
    rest = Math.floor(rest / extent);
    return at;
  });
  return `element [${place.toReversed().join(", ")}]`;
}

function costs(left: Example["left"], right: Example["left"]): string {
  const [a, b] = [workOf(left), workOf(right)];
  const isOfMacs = a.macs !== b.macs;
  const what = isOfMacs ? "multiply-accumulates" : "steps of arithmetic";
  const [before, after] = isOfMacs ? [a.macs, b.macs] : [a.steps, b.steps];
  return `below, the left side takes ${numberText(before)} ${what}, the right side ${numberText(after)}`;
}
