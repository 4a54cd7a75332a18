// Divides what may be lost, or what must be saved, over layers so that the total error is least.

import type { Choice } from "./candidates.js";

/** What limits the sum over all layers; the other of the two is made least. */
export type Limit =
  | { readonly kind: "error"; readonly squaredError: number }
  | { readonly kind: "macs"; readonly macs: number };

/**
 * One choice per layer. Each layer's choices hold the whole layer. Along the lower convex hull of (MACs, squared error) the
 * layers give up MACs in the order of error per MAC saved, which is optimal for every total that it passes through
 * (Lagrange multipliers; Shoham and Gersho 1988); what is left of the limit is then used up by single exchanges.
 */
export function allocate(layers: readonly (readonly Choice[])[], limit: Limit): Choice[] {
  const hulls = layers.map(lowerHull);
  const chosen = hulls.map((hull) => hull[0]);
  const steps = hulls
    .flatMap((hull, layer) =>
      hull.slice(1).map((to, index) => {
        const from = hull[index] ?? to;
        return { layer, to, slope: (to.squaredError - from.squaredError) / (from.cost.macs - to.cost.macs) };
      }),
    )
    .sort((a, b) => a.slope - b.slope);
  const blocked = new Set<number>();
  let { squaredError, macs } = totals(chosen);
  for (const { layer, to } of steps) {
    if (limit.kind === "macs" && macs <= limit.macs) break;
    const from = chosen[layer];
    if (!from || blocked.has(layer)) continue;
    const error = squaredError + to.squaredError - from.squaredError;
    // A layer's later steps lose more still, but other layers may have cheaper ones.
    if (limit.kind === "error" && error > limit.squaredError) blocked.add(layer);
    else {
      chosen[layer] = to;
      squaredError = error;
      macs += to.cost.macs - from.cost.macs;
    }
  }
  exchange(layers, chosen, limit);
  return chosen.filter((choice) => choice !== undefined);
}

/** The choices on the lower convex hull of (MACs, squared error), from the most MACs to the least. */
export function lowerHull(choices: readonly Choice[]): Choice[] {
  const sorted = choices.toSorted((a, b) => b.cost.macs - a.cost.macs || a.squaredError - b.squaredError);
  // Whatever has as many MACs as an exact choice with fewer has no place on it.
  const start = sorted.findLast((choice) => choice.squaredError === 0) ?? sorted[0];
  const hull: Choice[] = [];
  for (const choice of sorted.slice(start ? sorted.indexOf(start) : 0)) {
    const last = hull.at(-1);
    if (last && choice.cost.macs === last.cost.macs) continue;
    for (
      let b = hull.at(-1), a = hull.at(-2);
      a && b && slope(a, b) >= slope(b, choice);
      b = hull.at(-1), a = hull.at(-2)
    ) {
      hull.pop();
    }
    hull.push(choice);
  }
  return hull;
}

function slope(from: Choice, to: Choice): number {
  return (to.squaredError - from.squaredError) / (from.cost.macs - to.cost.macs);
}

/** Takes the exchange of one layer's choice that gains most, as long as there is one within the limit. */
function exchange(
  layers: readonly (readonly Choice[])[],
  chosen: (Choice | undefined)[],
  limit: Limit,
): void {
  for (;;) {
    const now = totals(chosen);
    let best: { readonly layer: number; readonly to: Choice; readonly gain: number } | undefined;
    for (const [layer, choices] of layers.entries()) {
      const from = chosen[layer];
      if (!from) continue;
      for (const to of choices) {
        const saved = from.cost.macs - to.cost.macs;
        const better = from.squaredError - to.squaredError;
        const within =
          limit.kind === "error"
            ? now.squaredError - better <= limit.squaredError
            : now.macs - saved <= limit.macs;
        const gain = limit.kind === "error" ? saved : better;
        if (within && gain > 0 && (!best || gain > best.gain)) best = { layer, to, gain };
      }
    }
    if (!best) return;
    chosen[best.layer] = best.to;
  }
}

function totals(chosen: readonly (Choice | undefined)[]): { squaredError: number; macs: number } {
  let squaredError = 0;
  let macs = 0;
  for (const choice of chosen) {
    squaredError += choice?.squaredError ?? 0;
    macs += choice?.cost.macs ?? 0;
  }
  return { squaredError, macs };
}
