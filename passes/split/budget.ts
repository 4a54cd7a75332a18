// Divides what may be lost, or what must be saved, over layers so that the total error is least.

/** A way to have a layer. */
export interface Choice {
  /** What is lost by it: a number that adds up over layers, ‖W − Ŵ‖² for instance. */
  readonly loss: number;
}

/** What limits the sum over all layers; the other of the two is made least. */
export type Limit =
  | { readonly kind: "loss"; readonly loss: number }
  | { readonly kind: "cost"; readonly cost: number };

/**
 * One choice per layer. Each layer's choices hold the whole layer, which loses nothing. `costOf` gives what is saved: MACs, or
 * modelled seconds. Along the lower convex hull of (cost, loss) the layers give up cost in the order of loss per cost saved,
 * which is optimal for every total that it passes through (Lagrange multipliers; Shoham and Gersho 1988); what is left of the
 * limit is then used up by single exchanges.
 */
export function allocate<C extends Choice>(
  layers: readonly (readonly C[])[],
  limit: Limit,
  costOf: (choice: C) => number,
): C[] {
  const hulls = layers.map((choices) => lowerHull(choices, costOf));
  const chosen = hulls.map((hull) => hull[0]);
  const steps = hulls
    .flatMap((hull, layer) =>
      hull.slice(1).map((to, index) => {
        const from = hull[index] ?? to;
        return { layer, to, slope: (to.loss - from.loss) / (costOf(from) - costOf(to)) };
      }),
    )
    .sort((a, b) => a.slope - b.slope);
  const blocked = new Set<number>();
  let { loss, cost } = totals(chosen, costOf);
  for (const { layer, to } of steps) {
    if (limit.kind === "cost" && cost <= limit.cost) break;
    const from = chosen[layer];
    if (!from || blocked.has(layer)) continue;
    const lost = loss + to.loss - from.loss;
    // A layer's later steps lose more still, but other layers may have cheaper ones.
    if (limit.kind === "loss" && lost > limit.loss) blocked.add(layer);
    else {
      chosen[layer] = to;
      loss = lost;
      cost += costOf(to) - costOf(from);
    }
  }
  exchange(layers, chosen, limit, costOf);
  return chosen.filter((choice) => choice !== undefined);
}

/** The choices on the lower convex hull of (cost, loss), from the dearest to the cheapest. */
export function lowerHull<C extends Choice>(choices: readonly C[], costOf: (choice: C) => number): C[] {
  const slope = (from: C, to: C): number => (to.loss - from.loss) / (costOf(from) - costOf(to));
  const sorted = choices.toSorted((a, b) => costOf(b) - costOf(a) || a.loss - b.loss);
  // Whatever costs as much as a cheaper choice that loses nothing has no place on it.
  const start = sorted.findLast((choice) => choice.loss === 0) ?? sorted[0];
  const hull: C[] = [];
  for (const choice of sorted.slice(start ? sorted.indexOf(start) : 0)) {
    const last = hull.at(-1);
    if (last && costOf(choice) === costOf(last)) continue;
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

/** Takes the exchange of one layer's choice that gains most, as long as there is one within the limit. */
function exchange<C extends Choice>(
  layers: readonly (readonly C[])[],
  chosen: (C | undefined)[],
  limit: Limit,
  costOf: (choice: C) => number,
): void {
  for (;;) {
    const now = totals(chosen, costOf);
    let best: { readonly layer: number; readonly to: C; readonly gain: number } | undefined;
    for (const [layer, choices] of layers.entries()) {
      const from = chosen[layer];
      if (!from) continue;
      for (const to of choices) {
        const saved = costOf(from) - costOf(to);
        const better = from.loss - to.loss;
        const within =
          limit.kind === "loss" ? now.loss - better <= limit.loss : now.cost - saved <= limit.cost;
        const gain = limit.kind === "loss" ? saved : better;
        if (within && gain > 0 && (!best || gain > best.gain)) best = { layer, to, gain };
      }
    }
    if (!best) return;
    chosen[best.layer] = best.to;
  }
}

function totals<C extends Choice>(
  chosen: readonly (C | undefined)[],
  costOf: (choice: C) => number,
): { loss: number; cost: number } {
  let loss = 0;
  let cost = 0;
  for (const choice of chosen) {
    if (!choice) continue;
    loss += choice.loss;
    cost += costOf(choice);
  }
  return { loss, cost };
}
