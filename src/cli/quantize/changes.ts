// The lines about weights that a compilation stores in fewer bits, or splits.

import { compactText } from "#report/compact.js";
import { quantizedText } from "#report/quantized.js";
import type { QuantizedNet } from "#quantize/quantize-net.js";
import type { FittedModel } from "../split/fit.js";
import { splitText } from "../split/text.js";

export function changesText({
  optimized: { compact, split },
  responses,
  quantized,
}: FittedModel & { readonly quantized?: QuantizedNet }): string {
  return [
    compact ? `${compactText(compact)}\n` : "",
    quantized ? quantizedText(quantized.report) : "",
    split ? `${splitText(split, responses)}\n` : "",
  ].join("");
}
