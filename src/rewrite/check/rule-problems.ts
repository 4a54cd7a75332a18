// Turns the result of a check into diagnostics for the author of the rule.

import type { Diagnostic } from "#diagnostic/diagnostic.js";
import { error, warning } from "#diagnostic/diagnostic.js";
import type { Miss } from "../rule/match.js";
import type { RuleCheck } from "./check-rule.js";

/**
 * The diagnostics of a check; none if it found nothing. Errors refute the rule: its sides differ, an approximation is further off than it
 * states, or nothing could be compared. The author judges all other findings.
 */
export function ruleProblems(check: RuleCheck): Diagnostic[] {
  const refuted = refutation(check);
  return refuted ? [refuted] : [...unfinite(check), ...costlier(check), ...misfits(check), ...zeros(check)];
}

function refutation(check: RuleCheck): Diagnostic | undefined {
  const { rule, counterexample, samples, compared, misses } = check;
  const { name, span, approx } = rule;
  if (counterexample !== undefined) {
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
    return error("rule-not-equal", message, { span, help: [...lines(counterexample), advice] });
  }
  if (samples > 0 && compared > 0) return undefined;
  const untested = `rule \`${name}\` could not be checked: `;
  if (samples > 0)
    return error("rule-not-checked", `${untested}its left side is nowhere finite`, {
      span,
      help: ["it was NaN or infinite for all random operands, so no element could be compared"],
    });
  const furthest = order.findLast((kind) => misses.has(kind));
  const miss = furthest && misses.get(furthest);
  if (!furthest || !miss)
    return error("rule-not-checked", `${untested}no random operands fit its left side`, {
      span,
      help: ["check that its shapes and attributes can occur together"],
    });
  return error("rule-not-checked", `${untested}${reasons[furthest]}`, {
    span,
    help: ["for example at", ...lines(miss.example)],
  });
}

/** The reasons in the order in which a match is tested: a later one means that the rule nearly applied. */
const order = ["use", "where", "condition", "same", "misfit", "type"] as const satisfies Miss["kind"][];

const reasons: Readonly<Record<Miss["kind"], string>> = {
  use: "other nodes always use a value inside its left side",
  where: "a term of its `where` has no value for any random operands",
  condition: "no random operands satisfy its `when`",
  same: "its right side always equals its left side",
  misfit: "the operands or attributes of its right side never fit together",
  type: "its sides never have the same type, so it never applies",
};

function unfinite({ rule, notFinite }: RuleCheck): Diagnostic[] {
  if (notFinite === undefined) return [];
  const message = `the sides of rule \`${rule.name}\` differ where the left side or an operand is not finite, and only there`;
  return [
    warning("rule-not-finite", message, {
      span: rule.span,
      help: [...lines(notFinite), "the rule still applies; add a condition to exclude such operands"],
    }),
  ];
}

/** Extra arithmetic at a few samples, say for an image of one pixel, is not reported. */
function costlier({ rule, samples, costlier: { places, macs, example } }: RuleCheck): Diagnostic[] {
  if (example === undefined || (!macs && places < samples / 5)) return [];
  const where = places === samples ? "" : ` in ${places} of ${samples} samples`;
  return [
    warning(
      "rule-costs-more",
      `the right side of rule \`${rule.name}\` costs more than its left side${where}`,
      {
        span: rule.span,
        help: [...lines(example), "a rule must not make a graph cost more"],
      },
    ),
  ];
}

/** A right side that seldom fits is probably not what the author meant, except for a variable: `x + 0 => x` relies on it. */
function misfits({ rule, samples, misses }: RuleCheck): Diagnostic[] {
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
      span: rule.span,
      help: ["for example at", ...lines(misfit.example)],
    },
  ];
}

function zeros({ rule, signOfZero }: RuleCheck): Diagnostic[] {
  if (signOfZero === undefined || rule.approx !== undefined) return [];
  return [
    {
      severity: "note",
      code: "rule-sign-of-zero",
      message: `the sides of rule \`${rule.name}\` differ in the sign of zero, and \`1 / x\` depends on it`,
      span: rule.span,
      help: lines(signOfZero),
    },
  ];
}

function lines(text: string): string[] {
  return text === "" ? [] : text.split("\n");
}
