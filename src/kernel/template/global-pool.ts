// The mean or maximum over height and width.

import { channels } from "#ir/type.js";
import type { Body } from "../ir/body.js";
import type { Width } from "../ir/expressions.js";
import { addInt, binary, f32, i32, mulInt, widen } from "../ir/expressions.js";
import { foldPixels, starts } from "../part/folds.js";
import type { Register, Value } from "../ir/ir.js";
import type { Steps } from "../part/steps.js";
import { storeResult } from "../part/steps.js";
import { eachVectorOfGrid, teamBlocks, vectorItems } from "../part/team.js";
import type { Context, Ports } from "./context.js";
import { epilogueOf, portsOf, stageOf } from "./context.js";

interface GlobalPool extends Ports {
  readonly kind: "mean" | "max";
  readonly pixels: number;
  readonly epilogue: Steps;
  /** Computes the result from the folded value. */
  readonly finish: (sum: Register) => Value;
}

function globalPoolOf(c: Context): GlobalPool {
  const ports = portsOf(c);
  const { node, stage } = stageOf(c, 0, ["global_avg_pool", "global_max_pool"]);
  const isMean = node.op === "global_avg_pool";
  const pixels = (ports.x.shape[1] ?? 1) * (ports.x.shape[2] ?? 1);
  return {
    ...ports,
    kind: isMean ? "mean" : "max",
    pixels,
    epilogue: epilogueOf(c, stage),
    finish: (sum) => (isMean ? binary("div", sum, f32(pixels)) : sum),
  };
}

/** Channel vectors (or channels) that are summed together, so that pixels are read in runs. */
const poolWidth = 4;

/** A block pools a sample: a few channels at a time, with their sums in registers. */
export function globalPoolBySamples(c: Context): Body {
  const { k } = c;
  const { x, y, kind, pixels, epilogue, finish } = globalPoolOf(c);
  const depth = channels(x.shape);
  const vecs = x.wide && k.lanes > 1 ? Math.floor(depth / k.lanes) : 0;
  return {
    blocks: x.shape[0] ?? 1,
    write: (block) => {
      const start = k.letInt("p", mulInt(block, pixels * x.stride));
      const pool = (first: number, count: number, size: Width): void => {
        const lanes = size === "vec" ? k.lanes : 1;
        const together = (name: string, from: number, times: number, width: number): void =>
          k.items([name], [times], (index = 0) => {
            const channel = k.letInt("c", addInt(mulInt(index, width * lanes), from));
            const sums = Array.from({ length: width }, () => k.let("sum", widen(f32(starts[kind]), size)));
            const q = k.let("q", i32(addInt(start, channel)));
            foldPixels(k, kind, sums, q, x, pixels);
            for (const [at, sum] of sums.entries()) {
              const position = { pixel: block, channel: addInt(channel, at * lanes) };
              storeResult(k, y, finish(sum), position, epilogue);
            }
          });
        const full = Math.floor(count / poolWidth);
        together("group", first, full, poolWidth);
        const rest = count - full * poolWidth;
        if (rest > 0) together("group", first + full * poolWidth * lanes, 1, rest);
      };
      pool(0, vecs, "vec");
      pool(vecs * k.lanes, depth - vecs * k.lanes, "f32");
    },
  };
}

/** An item pools a vec of channels. */
export function globalPoolByChannels(c: Context): Body {
  const { k } = c;
  const { x, y, kind, pixels, epilogue, finish } = globalPoolOf(c);
  const depth = channels(x.shape);
  const samples = x.shape[0] ?? 1;
  return {
    blocks: teamBlocks(k, vectorItems(k, samples, depth, x.wide)),
    write: (block) =>
      eachVectorOfGrid(k, block, { depth, wide: x.wide, pixels: samples }, (sample, channel, size) => {
        const sum = k.let("sum", widen(f32(starts[kind]), size));
        const q = k.let("q", i32(addInt(mulInt(sample, pixels * x.stride), channel)));
        foldPixels(k, kind, [sum], q, x, pixels);
        storeResult(k, y, finish(sum), { pixel: sample, channel }, epilogue);
      }),
  };
}
