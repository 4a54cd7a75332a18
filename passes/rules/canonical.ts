// Rules that remove ops that do nothing, and give equal computations one form.

import { net } from "#rewrite/rule/compile/rule-text.js";

export const canonical = net("rules/canonical.net")`
# Ops that do nothing. Every rule keeps the type of a value: x + 0 is not replaced where the 0 broadcasts x.
rule identity: identity(x) => x
rule add_zero: x + 0 => x
rule sub_zero: x - 0 => x
rule mul_one: x * 1 => x
rule div_one: x / 1 => x
rule pow_one: pow(x, 1) => x
rule neg_neg: neg(neg(x)) => x
rule abs_abs: abs(a: abs(x)) => a
rule concat_one: concat(x, ..a) => x
rule pad_nothing: pad(x, ..a) => x
rule resize_same: resize(x, ..a) => x
rule max_pool_one: max_pool(x, kernel=1x1, stride=1x1, ..a) => x
rule avg_pool_one: avg_pool(x, kernel=1x1, stride=1x1, ..a) => x

# Subtraction and division of constants become addition and multiplication, so that other rules see one form.
rule sub_constant: x - c => x + neg(c) when constant(c)
# Outside these bounds 1 / c is not a normal float.
rule div_constant: x / c => x * (1 / c)
  when constant(c)
    and (least(c) >= 1e-37 and greatest(c) <= 1e37 or greatest(c) <= -1e-37 and least(c) >= -1e37)
rule add_neg: x + neg(y) => x - y
rule sub_neg: x - neg(y) => x + y
rule zero_sub: 0 - x => neg(x)
rule mul_minus_one: x * -1 => neg(x)

# Two constants become one.
rule add_add: (x + c) + d => x + (c + d) when constant(c, d)
rule mul_mul: (x * c) * d => x * (c * d) when constant(c, d)

# Powers.
rule pow_two: pow(x, 2) => square(x)
rule pow_three: pow(x, 3) => square(x) * x
rule pow_half: pow(x, 0.5) => sqrt(x)
rule pow_minus_one: pow(x, -1) => reciprocal(x)
rule mul_self: x * x => square(x)
rule one_div: 1 / x => reciprocal(x)
rule reciprocal_sqrt: reciprocal(sqrt(x)) => rsqrt(x)
rule div_sqrt: x / sqrt(y) => x * rsqrt(y)
rule mul_reciprocal: x * reciprocal(y) => x / y
`;
