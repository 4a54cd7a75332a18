// Functions that kernels call and WGSL lacks, or has with less accuracy.

import { byteHelpers } from "./bytes.js";

/** What a helper computes; each exists for f32 and for vec4f. */
export type Helper = "erf" | "hyperbolic_tangent" | "power" | "sine" | "cosine";

/** The name of a helper for a type. */
export function helperName(helper: Helper, type: "f32" | "vec"): string {
  return `${helper}_${type === "vec" ? "vec4f" : "f32"}`;
}

/** The text of a helper for a type. */
function helperText(helper: Helper, type: "f32" | "vec"): string {
  return type === "vec"
    ? `${texts[helper].replaceAll("TYPE", "vec4f")}`
    : texts[helper].replaceAll("TYPE", "f32");
}

/**
 * erf: a rational function of degree 13 over 12 on [−4, 4], as in Eigen and XLA (generic_fast_erf); the error is below 3 units in the last
 * place. hyperbolic_tangent: the built-in one may be wrong by 10⁻⁵, which is all of a small value; below 0.625 this is the polynomial of
 * Cephes' tanhf. power: `pow` of WGSL is exp2(y·log2(x)), which is undefined for a negative x; this one allows it if y is an integer. sine
 * and cosine: the built-in ones may be wrong by 2⁻¹¹; these reduce by multiples of π/2 in three parts (Cody and Waite) and use the
 * polynomials of Cephes' sinf and cosf.
 */
const texts: Readonly<Record<Helper, string>> = {
  erf: `fn erf_TYPE(value: TYPE) -> TYPE {
  let x = clamp(value, TYPE(-4.0), TYPE(4.0));
  let s = x * x;
  var p = TYPE(-2.72614225801306e-10);
  p = p * s + TYPE(2.77068142495902e-8);
  p = p * s + TYPE(-2.10102402082508e-6);
  p = p * s + TYPE(-5.69250639462346e-5);
  p = p * s + TYPE(-7.34990630326855e-4);
  p = p * s + TYPE(-2.95459980854025e-3);
  p = p * s + TYPE(-1.60960333262415e-2);
  var q = TYPE(-1.45660718464996e-5);
  q = q * s + TYPE(-2.13374055278905e-4);
  q = q * s + TYPE(-1.68282697438203e-3);
  q = q * s + TYPE(-7.37332916720468e-3);
  q = q * s + TYPE(-1.42647390514189e-2);
  return x * p / q;
}
`,
  hyperbolic_tangent: `fn hyperbolic_tangent_TYPE(x: TYPE) -> TYPE {
  let s = x * x;
  var p = TYPE(-5.70498872745e-3) * s + TYPE(2.06390887954e-2);
  p = p * s + TYPE(-5.37397155531e-2);
  p = p * s + TYPE(1.33314422036e-1);
  p = p * s + TYPE(-3.33332819422e-1);
  let large = 1.0 - 2.0 / (exp(2.0 * min(abs(x), TYPE(10.0))) + 1.0);
  return select(sign(x) * large, p * s * x + x, abs(x) < TYPE(0.625));
}
`,
  power: `fn power_TYPE(x: TYPE, y: TYPE) -> TYPE {
  let size = pow(abs(x), y);
  let odd = abs(y - 2.0 * floor(y * 0.5)) == TYPE(1.0);
  let signed = select(size, -size, odd & (x < TYPE(0.0)));
  return select(signed, TYPE(1.0), y == TYPE(0.0));
}
`,
  sine: `fn sine_TYPE(x: TYPE) -> TYPE {
  let quarter = round(x * 0.6366197723675814);
  return quarter_wave_TYPE(x, quarter, quarter);
}
`,
  cosine: `fn cosine_TYPE(x: TYPE) -> TYPE {
  let quarter = round(x * 0.6366197723675814);
  return quarter_wave_TYPE(x, quarter, quarter + 1.0);
}
`,
};

/** The common part of sine and cosine: the wave in the quarter \`turn\` of x − quarter·π/2. */
const quarterWave = `fn quarter_wave_TYPE(x: TYPE, quarter: TYPE, turn: TYPE) -> TYPE {
  let r = ((x - quarter * 1.5703125) - quarter * 4.8375129699707031e-4) - quarter * 7.549789948768648e-8;
  let s = r * r;
  let odd = ((-1.9515295891e-4 * s + 8.3321608736e-3) * s - 1.6666654611e-1) * s * r + r;
  let even = ((2.443315711809948e-5 * s - 1.388731625493765e-3) * s + 4.166664568298827e-2) * s * s - 0.5 * s + 1.0;
  let place = turn - 4.0 * floor(turn * 0.25);
  let wave = select(even, odd, (place == TYPE(0.0)) | (place == TYPE(2.0)));
  return select(wave, -wave, place >= TYPE(2.0));
}
`;

/** The texts of all helpers that are used, with their common parts. */
export function helperTexts(used: ReadonlySet<string>): string[] {
  const all = (["f32", "vec"] as const).flatMap((type) => {
    const own = (Object.keys(texts) as Helper[]).filter((helper) => used.has(helperName(helper, type)));
    const shared = own.some((helper) => helper === "sine" || helper === "cosine")
      ? [quarterWave.replaceAll("TYPE", type === "vec" ? "vec4f" : "f32")]
      : [];
    return [...shared, ...own.map((helper) => helperText(helper, type))];
  });
  return [
    ...all,
    ...Object.keys(byteHelpers).flatMap((own) => (used.has(own) ? (byteHelpers[own] ?? []) : [])),
  ];
}
