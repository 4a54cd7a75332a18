/// <reference types="@webgpu/types" />
// Sums of four products of bytes: by the built-in function of WGSL where the implementation has it, else one by one.

import type { GpuShader } from "./types.js";

/**
 * The beginning of a shader that adds products of bytes: `dot_words` adds the products of four bytes to each lane of c. The bytes of b are multiplied
 * by those of each lane of a. Both forms give the same integers.
 */
export const dotHeads = {
  packed: `requires packed_4x8_integer_dot_product;

fn dot_words(a: vec4u, b: i32, c: vec4i) -> vec4i {
  let word = bitcast<u32>(b);
  return c + vec4i(dot4I8Packed(a.x, word), dot4I8Packed(a.y, word), dot4I8Packed(a.z, word), dot4I8Packed(a.w, word));
}

`,
  plain: `fn bytes_of(word: u32) -> vec4i {
  return vec4i(vec4u(word) << vec4u(24u, 16u, 8u, 0u)) >> vec4u(24u);
}

fn dot_words(a: vec4u, b: i32, c: vec4i) -> vec4i {
  let bytes = bytes_of(bitcast<u32>(b));
  return c + vec4i(dot(bytes_of(a.x), bytes), dot(bytes_of(a.y), bytes), dot(bytes_of(a.z), bytes), dot(bytes_of(a.w), bytes));
}

`,
} as const;

/** Whether a shader must begin with one of these. */
export function addsBytes(text: string): boolean {
  return text.includes("dot_words(");
}

/** The shaders with the beginning that the implementation of WebGPU can compile: the one given to `load`, or that of the page. */
export function withDots(
  shaders: readonly GpuShader[],
  options: { readonly gpu?: unknown } | undefined,
): GpuShader[] {
  const gpu = (options?.gpu ?? (globalThis as { navigator?: { gpu?: unknown } }).navigator?.gpu) as
    | Partial<GPU>
    | undefined;
  const isPacked = gpu?.wgslLanguageFeatures?.has("packed_4x8_integer_dot_product") === true;
  const head = isPacked ? dotHeads.packed : dotHeads.plain;
  return shaders.map(([name, text, access, ...rest]): GpuShader => [
    name,
    addsBytes(text) ? head + text : text,
    access,
    ...rest,
  ]);
}
