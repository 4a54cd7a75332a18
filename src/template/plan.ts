// Plans of kernels: the decisions about one kernel, their form in dumps, and the reason in words.

import type { KernelPlan, TemplateName } from "#ir/graph.js";
import { bytesText, countText, plural } from "#ir/units.js";

/** The numbers of a plan under their names in dumps. */
export const planNumbers = {
  rows: "rows",
  pixels: "pixels",
  strips: "strips",
  winograd: "winograd",
  saved_bytes: "savedBytes",
  scratch_bytes: "scratchBytes",
  extra_bytes: "extraBytes",
  extra_macs: "extraMacs",
  extra_seconds: "extraSeconds",
} as const satisfies Readonly<Record<string, Exclude<keyof KernelPlan, "template" | "fusion">>>;

/** A plan with the given fields; the others have their defaults. */
export function makePlan(
  template: TemplateName,
  given: Partial<Omit<KernelPlan, "template">> = {},
): KernelPlan {
  return {
    template,
    rows: 0,
    pixels: 0,
    strips: 0,
    winograd: 0,
    savedBytes: 0,
    scratchBytes: 0,
    extraBytes: 0,
    extraMacs: 0,
    extraSeconds: 0,
    ...given,
  };
}

/**
 * Why ops are one kernel: `keeps 1.6 MiB out of memory, in 7 strips of 2 rows (120 KiB on chip)`. `added` is the name of a convolution
 * whose products the kernel adds to its own sums.
 */
export function reasonText(plan: KernelPlan, added?: string): string {
  const { rows, pixels, strips, savedBytes, scratchBytes } = plan;
  const kept =
    pixels > 0
      ? (["tile", pixels, "pixel"] as const)
      : rows > 0
        ? (["strip", rows, "row"] as const)
        : undefined;
  const extra = extraText(plan);
  return [
    `keeps ${bytesText(savedBytes)} out of memory`,
    ...(kept
      ? [
          `, in ${plural(strips, kept[0])} of ${plural(kept[1], kept[2])} (${bytesText(scratchBytes)} on chip)`,
        ]
      : []),
    ...(kept && extra !== "" ? [`; ${extra}`] : []),
    ...(added === undefined ? [] : [`; adds \`${added}\` as it sums`]),
  ].join("");
}

/** `reads 12 KiB again and computes 1.2 M MACs again`; empty if neither. */
export function extraText({ extraBytes, extraMacs }: Pick<KernelPlan, "extraBytes" | "extraMacs">): string {
  return [
    ...(extraBytes > 0 ? [`reads ${bytesText(Math.round(extraBytes))} again`] : []),
    ...(extraMacs > 0 ? [`computes ${countText(Math.round(extraMacs))} MACs again`] : []),
  ].join(" and ");
}
