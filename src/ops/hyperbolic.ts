// Hyperbolic functions and their inverses, written so that nothing overflows or cancels if the result is representable in f32.

import type { Scalar } from "./scalar.js";
import { add, div, exp, log1p, mul, select, sub, unary } from "./scalar.js";

/** (e^|x| + e^−|x|) / 2; e^|x| as two factors, since f32 can represent cosh(89), but not e⁸⁹. */
export function cosh(x: Scalar): Scalar {
  const [grown, shrunk] = halves(x);
  return add(grown, shrunk);
}

/** 2t / (1 − t²) with t = tanh(x / 2) for |x| < 1, where e^x and e^−x would cancel. */
export function sinh(x: Scalar): Scalar {
  const t = unary("tanh", mul(x, 0.5));
  const near = div(mul(t, 2), mul(sub(1, t), add(1, t)));
  const [grown, shrunk] = halves(x);
  return select("lt", unary("abs", x), 1, near, withSign(x, sub(grown, shrunk)));
}

/** log(1 + (a + a² / (1 + √(1 + a²)))) for a = |x|. */
export function asinh(x: Scalar): Scalar {
  const a = unary("abs", x);
  const square = mul(a, a);
  const near = log1p(add(a, div(square, add(1, unary("sqrt", add(1, square))))));
  return withSign(x, select("lt", a, far, near, logOfTwice(a)));
}

/** log(1 + (t + √t·√(t + 2))) for t = x − 1; NaN below 1. */
export function acosh(x: Scalar): Scalar {
  const t = sub(x, 1);
  const near = log1p(add(t, mul(unary("sqrt", t), unary("sqrt", add(t, 2)))));
  return select("lt", far, x, logOfTwice(x), near);
}

/** ½ · log((1 + x) / (1 − x)); near 0 as log(1 + 2a / (1 − a)) for a = |x|. */
export function atanh(x: Scalar): Scalar {
  const a = unary("abs", x);
  const near = log1p(div(mul(a, 2), sub(1, a)));
  const all = unary("log", div(add(1, a), sub(1, a)));
  return withSign(x, mul(select("lt", a, 0.5, near, all), 0.5));
}

/** Above this, √(x² ± 1) is x in f32; its square is still representable in f32. */
const far = 1e6;

/** log(2a), where 2a may overflow. */
function logOfTwice(a: Scalar): Scalar {
  return add(unary("log", a), Math.LN2);
}

/** e^|x| / 2 and e^−|x| / 2. */
function halves(x: Scalar): [Scalar, Scalar] {
  const a = unary("abs", x);
  const root = exp(mul(a, 0.5));
  return [mul(mul(root, 0.5), root), mul(exp(unary("neg", a)), 0.5)];
}

function withSign(x: Scalar, size: Scalar): Scalar {
  return select("lt", x, 0, unary("neg", size), size);
}
