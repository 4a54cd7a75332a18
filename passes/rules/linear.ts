// Rules by which scales and shifts by constants go into the weights before or after them.

import { net } from "#rewrite/rule/compile/rule-text.js";

export const linear = net("rules/linear.net")`
rule dense_of_matmul: matmul(x, w) => dense(x, w) when constant(w) and rank(w) == 2

# After a layer: (x·w + b)·s = x·(w·s) + b·s, with s per output channel, which is the last axis of w.
rule scale_convolution: c: convolution(x, w, b, ..a) * s => c(x, w * k, b * k, ..a)
  where k = reshape(s, shape=[elements(s)])
  when constant(w, b, s) and per_channel(s) and elements(s) <= elements(b)
rule shift_convolution: c: convolution(x, w, b, ..a) + s => c(x, w, b + k, ..a)
  where k = reshape(s, shape=[elements(s)])
  when constant(b, s) and per_channel(s) and elements(s) <= elements(b)
rule scale_transposed: conv2d_transpose(x, w, b, ..a) * s => conv2d_transpose(x, w * k, b * k, ..a)
  where k = reshape(s, shape=[elements(s)])
  when constant(w, b, s) and per_channel(s) and elements(s) <= elements(b)
rule shift_transposed: conv2d_transpose(x, w, b, ..a) + s => conv2d_transpose(x, w, b + k, ..a)
  where k = reshape(s, shape=[elements(s)])
  when constant(b, s) and per_channel(s) and elements(s) <= elements(b)
rule scale_dense: dense(x, w, b) * s => dense(x, w * k, b * k)
  where k = reshape(s, shape=[elements(s)])
  when constant(w, b, s) and per_channel(s) and elements(s) <= elements(b)
rule shift_dense: dense(x, w, b) + s => dense(x, w, b + k)
  where k = reshape(s, shape=[elements(s)])
  when constant(b, s) and per_channel(s) and elements(s) <= elements(b)

# Before a layer: s is per input channel, which is the second to last axis of w. Zeros in the padding stay zeros.
rule convolution_of_scale: conv2d(x * s, w, b, groups=1, ..a) => conv2d(x, w * reshape(s, shape=[elements(s), 1]), b, ..a)
  when constant(w, s) and per_channel(s)
rule depthwise_of_scale: depthwise_conv2d(x * s, w, b, multiplier=1, ..a) => depthwise_conv2d(x, w * reshape(s, shape=[elements(s)]), b, ..a)
  when constant(w, s) and per_channel(s) and elements(s) <= channels(x)
rule dense_of_scale: dense(x * s, w, b) => dense(x, w * reshape(s, shape=[elements(s), 1]), b)
  when constant(w, s) and per_channel(s)

# A shift before a layer is a bias of it, unless the layer pads: the padding would not be shifted.
rule convolution_of_shift: conv2d(x + s, w, b, stride=t, dilation=d)
  => conv2d(x, w, b + reduce_sum(w * reshape(s, shape=[elements(s), 1]), axes=[0, 1, 2]), stride=t, dilation=d)
  when constant(w, b, s) and per_channel(s)
rule dense_of_shift: dense(x + s, w, b) => dense(x, w, b + reduce_sum(w * reshape(s, shape=[elements(s), 1]), axes=[0]))
  when constant(w, b, s) and per_channel(s)
`;
