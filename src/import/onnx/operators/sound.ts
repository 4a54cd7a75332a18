// Tables for audio models: windows of samples, and weights of frequencies. Their sizes are known when the model is compiled.

import { numberOf, valueOf } from "#import/lowering.js";
import { smallLimit } from "#import/builder.js";
import { refuse } from "#import/refusal.js";
import type { Value } from "#import/value.js";
import { natural } from "#ir/axis-order.js";
import type { Context, OnnxNode, OperatorImport, OperatorTable } from "../operator.js";

/** Σ factor k · cos(2πk·n / N), where N covers a whole period or ends at the last sample. */
function window(factors: readonly number[]): OperatorImport {
  return (node, ctx) => {
    const size = numberOf(node.input(0), `the size of ${node.op}`);
    if (!(size >= 1 && size <= smallLimit)) refuse("bad-model", `${node.op} cannot have ${size} samples`);
    const period = node.int("periodic", 1) === 1 ? size : size - 1;
    const samples = natural(size).map((n) =>
      factors.reduce(
        (sum, factor, k) => sum + factor * Math.cos((2 * Math.PI * k * n) / Math.max(period, 1)),
        0,
      ),
    );
    return valueOf(ctx.build.literal(samples, [size]));
  };
}

/** Triangles over the bins of a spectrum, equally spaced on the mel scale m = 2595 · log₁₀(1 + f/700). */
function melWeights(node: OnnxNode, ctx: Context): Value {
  const [count = 0, length = 0, rate = 1, lowest = 0, highest = 0] = natural(5).map((at) =>
    numberOf(node.input(at), "an operand of MelWeightMatrix"),
  );
  const bins = Math.floor(length / 2) + 1;
  if (!(count >= 1 && bins >= 1 && bins * count <= smallLimit))
    refuse("bad-model", `MelWeightMatrix cannot have ${bins} bins and ${count} bands`);
  const mel = (hertz: number): number => 2595 * Math.log10(1 + hertz / 700);
  const step = (mel(highest) - mel(lowest)) / (count + 2);
  const edges = natural(count + 2).map((at) => {
    const hertz = 700 * (10 ** ((mel(lowest) + at * step) / 2595) - 1);
    return Math.floor(((length + 1) * hertz) / rate);
  });
  const weights = new Float64Array(bins * count);
  for (const band of natural(count)) {
    const [low = 0, peak = 0, high = 0] = edges.slice(band, band + 3);
    for (let bin = Math.max(low, 0); bin < Math.min(high, bins); bin += 1)
      weights[bin * count + band] = bin < peak ? (bin - low) / (peak - low) : (high - bin) / (high - peak);
    if (peak >= 0 && peak < bins) weights[peak * count + band] = 1;
  }
  return valueOf(ctx.build.literal(weights, [bins, count]));
}

export const sound: OperatorTable = {
  HannWindow: window([0.5, -0.5]),
  HammingWindow: window([25 / 46, -21 / 46]),
  BlackmanWindow: window([0.42, -0.5, 0.08]),
  MelWeightMatrix: melWeights,
};
