// Concatenations: copies of the operands that their producers did not write in place.

import { bug } from "#diagnostic/diagnostic.js";
import type { Shape } from "#ir/type.js";
import { channels, elements } from "#ir/type.js";
import { axisOf } from "#ops/reduce.js";
import type { Body } from "../ir/body.js";
import type { Int, Moved } from "../ir/expressions.js";
import { address, addInt, int, load, mulInt } from "../ir/expressions.js";
import type { Operand } from "../part/operands.js";
import { reads, writes } from "../part/operands.js";
import { eachVectorOfGrid, flatItems, teamBlocks, vectorItems } from "../part/team.js";
import { largeBlockSize } from "../part/tile.js";
import type { Context } from "./context.js";
import { movesBytes, stageOf } from "./context.js";

/** An operand and its place in the result. */
interface Part {
  readonly x: Operand;
  /** The number of its vectors for each index of the axes before the axis of the concat. */
  readonly inner: number;
  readonly depth: number;
  /** Whether it can be copied as vecs, and 16 bytes at a time. */
  readonly wide: boolean;
  readonly bytes: boolean;
  /** Whether no other part has elements in its vecs. */
  readonly alone: boolean;
  /** Copies some channels of one of the vectors. */
  readonly copy: (outer: Int, vector: Int, channel: Int, width: Moved) => void;
}

interface Concat {
  /** The number of indices of the axes before the axis of the concat. */
  readonly outer: number;
  readonly parts: readonly Part[];
}

function concatOf(c: Context): Concat {
  const { k } = c;
  const { stage, node, types } = stageOf(c, 0, "concat");
  const { shape } = node.type;
  const axis = axisOf(node.attributes.axis, shape) ?? bug(`${node.name} has no axis`);
  const isLast = axis === shape.length - 1;
  const y = writes(k, c.group.output);
  const vectorsOf = (of: Shape): number => elements(of.slice(axis, -1));
  const before = (at: number): number =>
    types.slice(0, at).reduce((sum, { shape: own }) => sum + (isLast ? channels(own) : vectorsOf(own)), 0);
  const parts = [...stage.operands].map(([at, source], index): Part => {
    const x = reads(k, `x${index}`, source);
    const inner = vectorsOf(x.shape);
    const depth = channels(x.shape);
    const start = before(at);
    const [vectors, offset] = isLast ? [0, start] : [start, 0];
    const isAligned = offset % k.lanes === 0;
    return {
      x,
      inner,
      depth,
      wide: x.wide && y.wide && isAligned,
      bytes: movesBytes(c, { x, y }),
      alone: !isLast || (isAligned && (depth % k.lanes === 0 || at === types.length - 1)),
      copy: (outer, vector, channel, width) => {
        const from = addInt(mulInt(addInt(mulInt(outer, inner), vector), x.stride), channel);
        const place = addInt(mulInt(outer, vectorsOf(shape)), vector, vectors);
        const to = addInt(mulInt(place, y.stride), channel, offset);
        k.store(y.place, address(to), load(x.place, address(from), width));
      },
    };
  });
  return { outer: elements(shape.slice(0, axis)), parts };
}

/** A block copies all parts for some indices of the axes before. */
export function concatByBlocks(c: Context): Body {
  const { k, tile } = c;
  const { outer, parts } = concatOf(c);
  const vectors = parts.reduce((sum, { inner }) => sum + inner, 0);
  const size = largeBlockSize(outer, Math.max(1, Math.floor(tile.blockVectors / vectors)));
  return {
    blocks: outer / size,
    write: (block) => {
      const first = k.letInt("first", mulInt(block, size));
      for (const { inner, depth, copy, ...widths } of parts)
        k.items(["o", "v"], [size, inner], (o = 0, v = 0) => {
          const at = k.letInt("at", addInt(first, o));
          k.moves("c", depth, widths, (channel, width) => copy(at, v, channel, width));
        });
    },
  };
}

/**
 * An item copies a vec of each part, one after another. If parts meet within a vec, an item copies a vector of all parts, because no two
 * items may store into one vec.
 */
export function concatByVectors(c: Context): Body {
  const { k } = c;
  const { outer, parts } = concatOf(c);
  if (!parts.every(({ alone }) => alone))
    return {
      blocks: teamBlocks(k, outer),
      write: (block) =>
        flatItems(k, block, outer, (at) => {
          for (const { depth, wide, copy } of parts)
            k.channels("c", depth, wide, (channel, width) => copy(at, 0, channel, width));
        }),
    };
  const work = parts.map(({ inner, depth, wide, copy }) => ({
    pixels: outer * inner,
    inner,
    depth,
    wide,
    copy,
  }));
  const most = work.reduce(
    (all, { pixels, depth, wide }) => Math.max(all, vectorItems(k, pixels, depth, wide)),
    1,
  );
  return {
    blocks: teamBlocks(k, most),
    write: (block) => {
      for (const { inner, copy, ...of } of work)
        eachVectorOfGrid(k, block, of, (pixel, channel, width) => {
          if (inner === 1) return copy(pixel, 0, channel, width);
          copy(
            k.letInt("o", int("div", pixel, inner)),
            k.letInt("v", int("rem", pixel, inner)),
            channel,
            width,
          );
        });
    },
  };
}
