// Built-in fusions: which chains of ops become one kernel. They move kernel boundaries and change no value.

import { net } from "#rewrite/net.js";

export const fusions = net("rules/fusions")`
# The depthwise result of a few rows stays on chip and is never written, with any depth multiplier.
fuse separable: depthwise -> elementwise* -> pointwise -> elementwise* when fits_on_chip

# Bias, activation and residual go into the kernel that makes the value.
fuse convolution: convolution -> elementwise+
fuse matmul: matmul -> elementwise+
fuse pooling: pooling -> elementwise+
fuse reduction: reduction -> elementwise+

# What is left of elementwise ops runs through memory once.
fuse elementwise: elementwise -> elementwise+
`;
