// The WebAssembly that resizes pixels; `src/runtime/wasm/pictures.ts` calls it. Its four lanes are the bytes of a pixel.

import { weightBits } from "#runtime/pixels.js";
import { toBase64 } from "../base64.js";
import { encodeBinary } from "./binary.js";
import type { Code, ValType } from "./code.js";
import { doWhile, i32Const, i32x4Const, ifElse, localGet, localSet, localTee, memory, op } from "./code.js";

/**
 * The function `weigh`. A table has entries of the same size: where the first tap is, how many there are, and their weights. Each entry makes
 * `count` results: the weighted sum of taps, which are `tapStep` apart. The next result comes from `step` further. Results are four bytes,
 * of which the next result may replace some.
 */
const parameters = [
  "table",
  "entries",
  "entryBytes",
  "source",
  "tapStep",
  "count",
  "step",
  "target",
  "targetEntryStep",
  "targetStep",
] as const;
const variables = ["from", "to", "left", "tap", "weight", "taps"] as const;

type Name = (typeof parameters)[number] | (typeof variables)[number];
const names: readonly Name[] = [...parameters, ...variables];

/** How many results are summed at a time: they share the loads of weights. */
const together = 4;
const sum = (at: number): number => names.length + at;
const scratch = sum(together);
const weights = scratch + 1;

const get = (name: Name): Code => localGet(names.indexOf(name));
const set = (name: Name, value: Code): Code => localSet(names.indexOf(name), value);
const add = (name: Name, value: Code): Code => set(name, op("i32.add", get(name), value));
/** Takes some off a counter; its value is what is left. */
const less = (name: Name, by: number): Code =>
  localTee(names.indexOf(name), op("i32.sub", get(name), i32Const(by)));

/** A loop over the results of an entry that computes `many` of them in each step, as long as that many are left. */
function results(many: number): Code {
  const each = Array.from({ length: many }, (_, at) => at);
  /** The address of the result at `at` steps behind an address. */
  const behind = (name: "tap" | "to", step: Name, at: number): Code =>
    at === 0 ? get(name) : op("i32.add", get(name), op("i32.mul", get(step), i32Const(at)));
  const taps = [
    ...localSet(weights, memory("v128.load32_splat", 0, 4, get("weight"))),
    ...each.flatMap((at) => {
      const pixel = memory("v128.load32_zero", 0, 1, behind("tap", "step", at));
      const wide = op("i32x4.extend_low_i16x8_u", op("i16x8.extend_low_i8x16_u", pixel));
      return localSet(sum(at), op("i32x4.add", localGet(sum(at)), op("i32x4.mul", localGet(weights), wide)));
    }),
    ...add("tap", get("tapStep")),
    ...add("weight", i32Const(4)),
  ];
  const stored = each.flatMap((at) => {
    const narrowed = (name: "i16x8.narrow_i32x4_s" | "i8x16.narrow_i16x8_u", code: Code): Code =>
      op(name, localTee(scratch, code), localGet(scratch));
    const whole = op("i32x4.shr_s", localGet(sum(at)), i32Const(weightBits));
    const bytes = narrowed("i8x16.narrow_i16x8_u", narrowed("i16x8.narrow_i32x4_s", whole));
    return [...memory("v128.store32_lane", 0, 1, behind("to", "targetStep", at), bytes), 0];
  });
  const body = [
    ...each.flatMap((at) => localSet(sum(at), i32x4Const(1 << (weightBits - 1)))),
    ...set("tap", get("from")),
    ...set("weight", op("i32.add", get("table"), i32Const(8))),
    ...set("taps", memory("i32.load", 4, 4, get("table"))),
    ...doWhile(taps, less("taps", 1)),
    ...stored,
    ...add("from", op("i32.mul", get("step"), i32Const(many))),
    ...add("to", op("i32.mul", get("targetStep"), i32Const(many))),
    ...set("left", op("i32.sub", get("left"), i32Const(many))),
  ];
  const isEnough = op("i32.le_s", i32Const(many), get("left"));
  return ifElse(isEnough, doWhile(body, isEnough), []);
}

/** The binary as base64. */
export function resizerText(): string {
  const entry = [
    ...set("from", op("i32.add", get("source"), memory("i32.load", 0, 4, get("table")))),
    ...set("to", get("target")),
    ...set("left", get("count")),
    ...results(together),
    ...results(1),
    ...add("target", get("targetEntryStep")),
    ...add("table", get("entryBytes")),
  ];
  const weigh = {
    parameters: parameters.map((): ValType => "i32"),
    results: [],
    locals: [
      ...variables.map((): ValType => "i32"),
      ...Array.from({ length: weights + 1 - names.length }, (): ValType => "v128"),
    ],
    body: doWhile(entry, less("entries", 1)),
    exportName: "weigh",
  };
  const pieces = encodeBinary({ imports: [], functions: [weigh] });
  return toBase64(Uint8Array.from(pieces.flatMap((piece) => [...piece])));
}
