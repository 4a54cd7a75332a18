// The error function, for kernels that use it.

/**
 * The error function to about 1e-15: rational approximations below 2.857 (FreeBSD's s_erf.c, © 1993 Sun
 * Microsystems, freely usable) and the continued fraction of erfc above (Abramowitz and Stegun 1964, 7.1.14).
 */
export function erf(x: number): number {
  const size = Math.abs(x);
  const sign = x < 0 ? -1 : 1;
  if (size < 0.84375) return x + x * (polynomial(x * x, erfSmall[0]) / polynomial(x * x, erfSmall[1]));
  if (size < 1.25) {
    return (
      sign * (0.84506291151046753 + polynomial(size - 1, erfNearOne[0]) / polynomial(size - 1, erfNearOne[1]))
    );
  }
  if (size < 2.857) {
    const s = 1 / (x * x);
    const ratio = polynomial(s, erfLarge[0]) / polynomial(s, erfLarge[1]);
    return sign * (1 - Math.exp(-x * x - 0.5625 + ratio) / size);
  }
  if (size > 6) return sign;
  // NaN arrives here too, and stays NaN.
  let fraction = 0;
  for (let n = 30; n > 0; n--) fraction = n / 2 / (size + fraction);
  return sign * (1 - Math.exp(-x * x) / Math.sqrt(Math.PI) / (size + fraction));
}

/** Numerators and denominators, lowest power first. */
const erfSmall = [
  [
    0.12837916709551256, -0.3250421072470015, -0.028481749575598512, -0.0057702702964894416,
    -2.3763016656650163e-5,
  ],
  [
    1, 0.39791722395915536, 0.06502224998876729, 0.005081306281875766, 1.3249473800432164e-4,
    -3.9602282787753681e-6,
  ],
] as const;

const erfNearOne = [
  [
    -0.0023621185607526594, 0.41485611868374833, -0.37220787603570132, 0.31834661990116175,
    -0.11089469428239668, 0.035478304325618236, -0.0021663755948687908,
  ],
  [
    1, 0.10642088040084423, 0.54039791770217105, 0.071828654414196266, 0.12617121980876164,
    0.013637083912029051, 0.011984499846799107,
  ],
] as const;

const erfLarge = [
  [
    -0.0098649440348471482, -0.69385857270718176, -10.558626225323291, -62.375332450326006,
    -162.39666946257347, -184.60509290671104, -81.287435506306593, -9.8143293441691455,
  ],
  [
    1, 19.651271667439257, 137.65775414351904, 434.56587747522923, 645.38727173326788, 429.00814002756783,
    108.63500554177944, 6.5702497703192817, -0.060424415214858099,
  ],
] as const;

/** Horner's scheme. */
function polynomial(x: number, coefficients: readonly number[]): number {
  let sum = 0;
  for (let power = coefficients.length - 1; power >= 0; power--) sum = sum * x + (coefficients[power] ?? 0);
  return sum;
}
