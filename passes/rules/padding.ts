// Rules by which a pad goes into the op that follows, where the padding of that op gives the same values.

import { net } from "#rewrite/rule/compile/rule-text.js";

export const padding = net("rules/padding.net")`
rule pad_of_pad: pad(pad(x, before=a, after=b, value=v), before=c, after=d, value=v)
  => pad(x, before=a + c, after=b + d, value=v)

# A convolution pads with zeros, unless it takes integers with another zero point.
rule convolution_of_pad: c: convolution(pad(x, before=f, after=t), w, b, padding=p, zero=0, ..a)
  => c(x, w, b, padding=p + image_padding(f, t), zero=0, ..a)

# A mean counts the zeros of a pad; it counts those of the pool's own padding only with count_include_pad.
rule avg_pool_of_pad_counted: avg_pool(pad(x, before=f, after=t), padding=p, count_include_pad=true, ..a)
  => avg_pool(x, padding=p + image_padding(f, t), count_include_pad=true, ..a)
rule avg_pool_of_pad: avg_pool(pad(x, before=f, after=t), kernel=k, stride=s, dilation=d)
  => avg_pool(x, kernel=k, stride=s, dilation=d, padding=image_padding(f, t), count_include_pad=true)

# The padding of a max pool is never the maximum. The same holds for a pad only if its value is −∞, or 0 where no value is below 0.
rule max_pool_of_pad: max_pool(pad(x, before=f, after=t, value=-inf), padding=p, ..a)
  => max_pool(x, padding=p + image_padding(f, t), ..a)
rule max_pool_of_pad_relu: max_pool(pad(r: relu(x), before=f, after=t), padding=p, ..a)
  => max_pool(r, padding=p + image_padding(f, t), ..a)
rule max_pool_of_pad_relu6: max_pool(pad(r: relu6(x), before=f, after=t), padding=p, ..a)
  => max_pool(r, padding=p + image_padding(f, t), ..a)
`;
