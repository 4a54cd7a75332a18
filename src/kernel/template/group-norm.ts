// Group normalization: four passes over the channels of a group, for their mean, the error of the mean, their variance, and the results.
//
// The mean m of values that spread by s is off by m·2⁻²⁴ or more, which would be m/s·2⁻²⁴ of every result. Subtracting m from values near m
// has no rounding error, so the mean of these differences is the error of m, and is subtracted as well (Chan, Golub and LeVeque 1983).

import { channels, elements } from "#ir/type.js";
import type { Int, Width } from "../ir/expressions.js";
import { address, addInt, binary, f32, int, laneOf, load, mulInt, unary, widen } from "../ir/expressions.js";
import type { Body } from "../ir/body.js";
import type { Register, Value } from "../ir/ir.js";
import { storeResult } from "../part/steps.js";
import { sumLoops } from "../part/sums.js";
import { largeBlockSize } from "../part/tile.js";
import type { Context } from "./context.js";
import { epilogueOf, portsOf, stageOf } from "./context.js";

/** A block normalizes one group of a sample. */
export function groupNormByGroups(c: Context): Body {
  return groupNorm(c, () => 1);
}

/** An item normalizes one group of a sample. */
export function groupNormInTeams(c: Context): Body {
  return groupNorm(c, (items) => largeBlockSize(items, c.tile.blockVectors));
}

function groupNorm(c: Context, sizeOf: (items: number) => number): Body {
  const { k } = c;
  const { x, y } = portsOf(c);
  const { node, stage } = stageOf(c, 0, "group_norm");
  const { groups, epsilon } = node.attributes;
  const epilogue = epilogueOf(c, stage);
  const depth = channels(x.shape);
  const each = depth / groups;
  const samples = x.shape[0] ?? 1;
  const pixels = elements(x.shape) / (samples * depth);
  // Groups of one channel are adjacent in vecs; the channels of larger groups are vecs themselves if groups begin at vecs.
  const isWide = k.lanes > 1 && x.wide && y.wide && epilogue.wide;
  const isBeside = each === 1 && isWide && depth % k.lanes === 0;
  const wide = isWide && each % k.lanes === 0;
  const step = isBeside ? k.lanes : each;
  const items = samples * (depth / step);
  const size = sizeOf(items);
  const width: Width = isBeside ? "vec" : "f32";

  const write = (sample: Int, first: Int): void => {
    const start = k.letInt("p", addInt(mulInt(sample, pixels * x.stride), first));
    const read = (pixel: Int, channel: Int, at: Width): Value =>
      load(x.place, address(addInt(start, mulInt(pixel, x.stride), channel)), at);
    /** Visits the channels of the group at a pixel, as vecs or one by one. */
    const eachChannel = (body: (channel: Int, at: Width) => void): void =>
      isBeside ? body(0, "vec") : k.channels("c", each, wide, body);
    /** The mean over the group of a function of its elements. */
    const mean = (name: string, of: (value: Value, at: Width) => Value): Register => {
      const partial: Width = wide ? "vec" : width;
      const total = k.let("total", widen(f32(0), partial));
      const levels = [
        { name: "i", count: pixels },
        { name: "c", count: isBeside ? 1 : each / (wide ? k.lanes : 1) },
      ];
      sumLoops(k, [total], levels, ([sum = total], i = 0, c = 0) => {
        const value = read(i, mulInt(c, wide ? k.lanes : 1), partial);
        k.set(sum, binary("add", sum, of(value, partial)));
      });
      const all = wide
        ? Array.from({ length: k.lanes - 1 }, (_, lane) => laneOf(total, lane + 1)).reduce<Value>(
            (sum, lane) => binary("add", sum, lane),
            laneOf(total, 0),
          )
        : total;
      return k.let(name, binary("div", all, widen(f32(pixels * each), width)));
    };
    const as = (value: Register, at: Width): Value => (value.type === "vec" ? value : widen(value, at));
    const near = mean("near", (value) => value);
    const error = mean("error", (value, at) => binary("sub", value, as(near, at)));
    const centered = (value: Value, at: Width): Value =>
      binary("sub", binary("sub", value, as(near, at)), as(error, at));
    const variance = mean("variance", (value, at) => {
      const distance = k.let("d", centered(value, at));
      return binary("mul", distance, distance);
    });
    const spread = k.let("spread", unary("sqrt", binary("add", variance, widen(f32(epsilon), width))));
    k.for("i", pixels, (i) =>
      eachChannel((channel, at) => {
        const normal = k.let("v", binary("div", centered(read(i, channel, at), at), as(spread, at)));
        const pixel = k.letInt("pixel", addInt(mulInt(sample, pixels), i));
        storeResult(k, y, normal, { pixel, channel: k.letInt("c", addInt(first, channel)) }, epilogue);
      }),
    );
  };
  return {
    blocks: items / size,
    write: (block) =>
      k.items(["item"], [size], (index = 0) => {
        const item = k.letInt("item", addInt(mulInt(block, size), index));
        const parts = depth / step;
        const sample = parts === 1 ? item : k.letInt("sample", int("div", item, parts));
        const part = parts === 1 ? 0 : samples === 1 ? item : k.letInt("part", int("rem", item, parts));
        write(samples === 1 ? 0 : sample, mulInt(part, step));
      }),
  };
}
