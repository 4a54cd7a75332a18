// What a check says to the user who wrote a rule.

import type { Diagnostic } from "#diagnostic/diagnostic.js";
import { error, warning } from "#diagnostic/diagnostic.js";
import type { Miss } from "../rule/match.js";
import type { RuleCheck } from "./check-rule.js";

/**
 * What a check says of a rule; empty if all is well. Errors refute it: its sides differ, an approximation is further off than it
 * states, or nothing could be compared at all. Everything else is for the writer to judge.
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
      help: ["it was NaN or infinite for all random operands, so that there is nothing to compare"],
    });
  const furthest = order.findLast((kind) => misses.has(kind));
  const miss = furthest && misses.get(furthest);
  if (!furthest || !miss)
    return error("rule-not-checked", `${untested}no operands were found that its left side takes`, {
      span,
      help: ["do its shapes and attributes go together?"],
    });
  return error("rule-not-checked", `${untested}${reasons[furthest]}`, {
    span,
    help: ["for example at", ...lines(miss.example)],
  });
}

/** How far a rule comes before it does not apply. */
const order = ["use", "where", "condition", "same", "misfit", "type"] as const satisfies Miss["kind"][];

const reasons: Readonly<Record<Miss["kind"], string>> = {
  use: "what its left side covers is used elsewhere",
  where: "a term of its `where` has no value for any of the operands that were found",
  condition: "no operands were found that its `when` allows",
  same: "its right side is what stands on the left already",
  misfit: "the operands or attributes of its right side never fit together",
  type: "its sides never have the same type, so that it never applies",
};

function unfinite({ rule, notFinite }: RuleCheck): Diagnostic[] {
  if (notFinite === undefined) return [];
  const message = `the sides of rule \`${rule.name}\` differ where the left side or an operand is not finite, and only there`;
  return [
    warning("rule-not-finite", message, {
      span: rule.span,
      help: [...lines(notFinite), "it applies; a condition could keep it from such operands"],
    }),
  ];
}

/** A few places at which a few steps more are taken, for an image of one pixel, are nothing to tell. */
function costlier({ rule, samples, costlier: { places, macs, example } }: RuleCheck): Diagnostic[] {
  if (example === undefined || (!macs && places < samples / 5)) return [];
  const where = places === samples ? "" : ` at ${places} of ${samples} places`;
  return [
    warning(
      "rule-costs-more",
      `the right side of rule \`${rule.name}\` costs more than its left side${where}`,
      {
        span: rule.span,
        help: [...lines(example), "a rule must not make a graph that costs more than the one it found"],
      },
    ),
  ];
}

/** A right side that seldom fits says something else than its writer meant, unless it is a variable: `x + 0 => x` relies on it. */
function misfits({ rule, samples, misses }: RuleCheck): Diagnostic[] {
  const misfit = misses.get("type") ?? misses.get("misfit");
  if (!misfit) return [];
  const places = (misses.get("type")?.places ?? 0) + (misses.get("misfit")?.places ?? 0);
  if (places < samples) return [];
  const message = `rule \`${rule.name}\` applied at ${samples} of ${places + samples} places: at the others its right side has another type or does not fit`;
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
      message: `the sides of rule \`${rule.name}\` differ in the sign of zero, which \`1 / x\` tells apart`,
      span: rule.span,
      help: lines(signOfZero),
    },
  ];
}

function lines(text: string): string[] {
  return text === "" ? [] : text.split("\n");
}
