// The error function, for kernels that use it.

/**
 * The error function to about 1e-15: rational approximations below 2.857 (FreeBSD's s_erf.c, © 1993 Sun Microsystems,
 * freely usable) and the continued fraction of erfc above (Abramowitz and Stegun 1964, 7.1.14).
 */
export function erf(x: number): number {
  const size = Math.abs(x);
  const sign = x < 0 ? -1 : 1;
  if (size < 0.84375) return x + x * (polynomial(x * x, erfSmall[0]) / polynomial(x * x, erfSmall[1]));
  if (size < 1.25) {
    return (
      sign * (0.8450629115104675 + polynomial(size - 1, erfNearOne[0]) / polynomial(size - 1, erfNearOne[1]))
    );
  }
  if (size < 2.857) {
    const s = 1 / (x * x);
    const ratio = polynomial(s, erfLarge[0]) / polynomial(s, erfLarge[1]);
    return sign * (1 - Math.exp(-x * x - 0.5625 + ratio) / size);
  }
  if (size > 6) return sign;
  // NaN gets here too, and stays NaN.
  let fraction = 0;
  for (let n = 30; n > 0; n--) fraction = n / 2 / (size + fraction);
  return sign * (1 - Math.exp(-x * x) / Math.sqrt(Math.PI) / (size + fraction));
}

/** Numerators and denominators, lowest power first. */
const erfSmall = [
  [
    0.12837916709551256, -0.3250421072470015, -0.02848174957559851, -0.005770270296489442,
    -0.000023763016656650163,
  ],
  [
    1, 0.39791722395915535, 0.0650222499887673, 0.005081306281875766, 0.00013249473800432164,
    -0.000003960228278775368,
  ],
] as const;

const erfNearOne = [
  [
    -0.0023621185607526594, 0.41485611868374833, -0.3722078760357013, 0.31834661990116175,
    -0.11089469428239668, 0.035478304325618236, -0.002166375594868791,
  ],
  [
    1, 0.10642088040084423, 0.540397917702171, 0.07182865441419627, 0.12617121980876164, 0.01363708391202905,
    0.011984499846799107,
  ],
] as const;

const erfLarge = [
  [
    -0.009864944034847148, -0.6938585727071818, -10.558626225323291, -62.375332450326006, -162.39666946257347,
    -184.60509290671104, -81.2874355063066, -9.814329344169145,
  ],
  [
    1, 19.651271667439257, 137.65775414351904, 434.56587747522923, 645.3872717332679, 429.00814002756783,
    108.63500554177944, 6.570249770319282, -0.0604244152148581,
  ],
] as const;

/** Horner's scheme. */
function polynomial(x: number, coefficients: readonly number[]): number {
  let sum = 0;
  for (let power = coefficients.length - 1; power >= 0; power--) sum = sum * x + (coefficients[power] ?? 0);
  return sum;
}
