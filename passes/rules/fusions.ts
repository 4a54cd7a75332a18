// The built-in fusions: which chains of ops become one kernel. They move kernel boundaries and change no value.

import { net } from "#rewrite/rule/compile/rule-text.js";

export const fusions = net("rules/fusions")`
# The expanded value and the depthwise result of a few rows stay on chip and are never written to memory.
fuse inverted_residual: pointwise -> elementwise* -> depthwise -> elementwise* -> pointwise -> elementwise*  when fits_on_chip

# The depthwise result of a few rows stays on chip, with any depth multiplier.
fuse separable: depthwise -> elementwise* -> pointwise -> elementwise*  when fits_on_chip

# A projection and the expansion after it read and write the same pixels: neither the value between them nor the depthwise result is written.
fuse separable_pointwise: depthwise -> elementwise* -> pointwise -> elementwise* -> pointwise -> elementwise*  when fits_on_chip

# Every block of the dense layer computes the pooled vector on chip.
fuse pooled_dense: global_avg_pool -> elementwise* -> dense -> elementwise*  when fits_on_chip

# The kernel that computes a value also adds its bias and residual and applies its activation.
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

# Elementwise ops before a pool are computed as the pool reads its rows.
fuse pooling: elementwise* -> pooling -> elementwise*

# The remaining elementwise ops pass through memory once.
fuse elementwise: elementwise -> elementwise+
`;
