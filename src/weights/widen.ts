// The values of weights that are stored in fewer bits than f32. The runtime computes the same when it loads them (src/runtime/compact.ts).

import type { CompactForm } from "#ir/compact.js";
import { halfToFloat } from "./half.js";

/** Writes the values of a form to `out`, in the order of the graph. */
export function widen(form: CompactForm, out: Float32Array): Float32Array {
  const codes = form.read(out);
  const number = numberOf(form);
  for (let at = 0; at < out.length; at += 1) out[at] = number(codes[at] as number);
  if (!form.factors) return out;
  const { count } = form.factors;
  const factors = form.factors.read();
  for (let at = 0, channel = 0; at < out.length; at += 1) {
    out[at] = (out[at] as number) * (factors[channel] as number);
    channel = channel + 1 === count ? 0 : channel + 1;
  }
  return out;
}

/** What a code means before the factor: a number that rounds to that f32. */
export function numberOf({ codes, scale, min }: CompactForm): (code: number) => number {
  return codes === "float16" ? halfToFloat : (code) => code * scale + min;
}
