// Normalizations that frameworks write in several ops.

import { net } from "#rewrite/net.js";

export const normalization = net("rules/normalization.net")`
# (x − mean) / √(variance + e) over the last axis, which is that of the channels at every rank.
rule layer_norm:
  (x - reduce_mean(x, axes=a, keepdims=true))
  * rsqrt(reduce_mean(square(x - reduce_mean(x, axes=a, keepdims=true)), axes=a, keepdims=true) + e)
  => layer_norm(x, epsilon=value(e))
  when length(a) == 1 and at(a, 0) == rank(x) - 1
`;
