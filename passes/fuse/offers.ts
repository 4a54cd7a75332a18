// Chains that could become kernels: why one should not, and which of several that overlap do.

import { greatest, least } from "#diagnostic/extremes.js";
import type { NodeId } from "#ir/graph.js";
import type { Target } from "#ir/target.js";
import { bytesText, countText } from "#ir/units.js";
import type { Chain, Refusal } from "#rewrite/fusion/find-chains.js";
import type { FusedCost } from "#template/cost.js";
import { extraText } from "#template/plan.js";

/** A chain, and what one kernel for it costs and saves. */
export interface Offer {
  readonly chain: Chain;
  readonly cost: FusedCost;
  /** The position of the fusion in the file. */
  readonly order: number;
}

/** Why a legal chain should not be fused; undefined if it should. */
export function objection({ fusion, nodes }: Chain, cost: FusedCost, target: Target): string | undefined {
  if (!cost.fits)
    return `needs ${bytesText(cost.scratchBytes)} on chip even for ${cost.pixels > 0 ? `${countText(cost.pixels)} pixels` : `${countText(cost.rows)} row${cost.rows === 1 ? "" : "s"}`}, but ${target.name} has ${bytesText(target.scratchBytes)}`;
  const facts = {
    fits_on_chip: cost.fits,
    ops: nodes.length,
    saved_bytes: cost.savedBytes,
    scratch_bytes: cost.scratchBytes,
    extra_macs: cost.extraMacs,
  };
  const unmet = fusion.unmet(facts);
  if (unmet !== undefined) return unmet;
  if (cost.saving > 0) return undefined;
  const strips = cost.strips === 1 ? "1 strip leaves" : `${countText(cost.strips)} strips leave`;
  const idle = cost.idleSeconds > 0 ? `${strips} some of ${target.threads?.count ?? 1} threads idle` : "";
  const costs = [extraText(cost), idle].filter((text) => text !== "").join(", and ");
  return `would keep ${bytesText(cost.savedBytes)} out of memory, but ${costs}`;
}

/**
 * Offers that do not overlap: larger savings first, then the order of the file. An offer is dropped if smaller ones inside
 * it save more together.
 */
export function choose(offers: readonly Offer[], refusals: Refusal[], overtaken: Refusal[]): Offer[] {
  const sorted = offers.toSorted((a, b) => b.cost.saving - a.cost.saving || a.order - b.order);
  const byStart = new Map<NodeId, Offer[]>();
  for (const offer of sorted) {
    const start = offer.chain.nodes[0]?.id ?? -1;
    byStart.set(start, [...(byStart.get(start) ?? []), offer]);
  }
  const taken = new Map<NodeId, string>();
  const chosen: Offer[] = [];
  for (const offer of sorted) {
    const { nodes, fusion } = offer.chain;
    const other = nodes.map((node) => taken.get(node.id)).find((name) => name !== undefined);
    if (other !== undefined) {
      const reason =
        other === fusion.name
          ? "an overlapping chain saves more"
          : `\`${other}\`, which saves as much or more, took some of its ops`;
      overtaken.push({ fusion: fusion.name, nodes, reason });
      continue;
    }
    const parts = bestParts(
      offer,
      nodes.flatMap((node) => byStart.get(node.id) ?? []),
    );
    if (parts.saving > offer.cost.saving) {
      refusals.push({
        fusion: fusion.name,
        nodes,
        reason: `saves less than ${parts.names.join(" and ")} together`,
      });
      continue;
    }
    for (const node of nodes) taken.set(node.id, fusion.name);
    chosen.push(offer);
  }
  return chosen;
}

/** The most that offers inside another one save together without overlapping: weighted interval scheduling. */
function bestParts(whole: Offer, offers: readonly Offer[]): { saving: number; names: string[] } {
  const positions = new Map(whole.chain.nodes.map((node, at) => [node.id, at]));
  const inside = offers.flatMap((offer) => {
    const { nodes } = offer.chain;
    if (offer === whole || nodes.length >= whole.chain.nodes.length) return [];
    const covered = nodes.map((node) => positions.get(node.id) ?? -1);
    return covered.includes(-1) ? [] : [{ offer, from: least(covered), to: greatest(covered) }];
  });
  let best: { saving: number; names: string[] }[] = [{ saving: 0, names: [] }];
  for (const end of whole.chain.nodes.keys()) {
    let here = best[end] ?? { saving: 0, names: [] };
    for (const { offer, from, to } of inside) {
      const before = best[from];
      if (to !== end || !before || before.saving + offer.cost.saving <= here.saving) continue;
      here = {
        saving: before.saving + offer.cost.saving,
        names: [...before.names, `\`${offer.chain.fusion.name}\``],
      };
    }
    best = [...best, here];
  }
  return best.at(-1) ?? { saving: 0, names: [] };
}
