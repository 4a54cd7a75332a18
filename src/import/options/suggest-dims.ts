// Proposes sizes for dimensions that a model leaves open, for messages. They follow from the meaning of the axis, and an import tries them.

import type { Diagnostic, Result } from "#diagnostic/diagnostic.js";
import { natural } from "#ir/axis-order.js";
import type { Extent, Unbound } from "./dimensions.js";
import { unboundMessage } from "./dimensions.js";

/** The most sets of sizes that are tried. */
const roundLimit = 6;

const sizes = {
  batch: [1],
  channels: [3, 1, 4],
  frames: [16, 8],
  spatial: [224, 256, 320, 512, 640, 128],
  /** Samples of a signal, or tokens. */
  samples: [512, 1536, 16_000, 128],
  steps: [16, 128, 76, 512],
} as const;

type Meaning = keyof typeof sizes;

/** Imports the model with these sizes; `isTrial` says not to give advice. */
export type TrySizes = (dims: ReadonlyMap<string, number>, isTrial: boolean) => Result<unknown>;

/** The advice about missing sizes: an example that works, or what else is wrong with the model. */
export function adviseSizes(
  unbound: Unbound,
  file: string,
  how: { readonly isChannelsLast: boolean; readonly declared: readonly (readonly Extent[])[] },
  attempt: TrySizes,
): readonly Diagnostic[] {
  const rounds = suggestions(unbound, how);
  const [first = new Map<string, number>()] = rounds;
  if (unbound.wrong.length > 0) return [...unbound.wrong, unboundMessage(unbound, file, first)];
  let found: ReadonlyMap<string, number> | undefined;
  for (const dims of rounds) {
    const { value, diagnostics } = attempt(dims, true);
    if (value !== undefined) found = dims;
    // If the import takes too long with these sizes, no others are tried.
    if (found || diagnostics.some(({ code }) => code === "too-large")) break;
  }
  const message = unboundMessage(unbound, file, found ?? first);
  return found ? [message] : [...attempt(first, false).diagnostics, message];
}

/** Sizes for all missing dimensions, the likeliest first. Images are as large as other shapes of the model, if these tell a size. */
function suggestions(
  { missing, inputs, batch }: Unbound,
  {
    isChannelsLast,
    declared,
  }: { readonly isChannelsLast: boolean; readonly declared: readonly (readonly Extent[])[] },
): ReadonlyMap<string, number>[] {
  const shapes = [...inputs.map(({ extents }) => extents), ...declared];
  const beside = shapes.flatMap((extents) =>
    extents.flatMap((extent, axis) =>
      "value" in extent && extent.value >= 16 && meaningOf(extents, axis, isChannelsLast) === "spatial"
        ? [extent.value]
        : [],
    ),
  );
  const choices = missing.map((symbol) => {
    const meaning = meaningOfSymbol(
      symbol,
      inputs.map(({ extents }) => extents),
      isChannelsLast,
    );
    const list = meaning === "spatial" ? [...beside, ...sizes.spatial] : sizes[meaning];
    return { symbol, isBatch: meaning === "batch", list: [...new Set(list)] };
  });
  const most = choices.reduce((sum, { list }) => Math.max(sum, list.length), 1);
  const rounds = natural(Math.min(most, roundLimit)).map(
    (round) => new Map(choices.map(({ symbol, list }) => [symbol, list[round] ?? list[0] ?? 1])),
  );
  // Or all dimensions that are not a batch have one size.
  const same = new Map(
    choices.map(({ symbol, isBatch }) => [symbol, isBatch ? 1 : (beside[0] ?? sizes.spatial[0])]),
  );
  // An operator that mixes samples needs a bound batch too.
  const withBatch =
    batch === undefined ? [] : [rounds[0], same].map((dims) => new Map([[batch, 1], ...(dims ?? [])]));
  return [...rounds, same, ...withBatch];
}

function meaningOfSymbol(
  symbol: string,
  shapes: readonly (readonly Extent[])[],
  isChannelsLast: boolean,
): Meaning {
  if (/^n$|batch|^bs$/i.test(symbol)) return "batch";
  if (/height|width|rows|cols|^[hw]$/i.test(symbol)) return "spatial";
  if (/channel/i.test(symbol)) return "channels";
  for (const extents of shapes) {
    const axis = extents.findIndex((extent) => "symbol" in extent && extent.symbol === symbol);
    if (axis >= 0) return meaningOf(extents, axis, isChannelsLast);
  }
  return "spatial";
}

/** The meaning of an axis, judged by the number of axes and by which extents look like a few channels. */
function meaningOf(extents: readonly Extent[], axis: number, isChannelsLast: boolean): Meaning {
  const rank = extents.length;
  const isFew = (at: number): boolean => {
    const extent = extents[at];
    return extent !== undefined && "value" in extent && extent.value <= 4;
  };
  if (rank >= 4) {
    if (axis === 0) return "batch";
    const isLast = isFew(rank - 1) || (isChannelsLast && !isFew(1));
    const channels = isLast ? rank - 1 : 1;
    if (axis === channels) return "channels";
    return rank === 5 && axis === (isLast ? 1 : 2) ? "frames" : "spatial";
  }
  // The state of a recurrent layer is [directions, batch, units].
  if (rank === 3 && axis === 1 && isFew(0) && "value" in (extents[2] ?? {})) return "batch";
  if (rank === 3 && (isFew(0) || isFew(2))) {
    const channels = isFew(0) ? 0 : 2;
    // [channels, rows, columns] without a batch, or a batch of signals.
    if (axis === channels) return "channels";
    return axis === 0 ? "batch" : isFew(0) ? "spatial" : "samples";
  }
  if (axis === 0) return "batch";
  return rank === 2 ? "samples" : "steps";
}
