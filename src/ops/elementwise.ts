// The table of elementwise ops. The scalar expression defines an op completely, for the interpreter and every back end.

import type { AttributeValue } from "#ir/graph.js";
import type { TensorType } from "#ir/type.js";
import { sameShape } from "#ir/type.js";
import type { AttributesOf } from "./attributes.js";
import { broadcastShapes } from "./broadcast.js";
import { mapElements, sampleBroadcast } from "./map-elements.js";
import { acosh, asinh, atanh, cosh, sinh } from "./hyperbolic.js";
import { number } from "./kinds.js";
import type { AttributeTable, Op } from "./op.js";
import { isProblem } from "./op.js";
import { dequantize, quantize } from "./quantize.js";
import type { Random } from "./random.js";
import { sampleShape } from "./sample.js";
import type { Scalar } from "./scalar.js";
import {
  add,
  binary,
  div,
  exp,
  expm1,
  log1p,
  logistic,
  max,
  min,
  mul,
  operand,
  select,
  sub,
  unary,
} from "./scalar.js";

/** Optional properties, which only some ops have. */
type Traits = Partial<Pick<Op, "errors" | "classes" | "nonFinite" | "jumps" | "commutative" | "integers">>;

const activation = { classes: ["activation"] } satisfies Traits;
const elsewhere = { nonFinite: "elsewhere" } satisfies Traits;
const sums = { errors: "sums" } satisfies Traits;
const nearZero = { nonFinite: "near zero" } satisfies Traits;
const jumps = { jumps: true } satisfies Traits;
const comparison = { nonFinite: "never", jumps: true } satisfies Traits;
const commutative = { commutative: true } satisfies Traits;

/** All elementwise ops. To add one, add a row. */
export const elementwise = {
  relu: map("max(x, 0) (Nair and Hinton 2010).", {}, ([x]) => max(x, 0), activation),
  relu6: map("min(max(x, 0), 6) (Howard et al. 2017).", {}, ([x]) => min(max(x, 0), 6), activation),
  leaky_relu: map(
    "x where x ≥ 0, else alpha · x (Maas et al. 2013).",
    { alpha: number({ default: 0.01, doc: "slope below zero" }) },
    ([x], { alpha }) => select("lt", x, 0, mul(x, alpha), x),
    activation,
  ),
  elu: map(
    "x where x > 0, else alpha · (eˣ − 1) (Clevert et al. 2015).",
    { alpha: number({ default: 1, doc: "value at −∞, negated" }) },
    ([x], { alpha }) => select("le", x, 0, mul(expm1(x), alpha), x),
    activation,
  ),
  sigmoid: map("1 / (1 + e⁻ˣ).", {}, ([x]) => logistic(x), activation),
  silu: map(
    "x · sigmoid(x) (Elfwing et al. 2017; Ramachandran et al. 2017, swish).",
    {},
    ([x]) => mul(x, logistic(x)),
    activation,
  ),
  hard_sigmoid: map(
    "clip(alpha · x + beta, 0, 1); the defaults are those of MobileNetV3 and PyTorch.",
    {
      alpha: number({ default: 1 / 6, doc: "slope" }),
      beta: number({ default: 0.5, doc: "value at zero" }),
    },
    ([x], { alpha, beta }) => min(max(add(mul(x, alpha), beta), 0), 1),
    activation,
  ),
  hard_swish: map(
    "x · clip(x + 3, 0, 6) / 6 (Howard et al. 2019, MobileNetV3).",
    {},
    ([x]) => mul(x, mul(min(max(add(x, 3), 0), 6), 1 / 6)),
    activation,
  ),
  tanh: map("Hyperbolic tangent.", {}, ([x]) => unary("tanh", x), activation),
  gelu: map(
    "x · Φ(x) with the exact normal distribution function (Hendrycks and Gimpel 2016).",
    {},
    ([x]) => mul(mul(x, 0.5), add(unary("erf", mul(x, Math.SQRT1_2)), 1)),
    activation,
  ),
  softplus: map(
    "log(1 + eˣ), written max(x, 0) + log(1 + e^−|x|) so that large x do not overflow.",
    {},
    ([x]) => softplus(x),
    activation,
  ),
  mish: map(
    "x · tanh(softplus(x)) (Misra 2019), with tanh(log(1 + eˣ)) = (u − 1) / (u + 1) for u = (1 + eˣ)².",
    {},
    ([x]) => mul(x, tanhOfSoftplus(x)),
    activation,
  ),
  clip: map(
    "min(max(x, low), high).",
    {
      low: number({ default: Number.NEGATIVE_INFINITY, doc: "least value" }),
      high: number({ default: Number.POSITIVE_INFINITY, doc: "greatest value" }),
    },
    ([x], { low, high }) => min(max(x, low), high),
    activation,
  ),
  exp: map("eˣ.", {}, ([x]) => exp(x), elsewhere),
  log: map("Natural logarithm; NaN below zero.", {}, ([x]) => unary("log", x), nearZero),
  sqrt: map("Square root; NaN below zero.", {}, ([x]) => unary("sqrt", x), nearZero),
  rsqrt: map("1 / √x.", {}, ([x]) => div(1, unary("sqrt", x)), nearZero),
  square: map("x².", {}, ([x]) => mul(x, x)),
  reciprocal: map("1 / x.", {}, ([x]) => div(1, x), nearZero),
  abs: map("|x|.", {}, ([x]) => unary("abs", x)),
  neg: map("−x.", {}, ([x]) => unary("neg", x)),
  floor: map("The greatest integer ≤ x.", {}, ([x]) => unary("floor", x), jumps),
  ceil: map("The least integer ≥ x.", {}, ([x]) => unary("ceil", x), jumps),
  round: map("The nearest integer, ties to even.", {}, ([x]) => unary("round", x), jumps),
  erf: map("The error function.", {}, ([x]) => unary("erf", x)),
  sin: map("Sine, of radians.", {}, ([x]) => unary("sin", x)),
  cos: map("Cosine, of radians.", {}, ([x]) => unary("cos", x)),
  atan: map("Arc tangent, in radians.", {}, ([x]) => arctan(x)),
  sinh: map("Hyperbolic sine.", {}, ([x]) => sinh(x), elsewhere),
  cosh: map("Hyperbolic cosine.", {}, ([x]) => cosh(x), elsewhere),
  asinh: map("Inverse hyperbolic sine.", {}, ([x]) => asinh(x)),
  acosh: map("Inverse hyperbolic cosine; NaN below 1.", {}, ([x]) => acosh(x), elsewhere),
  atanh: map("Inverse hyperbolic tangent; NaN beyond ±1.", {}, ([x]) => atanh(x), elsewhere),
  sign: map(
    "1 above zero, −1 below zero; 0 and NaN do not change.",
    {},
    ([x]) => select("lt", x, 0, -1, select("lt", 0, x, 1, x)),
    jumps,
  ),
  identity: map("x.", {}, ([x]) => x),
  add: combine("a + b; also written `a + b`.", ([a, b]) => add(a, b), {
    ...sums,
    ...commutative,
    integers: "adds",
  }),
  sub: combine("a − b; also written `a - b`.", ([a, b]) => sub(a, b), sums),
  mul: combine("a · b; also written `a * b`.", ([a, b]) => mul(a, b), commutative),
  div: combine("a / b; also written `a / b`.", ([a, b]) => div(a, b), nearZero),
  min: combine("The smaller; NaN if either is.", ([a, b]) => min(a, b), commutative),
  max: combine("The larger; NaN if either is.", ([a, b]) => max(a, b), commutative),
  pow: combine(
    "aᵇ; NaN where b is infinite and a is 1 or −1, as in JavaScript.",
    ([a, b]) => binary("pow", a, b),
    elsewhere,
  ),
  atan2: combine(
    "The angle of the point at height a and distance b, in (−π, π], in radians; zeros have signs, as in IEEE 754.",
    ([a, b]) => arctan2(a, b),
    jumps,
  ),
  equal: combine("1 where a = b, else 0.", ([a, b]) => select("eq", a, b, 1, 0), {
    ...comparison,
    ...commutative,
  }),
  less: combine("1 where a < b, else 0.", ([a, b]) => select("lt", a, b, 1, 0), comparison),
  less_equal: combine("1 where a ≤ b, else 0.", ([a, b]) => select("le", a, b, 1, 0), comparison),
  where: {
    doc: "b where condition is 0, else a.",
    attributes: {},
    ...mapElements<Record<never, never>>(([condition, a, b]) =>
      select("eq", condition ?? operand(0), 0, b ?? operand(2), a ?? operand(1)),
    ),
    classes: ["elementwise"],
    operands: [
      { name: "condition", doc: "0 for false, any other number for true", role: "data" },
      { name: "a", doc: "a shape that broadcasts with condition", role: "data" },
      { name: "b", doc: "a shape that broadcasts with both", role: "data" },
    ],
    sample: (random) => {
      const shape = sampleShape(random);
      return {
        inputs: [sampleBroadcast(random, shape), { dtype: "f32", shape }, sampleBroadcast(random, shape)],
        attributes: {},
      };
    },
  } satisfies Op<Record<never, never>>,
  prelu: {
    ...combine(
      "x where x ≥ 0, else alpha · x, with alpha a parameter per channel (He et al. 2015).",
      ([x, alpha]) => select("lt", x, 0, mul(x, alpha), x),
    ),
    classes: ["elementwise", "activation"],
    operands: [
      { name: "x", doc: "any shape", role: "data" },
      { name: "alpha", doc: "[c], or a shape that broadcasts to x", role: "weight" },
    ],
    infer: ([x, alpha]) => {
      if (!x || !alpha) return { problem: "prelu takes x and alpha" };
      const shape = broadcastShapes([x.shape, alpha.shape]);
      if (!isProblem(shape) && sameShape(shape, x.shape)) return x;
      return {
        problem: `alpha [${alpha.shape.join(", ")}] does not broadcast to x [${x.shape.join(", ")}]`,
        operand: 1,
      };
    },
    sample: (random) => {
      const shape = sampleShape(random);
      return { inputs: [{ dtype: "f32", shape }, sampleBroadcast(random, shape)], attributes: {} };
    },
    layer: {
      attributes: {},
      parameters: (x) => {
        const extent = x.shape.at(-1) ?? 1;
        return [
          { operand: "alpha", type: { dtype: "f32", shape: [extent] }, init: "quarter", fanIn: extent },
        ];
      },
    },
  } satisfies Op<Record<never, never>>,
  quantize,
  dequantize,
};

/** Even powers of x in atan(x) / x for |x| ≤ 1, to 2·10⁻⁸ (Abramowitz and Stegun, 4.4.49). */
const arctanSeries = [
  0.002_866_225_7, -0.016_165_736_7, 0.042_909_613_8, -0.075_289_64, 0.106_562_639_3, -0.142_088_994_4,
  0.199_935_508_5, -0.333_331_452_8, 1,
];

/** atan(x) / x, from x². */
function series(square: Scalar): Scalar {
  const [highest = 0, next = 0, ...others] = arctanSeries;
  return others.reduce((sum, factor) => add(mul(sum, square), factor), add(mul(square, highest), next));
}

/** Above 1, atan(x) = π/2 − atan(1 / x). */
function arctan(x: Scalar): Scalar {
  const size = unary("abs", x);
  const near = select("le", size, 1, size, div(1, size));
  const angle = mul(near, series(mul(near, near)));
  const whole = select("le", size, 1, angle, sub(Math.PI / 2, angle));
  return select("lt", x, 0, unary("neg", whole), whole);
}

/** The angle in the first octant, from the smaller side over the larger one, then mirrored into its own octant. */
function arctan2(height: Scalar, width: Scalar): Scalar {
  const [tall, wide] = [unary("abs", height), unary("abs", width)];
  const [less, more] = [min(tall, wide), max(tall, wide)];
  // Equal sides: both may be 0 or ∞.
  const ratio = select("eq", tall, wide, select("eq", more, 0, 0, 1), div(less, more));
  const near = mul(ratio, series(mul(ratio, ratio)));
  const behind = isBelow(width);
  const from = select("lt", wide, tall, Math.PI / 2, mul(behind, Math.PI));
  const isSteep = select("lt", wide, tall, 1, 0);
  const turn = select("eq", isSteep, behind, 1, -1);
  return mul(sub(1, mul(2, isBelow(height))), add(from, mul(turn, near)));
}

/** 1 below 0 and for −0, else 0. */
function isBelow(x: Scalar): Scalar {
  return select("eq", x, 0, select("lt", div(1, x), 0, 1, 0), select("lt", x, 0, 1, 0));
}

function softplus(x: Scalar): Scalar {
  return add(max(x, 0), log1p(exp(unary("neg", unary("abs", x)))));
}

/** With e = e^−|x|, so that nothing overflows: (2e + e²) / (2 + 2e + e²) for x ≤ 0, and (1 + 2e) / (1 + 2e + 2e²) above. */
function tanhOfSoftplus(x: Scalar): Scalar {
  const e = exp(unary("neg", unary("abs", x)));
  const twice = mul(2, e);
  const [low, high] = [mul(e, add(e, 2)), add(twice, 1)];
  return select("le", x, 0, div(low, add(low, 2)), div(high, add(high, mul(twice, e))));
}

/** An op of one operand. */
function map<const A extends AttributeTable>(
  doc: string,
  attributes: A,
  scalar: (operands: readonly [Scalar], attributes: AttributesOf<A>) => Scalar,
  { classes = [], ...traits }: Traits = {},
): Op<A> {
  return {
    doc,
    attributes,
    ...mapElements<A>((operands, values) => scalar([operands[0] ?? operand(0)], values)),
    ...traits,
    classes: ["elementwise", ...classes],
    operands: [{ name: "x", doc: "any shape", role: "data" }],
    sample: (random) => ({
      inputs: [{ dtype: "f32", shape: sampleShape(random) }],
      attributes: sampleNumbers(random, attributes),
    }),
  };
}

/** An op of two operands that broadcast as in NumPy. */
function combine(
  doc: string,
  scalar: (operands: readonly [Scalar, Scalar]) => Scalar,
  { classes = [], ...traits }: Traits = {},
): Op<Record<never, never>> {
  return {
    doc,
    attributes: {},
    ...mapElements<Record<never, never>>((operands) =>
      scalar([operands[0] ?? operand(0), operands[1] ?? operand(1)]),
    ),
    ...traits,
    classes: ["elementwise", ...classes],
    operands: [
      { name: "a", doc: "any shape", role: "data" },
      { name: "b", doc: "a shape that broadcasts with a", role: "data" },
    ],
    sample: (random) => {
      const shape = sampleShape(random);
      const inputs: TensorType[] = [{ dtype: "f32", shape }, sampleBroadcast(random, shape)];
      return { inputs: random.next() < 0.8 ? inputs : inputs.toReversed(), attributes: {} };
    },
  };
}

function sampleNumbers<A extends AttributeTable>(random: Random, attributes: A): AttributesOf<A> {
  const values: Record<string, AttributeValue> = {};
  for (const [name, kind] of Object.entries(attributes)) {
    const drawn = Math.round(random.normal() * 100) / 100;
    values[name] = random.next() < 0.3 ? (kind.default ?? drawn) : drawn;
  }
  if (
    typeof values["low"] === "number" &&
    typeof values["high"] === "number" &&
    values["low"] > values["high"]
  ) {
    [values["low"], values["high"]] = [values["high"], values["low"]];
  }
  // The keys are those of the table, and all values are numbers.
  return values as AttributesOf<A>;
}
