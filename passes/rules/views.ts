// Rules for reshapes, transposes, slices and reductions over the image: they merge, cancel, and move below elementwise ops.

import { net } from "#rewrite/rule/compile/rule-text.js";

export const views = net("rules/views.net")`
rule reshape_same: reshape(x, ..a) => x
rule reshape_of_reshape: reshape(reshape(x, ..a), shape=s) => reshape(x, shape=s)
rule transpose_same: transpose(x, perm=p) => x when ascending(p)
rule transpose_of_transpose: transpose(transpose(x, perm=p), perm=q) => transpose(x, perm=permute(p, q))
rule slice_all: slice(x, ..a) => x
rule slice_of_slice: slice(slice(x, begin=a, size=s, stride=t), begin=b, size=u, stride=v)
  => slice(x, begin=a + b * t, size=u, stride=t * v)

# Moves go after elementwise ops: there they meet their inverses, and the op joins the kernel before it.
rule activation_of_transpose: c: activation(transpose(x, perm=p), ..a) => transpose(c(x, ..a), perm=p)
rule activation_of_reshape: c: activation(reshape(x, shape=s), ..a) => reshape(c(x, ..a), shape=s)
rule elementwise_of_transposes: c: elementwise(transpose(x, perm=p), transpose(y, perm=p))
  => transpose(c(x, y), perm=p)  when shape(x) == shape(y)

# Means and maxima over height and width.
rule mean_image: reduce_mean(x, axes=[1, 2], keepdims=k) => global_avg_pool(x, keepdims=k) when rank(x) == 4
rule max_image: reduce_max(x, axes=[1, 2], keepdims=k) => global_max_pool(x, keepdims=k) when rank(x) == 4
rule avg_pool_image: avg_pool(x, kernel=[h, w], stride=s, count_include_pad=c) => global_avg_pool(x, keepdims=true)
  when at(shape(x), 1) == h and at(shape(x), 2) == w
rule max_pool_image: max_pool(x, kernel=[h, w], stride=s) => global_max_pool(x, keepdims=true)
  when at(shape(x), 1) == h and at(shape(x), 2) == w
rule flatten_global_avg: reshape(global_avg_pool(x, keepdims=true), ..a) => global_avg_pool(x)
rule flatten_global_max: reshape(global_max_pool(x, keepdims=true), ..a) => global_max_pool(x)
`;
