// Rules by which a mean over pixels is taken before a pointwise convolution, which then has fewer pixels.

import { net } from "#rewrite/rule/compile/rule-text.js";

export const pooling = net("rules/pooling.net")`
# Both are linear, and without padding the weights of a mean add up to 1, which keeps the bias. A larger window is not linear in each pixel alone.
# The last two conditions are about costs: a mean of many channels costs more than one of few results.
rule avg_pool_of_pointwise: p: avg_pool(c: conv2d(x, w, b), kernel=[h, v], stride=s, dilation=d, count_include_pad=i)
  => conv2d(avg_pool(x, kernel=[h, v], stride=s, dilation=d), w, b)
  when at(shape(w), 0) == 1 and at(shape(w), 1) == 1 and elements(c) >= 2 * elements(p) and channels(c) >= h * v
# One pixel has no room for a larger window, so the rules need not ask for 1×1.
rule global_avg_of_pointwise: global_avg_pool(c: conv2d(x, w, b), keepdims=true)
  => conv2d(global_avg_pool(x, keepdims=true), w, b)
  when channels(c) >= 2 and elements(x) >= 2 * channels(x)
rule flat_global_avg_of_pointwise: global_avg_pool(c: conv2d(x, w, b))
  => dense(global_avg_pool(x), reshape(w, shape=[channels(x), elements(b)]), b)
  when channels(c) >= 2 and elements(x) >= 2 * channels(x)
`;
