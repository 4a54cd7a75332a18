// Rules that recognize normalizations that frameworks write as several ops.

import { net } from "#rewrite/rule/compile/rule-text.js";

export const normalization = net("rules/normalization.net")`
# (x − mean) / √(variance + e) over the last axis, which is the channel axis at every rank.
rule layer_norm:
  (x - reduce_mean(x, axes=a, keepdims=true))
  * rsqrt(reduce_mean(square(x - reduce_mean(x, axes=a, keepdims=true)), axes=a, keepdims=true) + e)
  => layer_norm(x, epsilon=value(e))
  when length(a) == 1 and at(a, 0) == rank(x) - 1

# The same over all pixels of each channel.
rule instance_norm_image:
  (x - global_avg_pool(x, keepdims=true))
  * rsqrt(global_avg_pool(square(x - global_avg_pool(x, keepdims=true)), keepdims=true) + e)
  => group_norm(x, groups=channels(x), epsilon=value(e))
rule instance_norm:
  (x - reduce_mean(x, axes=a, keepdims=true))
  * rsqrt(reduce_mean(square(x - reduce_mean(x, axes=a, keepdims=true)), axes=a, keepdims=true) + e)
  => group_norm(x, groups=channels(x), epsilon=value(e))
  when length(a) == rank(x) - 2 and rank(x) > 2 and at(a, 0) == 1 and at(a, -1) == rank(x) - 2
`;
