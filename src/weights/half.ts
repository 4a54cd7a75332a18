// Conversion from and to IEEE 754 binary16, for which Node 20 and older browsers have no typed array.

const table = new Float32Array(1 << 16);
let isFilled = false;

/** The value of a half's 16 bits. */
export function halfToFloat(half: number): number {
  if (!isFilled) {
    for (let bits = 0; bits < table.length; bits += 1) table[bits] = valueOf(bits);
    isFilled = true;
  }
  return table[half & 0xffff] ?? 0;
}

/** The 16 bits of the half nearest to a number, ties to even; ∞ from 65,520 on. */
export function floatToHalf(value: number): number {
  if (Number.isNaN(value)) return 0x7e00;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (size >= 65_520) return sign | 0x7c00;
  // The ulp of binary16 at this size is 2^(exponent − 10); below 2⁻¹⁴ halves are subnormal and the ulp is constant.
  const exponent = size < 2 ** -14 ? -14 : Math.floor(Math.log2(size));
  const steps = size / 2 ** (exponent - 10);
  const floor = Math.floor(steps);
  const rest = steps - floor;
  const rounded = rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
  // A carry out of the fraction increments the exponent, which gives the correct half.
  return sign | (rounded < 1024 ? rounded : ((exponent + 14) << 10) + rounded);
}

function valueOf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
