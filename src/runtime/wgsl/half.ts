// Half precision: the beginning of shaders that store numbers in 16 bits where the device can, and weights in that
// form.

/** How numbers are stored in memory of the device; kernels compute in f32 either way. */
export type Precision = "f32" | "f16";

/**
 * The beginning of a shader: E4 is four stored numbers, E4_of makes them. WGSL does not define what a number beyond the
 * largest half becomes, so those are stored as the largest.
 */
export const shaderHeads: Readonly<Record<Precision, string>> = {
  f32: `alias E4 = vec4f;

fn E4_of(value: vec4f) -> E4 {
  return value;
}

`,
  f16: `enable f16;

alias E4 = vec4<f16>;

fn E4_of(value: vec4f) -> E4 {
  return E4(clamp(value, vec4f(-65504.0), vec4f(65504.0)));
}

`,
};

/**
 * Writes the nearest halves, ties to even; numbers beyond the largest, 65,504, become that. `target` has room for as
 * many.
 */
export function toHalves(values: Float32Array, target: Uint16Array): void {
  const one = new Float32Array(1);
  const bits = new Int32Array(one.buffer);
  // Added to a small number, it leaves as many bits as a subnormal half has.
  const half = 0x3f000000;
  for (let at = 0; at < values.length; at++) {
    one[0] = values[at] ?? 0;
    const word = bits[0] ?? 0;
    const sign = (word >>> 16) & 0x8000;
    const size = word & 0x7fffffff;
    if (size > 0x7f800000) target[at] = sign | 0x7e00;
    else if (size >= 0x477ff000) target[at] = sign | 0x7bff;
    else if (size >= 0x38800000) target[at] = sign | ((size - 0x38000000 + 0xfff + ((size >> 13) & 1)) >> 13);
    else {
      one[0] = Math.abs(one[0]) + 0.5;
      target[at] = sign | ((bits[0] ?? half) - half);
    }
  }
}
