// Rules for activations: clips merge, and ops that together compute a named activation become that activation.

import { net } from "#rewrite/rule/compile/rule-text.js";

export const activation = net("rules/activation.net")`
# A minimum or maximum with a constant is a clip; a clip from 0 is a relu.
rule max_constant: max(x, c) => clip(x, low=value(c))
rule min_constant: min(x, c) => clip(x, high=value(c))
rule clip_nothing: clip(x) => x
rule clip_relu: clip(x, low=0) => relu(x)
rule clip_relu6: clip(x, low=0, high=6) => relu6(x)

# clip(clip(x)) is a clip between the inner bounds, clipped.
rule clip_of_clip: clip(clip(x, low=a, high=b), low=c, high=d)
  => clip(x, low=min(max(a, c), d), high=min(max(b, c), d))
rule clip_of_relu: clip(relu(x), low=c, high=d) => clip(x, low=min(max(0, c), d), high=max(c, d)) when c <= d
rule clip_of_relu6: clip(relu6(x), low=c, high=d) => clip(x, low=min(max(0, c), d), high=min(max(6, c), d))
rule relu_of_clip: relu(clip(x, low=a, high=b)) => clip(x, low=max(a, 0), high=max(b, 0)) when a <= b
rule relu6_of_clip: relu6(clip(x, low=a, high=b)) => clip(x, low=min(max(a, 0), 6), high=min(max(b, 0), 6)) when a <= b
rule relu_of_relu: relu(r: relu(x)) => r
rule relu_of_relu6: relu(r: relu6(x)) => r
rule relu6_of_relu: relu6(relu(x)) => relu6(x)
rule relu6_of_relu6: relu6(r: relu6(x)) => r

# Integers from their zero point up are those of the numbers from 0 up.
rule quantize_relu: quantize(relu(x), s, zero=z, low=l, ..a) => quantize(x, s, zero=z, low=max(l, z), ..a)
  when constant(s) and least(s) > 0

# Other forms of leaky relu.
rule leaky_zero: leaky_relu(x, alpha=0) => relu(x)
rule prelu_uniform: prelu(x, a) => leaky_relu(x, alpha=value(a))
rule leaky_max: max(x, x * c) => leaky_relu(x, alpha=value(c)) when value(c) >= 0 and value(c) <= 1

# Sigmoid, softplus, and the activations made of them.
rule sigmoid: reciprocal(exp(neg(x)) + 1) => sigmoid(x)
rule silu: x * sigmoid(x) => silu(x)
rule softplus: log(exp(x) + 1) => softplus(x)
rule mish: x * tanh(softplus(x)) => mish(x)

# MobileNetV3's activations: relu6(x + 3) / 6, alone and multiplied by x.
rule hard_sigmoid: relu6(x + 3) * 0.16666666666666666 => hard_sigmoid(x)
rule hard_swish: x * hard_sigmoid(x) => hard_swish(x)
rule hard_swish_scaled_last: (x * relu6(x + 3)) * 0.16666666666666666 => hard_swish(x)
rule hard_swish_scaled_first: (x * 0.16666666666666666) * relu6(x + 3) => hard_swish(x)

# Gelu as PyTorch exports it: x · ½ · (1 + erf(x / √2)), in the orders that occur.
rule gelu_half_last: (x * (erf(x * 0.7071067811865476) + 1)) * 0.5 => gelu(x)
rule gelu_half_first: (x * 0.5) * (erf(x * 0.7071067811865476) + 1) => gelu(x)
rule gelu_half_inside: x * ((erf(x * 0.7071067811865476) + 1) * 0.5) => gelu(x)
`;
