// Chooses one option for each layer, so that the total loss is least for a given cost, or the total cost least for a given loss.

/** One option for a layer. */
export interface Choice {
  /** What the option loses: a number that adds up over layers, for instance ‖W − Ŵ‖². */
  readonly loss: number;
}

/** The limit of one sum over all layers; the other sum is minimized. */
export type Limit =
  | { readonly kind: "loss"; readonly loss: number }
  | { readonly kind: "cost"; readonly cost: number };

/**
 * Gives one choice per layer. The choices of each layer must include the whole layer, which loses nothing. `costOf` gives the cost to
 * save: MACs, or modelled seconds. The layers step along their lower convex hulls of (cost, loss) in the order of loss per cost saved.
 * That is optimal for every total that it passes through (Lagrange multipliers; Shoham and Gersho 1988). Single exchanges then use up
 * the rest of the limit.
 */
export function allocate<C extends Choice>(
  layers: readonly (readonly C[])[],
  limit: Limit,
  costOf: (choice: C) => number,
): C[] {
  const hulls = layers.map((choices) => lowerHull(choices, costOf));
  const chosen = hulls.map((hull) => hull[0]);
  const moves = hulls
    .flatMap((hull, layer) =>
      hull.slice(1).map((to, index) => {
        const from = hull[index] ?? to;
        return { layer, to, slope: (to.loss - from.loss) / (costOf(from) - costOf(to)) };
      }),
    )
    .sort((a, b) => a.slope - b.slope);
  const blocked = new Set<number>();
  let { loss, cost } = totals(chosen, costOf);
  for (const { layer, to } of moves) {
    if (limit.kind === "cost" && cost <= limit.cost) break;
    const from = chosen[layer];
    if (!from || blocked.has(layer)) continue;
    const lost = loss + to.loss - from.loss;
    // The later options of this layer lose even more, but other layers may have options that lose less.
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

/** The choices on the lower convex hull of (cost, loss), in the order of falling cost. */
export function lowerHull<C extends Choice>(choices: readonly C[], costOf: (choice: C) => number): C[] {
  const slope = (from: C, to: C): number => (to.loss - from.loss) / (costOf(from) - costOf(to));
  const sorted = choices.toSorted((a, b) => costOf(b) - costOf(a) || a.loss - b.loss);
  // A choice is not on the hull if another one costs as little or less and loses nothing.
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

/** Repeats the exchange of one layer's choice that gains most, as long as one is within the limit. */
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
