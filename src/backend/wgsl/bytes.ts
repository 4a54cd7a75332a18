// Bytes in words: functions that read and write them in arrays of u32 or vec4u, and conversions.

import { block } from "../text.js";

/**
 * How an array holds words: of bytes alone; the same where items store single bytes, several of which may be in one word; or of integers and f32, in
 * fours.
 */
export type Words = "u32" | "atomic<u32>" | "vec4u";

/** The names of the functions of an array that `byteAccessors` defines. */
export function byteNames(array: string): string[] {
  return ["word", "i8", "u8", "set"].map((suffix) => `${array}_${suffix}`);
}

/** Those of the functions of an array of words that are used. */
export function byteAccessors(array: string, words: Words, used: ReadonlySet<string>): string[] {
  const word = (at: string): string =>
    words === "vec4u"
      ? `${array}[${at} >> 2u][${at} & 3]`
      : words === "u32"
        ? `${array}[${at}]`
        : `atomicLoad(&${array}[${at}])`;
  const byte = (type: "i32" | "u32"): string =>
    `return f32(extractBits(${type}(${word("(at >> 2u)")}), 8u * u32(at & 3), 8u));`;
  const functions: readonly (readonly [string, string, readonly string[]])[] = [
    [`${array}_word`, "(at: i32) -> u32", [`return ${word("at")};`]],
    [`${array}_i8`, "(at: i32) -> f32", [byte("i32")]],
    [`${array}_u8`, "(at: i32) -> f32", [byte("u32")]],
    [
      `${array}_set`,
      "(at: i32, value: f32)",
      [
        "let shift = 8u * u32(at & 3);",
        `atomicAnd(&${array}[at >> 2u], ~(255u << shift));`,
        `atomicOr(&${array}[at >> 2u], (u32(i32(value)) & 255u) << shift);`,
      ],
    ],
  ];
  return functions.flatMap(([name, head, body]) =>
    used.has(name) ? [...block(`fn ${name}${head}`, body), ""] : [],
  );
}

/** Conversions between words and vecs. */
export const byteHelpers: Readonly<Record<string, string>> = {
  i8_lanes: `fn i8_lanes(word: u32) -> vec4f {
  return vec4f(vec4i(vec4u(word) << vec4u(24u, 16u, 8u, 0u)) >> vec4u(24u));
}
`,
  u8_lanes: `fn u8_lanes(word: u32) -> vec4f {
  return vec4f((vec4u(word) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(255u));
}
`,
  pack_word: `fn pack_word(value: vec4f) -> u32 {
  let bytes = (vec4u(vec4i(value)) & vec4u(255u)) << vec4u(0u, 8u, 16u, 24u);
  return bytes.x | bytes.y | bytes.z | bytes.w;
}
`,
};
