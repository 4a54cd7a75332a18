// Rules by which a batch norm folds into the layer before it, or becomes one scale and one shift.

import { net } from "#rewrite/rule/compile/rule-text.js";

export const batchNorm = net("rules/batch-norm.net")`
rule fold_batch_norm:
  batch_norm(c: convolution(x, w, b, ..a), scale, offset, mean, variance, epsilon=e)
  => c(x, w * gain, (b - mean) * gain + offset, ..a)
  where gain = scale / sqrt(variance + e)
  when constant(w, b, scale, offset, mean, variance)

rule fold_batch_norm_dense:
  batch_norm(dense(x, w, b), scale, offset, mean, variance, epsilon=e)
  => dense(x, w * gain, (b - mean) * gain + offset)
  where gain = scale / sqrt(variance + e)
  when constant(w, b, scale, offset, mean, variance)

rule fold_batch_norm_transposed:
  batch_norm(conv2d_transpose(x, w, b, ..a), scale, offset, mean, variance, epsilon=e)
  => conv2d_transpose(x, w * gain, (b - mean) * gain + offset, ..a)
  where gain = scale / sqrt(variance + e)
  when constant(w, b, scale, offset, mean, variance)

# No such layer comes before it. The layer that follows may still take the scale into its weights.
rule batch_norm_alone:
  batch_norm(x, scale, offset, mean, variance, epsilon=e)
  => x * gain + (offset - mean * gain)
  where gain = scale / sqrt(variance + e)
  when constant(scale, offset, mean, variance)
`;
