// Functions for which WebAssembly has no instruction, on four lanes: exp, log, tanh, erf.
//
// The polynomials and range reductions of exp, log and tanh are those of the Cephes library (Stephen L. Moshier, 1984–1992, expf.c, logf.c,
// tanhf.c), with relative errors of 1 to 2 units in the last place; the rational function of erf is Eigen's.

import type { Code, ValType } from "./code.js";
import { i32Const, i32x4Const, localGet, localSet, localTee, op, v128Const } from "./code.js";
import type { WasmFunction } from "./binary.js";

export type MathFunction = "exp" | "log" | "tanh" | "erf";

/** The function, from v128 to v128; `indexOf` gives the index of another function that it calls. */
export function mathFunction(
  name: MathFunction,
  callTo: (other: MathFunction) => (x: Code) => Code,
): WasmFunction {
  const locals: ValType[] = [];
  const variable = (): Variable => {
    locals.push("v128");
    const index = locals.length;
    return {
      get: localGet(index),
      set: (value) => localSet(index, value),
      tee: (value) => localTee(index, value),
    };
  };
  const x: Variable = {
    get: localGet(0),
    set: (value) => localSet(0, value),
    tee: (value) => localTee(0, value),
  };
  const body = bodies[name]({ x, variable, callTo });
  return { parameters: ["v128"], results: ["v128"], locals, body };
}

interface Variable {
  readonly get: Code;
  readonly set: (value: Code) => Code;
  readonly tee: (value: Code) => Code;
}

interface Parts {
  readonly x: Variable;
  readonly variable: () => Variable;
  readonly callTo: (other: MathFunction) => (x: Code) => Code;
}

const bodies: Readonly<Record<MathFunction, (parts: Parts) => Code>> = { exp, log, tanh, erf };

const add = (a: Code, b: Code): Code => op("f32x4.add", a, b);
const sub = (a: Code, b: Code): Code => op("f32x4.sub", a, b);
const mul = (a: Code, b: Code): Code => op("f32x4.mul", a, b);
const div = (a: Code, b: Code): Code => op("f32x4.div", a, b);

/** A polynomial by Horner's scheme, highest power first. */
function polynomial(x: Code, coefficients: readonly number[]): Code {
  const [first = 0, ...rest] = coefficients;
  return rest.reduce((sum, coefficient) => add(mul(sum, x), v128Const(coefficient)), v128Const(first));
}

/** 2^n for integers n of −126 to 127: n goes into the exponent's bits. */
function powerOfTwo(n: Code): Code {
  return op("i32x4.shl", op("i32x4.add", n, i32x4Const(127)), i32Const(23));
}

/** exp x = 2ⁿ·exp r with r = x − n·ln 2. 2ⁿ is applied as two factors, for infinities and denormals. NaN stays NaN. */
function exp({ x, variable }: Parts): Code {
  const [n, r, whole, half] = [variable(), variable(), variable(), variable()];
  return [
    // Beyond these bounds the result is infinite or 0 anyway.
    ...x.set(op("f32x4.pmax", op("f32x4.pmin", x.get, v128Const(89)), v128Const(-104))),
    ...n.set(op("f32x4.nearest", mul(x.get, v128Const(Math.LOG2E)))),
    ...r.set(sub(sub(x.get, mul(n.get, v128Const(0.693359375))), mul(n.get, v128Const(-2.1219444e-4)))),
    ...whole.set(op("i32x4.trunc_sat_f32x4_s", n.get)),
    ...half.set(op("i32x4.shr_s", whole.get, i32Const(1))),
    ...mul(
      mul(
        add(
          add(
            mul(
              mul(
                polynomial(
                  r.get,
                  [
                    1.98756915e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1,
                    5.0000001201e-1,
                  ],
                ),
                r.get,
              ),
              r.get,
            ),
            r.get,
          ),
          v128Const(1),
        ),
        powerOfTwo(half.get),
      ),
      powerOfTwo(op("i32x4.sub", whole.get, half.get)),
    ),
  ];
}

/** log x = e·ln 2 + log m with m from √½ to √2. */
function log({ x, variable }: Parts): Code {
  const [bits, m, e, small, square] = [variable(), variable(), variable(), variable(), variable()];
  const choose = (then: Code, otherwise: Code, mask: Code): Code =>
    op("v128.bitselect", then, otherwise, mask);
  const smallestNormal = 2 ** -126;
  return [
    ...small.set(op("f32x4.lt", x.get, v128Const(smallestNormal))),
    // Denormals are scaled by 2²³.
    ...bits.set(choose(mul(x.get, v128Const(2 ** 23)), x.get, small.get)),
    ...m.set(op("v128.or", op("v128.and", bits.get, i32x4Const(0x007fffff)), v128Const(0.5))),
    ...e.set(
      sub(
        op(
          "f32x4.convert_i32x4_s",
          op("i32x4.sub", op("i32x4.shr_u", bits.get, i32Const(23)), i32x4Const(126)),
        ),
        op("v128.and", small.get, v128Const(23)),
      ),
    ),
    ...small.set(op("f32x4.lt", m.get, v128Const(Math.SQRT1_2))),
    ...e.set(sub(e.get, op("v128.and", small.get, v128Const(1)))),
    ...m.set(sub(add(m.get, op("v128.and", small.get, m.get)), v128Const(1))),
    ...square.set(mul(m.get, m.get)),
    ...m.set(
      add(
        add(
          m.get,
          sub(
            add(
              mul(
                mul(
                  polynomial(
                    m.get,
                    [
                      7.0376836292e-2, -1.151461031e-1, 1.167699874e-1, -1.2420140846e-1, 1.4249322787e-1,
                      -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
                    ],
                  ),
                  m.get,
                ),
                square.get,
              ),
              mul(e.get, v128Const(-2.1219444e-4)),
            ),
            mul(square.get, v128Const(0.5)),
          ),
        ),
        mul(e.get, v128Const(0.693359375)),
      ),
    ),
    // ∞ gives ∞, 0 gives −∞, negative numbers and NaN give NaN.
    ...choose(
      choose(m.get, x.get, op("f32x4.lt", x.get, v128Const(Infinity))),
      choose(v128Const(-Infinity), v128Const(Number.NaN), op("f32x4.eq", x.get, v128Const(0))),
      op("f32x4.lt", v128Const(0), x.get),
    ),
  ];
}

/** x·(1 + x²·P(x²)) near 0, ±(1 − 2/(exp 2|x| + 1)) elsewhere. */
function tanh({ x, variable, callTo }: Parts): Code {
  const [size, square] = [variable(), variable()];
  return [
    ...size.set(op("f32x4.abs", x.get)),
    ...square.set(mul(x.get, x.get)),
    ...op(
      "v128.bitselect",
      add(
        mul(
          mul(
            polynomial(
              square.get,
              [-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1],
            ),
            square.get,
          ),
          x.get,
        ),
        x.get,
      ),
      // The sign of x, or-ed in.
      op(
        "v128.or",
        sub(v128Const(1), div(v128Const(2), add(callTo("exp")(add(size.get, size.get)), v128Const(1)))),
        op("v128.and", x.get, i32x4Const(-0x80000000)),
      ),
      op("f32x4.lt", size.get, v128Const(0.625)),
    ),
  ];
}

/** x·P(x²)/Q(x²) for |x| ≤ 4; at 4, erf x is ±1 in f32. */
function erf({ x, variable }: Parts): Code {
  const square = variable();
  return [
    ...x.set(op("f32x4.pmax", op("f32x4.pmin", x.get, v128Const(4)), v128Const(-4))),
    ...square.set(mul(x.get, x.get)),
    ...mul(
      x.get,
      div(
        polynomial(
          square.get,
          [
            -2.72614225801306e-10, 2.77068142495902e-8, -2.10102402082508e-6, -5.69250639462346e-5,
            -7.34990630326855e-4, -2.95459980854025e-3, -1.60960333262415e-2,
          ],
        ),
        polynomial(
          square.get,
          [
            -1.45660718464996e-5, -2.13374055278905e-4, -1.68282697438203e-3, -7.37332916720468e-3,
            -1.42647390514189e-2,
          ],
        ),
      ),
    ),
  ];
}
