// Built-in fusions: which chains of ops become one kernel. They move kernel boundaries and change no value.

import { net } from "#rewrite/rule/compile/rule-text.js";

export const fusions = net("rules/fusions")`
# The widened value and the depthwise result of a few rows stay on chip and are never written.
fuse inverted_residual: pointwise -> elementwise* -> depthwise -> elementwise* -> pointwise -> elementwise*  when fits_on_chip

# The depthwise result of a few rows stays on chip, with any depth multiplier.
fuse separable: depthwise -> elementwise* -> pointwise -> elementwise*  when fits_on_chip

# A projection and the widening behind it work on the same pixels: neither what is between them nor the depthwise result is written.
fuse separable_pointwise: depthwise -> elementwise* -> pointwise -> elementwise* -> pointwise -> elementwise*  when fits_on_chip

# The pooled vector is made on chip by every block of the dense layer.
fuse pooled_dense: global_avg_pool -> elementwise* -> dense -> elementwise*  when fits_on_chip

# Bias, activation and residual go into the kernel that makes the value.
fuse convolution: convolution -> elementwise+
fuse transposed_convolution: conv2d_transpose -> elementwise+
fuse matmul: matmul -> elementwise+
fuse reduction: reduction -> elementwise+
fuse batch_norm: batch_norm -> elementwise+
fuse layer_norm: layer_norm -> elementwise+
fuse group_norm: group_norm -> elementwise+
fuse resize: resize -> elementwise+
fuse pad: pad -> elementwise+
fuse transpose: transpose -> elementwise+

# What feeds a pool is computed as its rows are read.
fuse pooling: elementwise* -> pooling -> elementwise*

# What is left of elementwise ops runs through memory once.
fuse elementwise: elementwise -> elementwise+
`;
