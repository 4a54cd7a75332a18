// The report on weights that are stored in fewer bits than f32, as text.

import { lineText } from "#diagnostic/escape.js";
import { bytesText, shapeText } from "#ir/units.js";
import type { CompactReport, CompactWeight } from "#passes/compact-weights.js";
import { table } from "./table.js";

/** A summary, a table with the error of each rounded weight, and why others stay f32. */
export function compactText({ weightType, weights, bytesBefore, bytes }: CompactReport): string {
  const how = weightType ? `weights as ${weightType}` : "weights as the model's files store them";
  return [
    `${how}: ${bytesText(bytesBefore)} → ${bytesText(bytes)}`,
    ...(weightType && weights.some(isCompact) ? [rowsText(weights.filter(isCompact))] : []),
    ...left(weights),
  ].join("\n");
}

function isCompact({ stored }: CompactWeight): boolean {
  return stored !== "float32";
}

function rowsText(weights: readonly CompactWeight[]): string {
  const rows = weights.map(({ name, readers, shape, stored, bytes, error }) => [
    readers.join(", ") || name,
    shapeText(shape),
    stored,
    bytesText(bytes),
    error === undefined ? "as in the model's file" : `${(100 * error).toPrecision(3)}%`,
  ]);
  return table(["layer", "weight", "stored", "bytes", "error"], rows, [
    "left",
    "left",
    "left",
    "right",
    "right",
  ]);
}

/** A line for each reason why weights stay f32. */
function left(weights: readonly CompactWeight[]): string[] {
  const byReason = new Map<string, CompactWeight[]>();
  for (const one of weights)
    if (one.why !== undefined) byReason.set(one.why, [...(byReason.get(one.why) ?? []), one]);
  return [...byReason].map(([why, all]) => {
    const names = all.slice(0, 3).map(({ name }) => lineText(name));
    const more = all.length > names.length ? `, and ${all.length - names.length} more` : "";
    return `float32, ${bytesText(sum(all))}: ${why} (${names.join(", ")}${more})`;
  });
}

function sum(weights: readonly CompactWeight[]): number {
  return weights.reduce((all, { bytes }) => all + bytes, 0);
}
