// Kernels that map or move elements: one value for each element of the result, or for each of its pixels.

import { channels, elements } from "#ir/type.js";
import type { Shape } from "#ir/type.js";
import type { Int, Moved } from "../ir/expressions.js";
import { address, addInt, int, load, mulInt } from "../ir/expressions.js";
import type { Body } from "../ir/body.js";
import type { Value } from "../ir/ir.js";
import type { Build, Operand } from "./operands.js";
import { stridesOf, vectors } from "./operands.js";
import type { Steps } from "./steps.js";
import { storeResult } from "./steps.js";
import type { Emitter, Form } from "./emitter.js";
import { eachVectorOfGrid, teamBlocks, vectorItems } from "./team.js";
import { largeBlockSize } from "./tile.js";

/** What a mapping kernel computes. */
export interface Mapping {
  /** The element of the result at an index, or the vec of elements from there on. */
  readonly element: (index: readonly Int[], pixel: Int, width: Moved) => Value;
  /** Whether `element` can return vecs. */
  readonly wide: boolean;
  /** Whether it can return 16 bytes that are stored as they are. */
  readonly bytes?: boolean;
  /** Stores the element, if it does not go to its own place in y. */
  readonly store?: (value: Value, index: readonly Int[]) => void;
}

/** Writes one element of a result, or a vec of them. */
type Write = (pixel: Int, lead: readonly Int[], channel: Int, width: Moved) => void;

/** What is written at once. */
interface Widths {
  readonly wide: boolean;
  readonly bytes: boolean;
}

/** One value per element of the result. */
export function mapBody(c: Emitter, y: Operand, epilogue: Steps, mapping: Mapping): Body {
  const write: Write = (pixel, lead, channel, width) => {
    const index = y.shape.length === 0 ? [] : [...lead, channel];
    const value = mapping.element(index, pixel, width);
    if (mapping.store) mapping.store(value, index);
    else storeResult(c.k, y, value, { pixel, channel, index }, epilogue);
  };
  const { wide, bytes = false } = mapping;
  return maps[c.form](c, y, { wide: wide && y.wide && epilogue.wide, bytes }, write);
}

const maps: Readonly<Record<Form, (c: Emitter, y: Operand, widths: Widths, write: Write) => Body>> = {
  /** Blocks are runs of last-axis vectors; the indices of the axes before are computed once per vector. */
  cpu: (c, y, widths, write) => {
    const { k, tile } = c;
    // Computing the index of a short vector costs too much, so it is computed once for a row of them.
    const row = channels(y.shape) < shortVector && y.shape.length > 2 ? (y.shape.at(-2) ?? 1) : 1;
    if (row > 1) return rowsBody(c, y, row, widths, write);
    const size = largeBlockSize(vectors(y.shape), tile.blockVectors);
    return {
      blocks: vectors(y.shape) / size,
      write: (block) => {
        const first = k.letInt("first", mulInt(block, size));
        k.items(["i"], [size], (i = 0) => {
          const pixel = k.letInt("pixel", addInt(first, i));
          const lead = leadingIndex(k, y.shape, pixel);
          k.moves("c", channels(y.shape), widths, (channel, width) => write(pixel, lead, channel, width));
        });
      },
    };
  },
  gpu: ({ k }, y, { wide }, write) => {
    const work = { depth: channels(y.shape), wide, pixels: vectors(y.shape) };
    return {
      blocks: teamBlocks(k, vectorItems(k, work.pixels, work.depth, wide)),
      write: (block) =>
        eachVectorOfGrid(k, block, work, (pixel, channel, width) =>
          write(pixel, leadingIndex(k, y.shape, pixel), channel, width),
        ),
    };
  },
};

/** Vectors with fewer channels are written by rows. */
const shortVector = 8;

/** Blocks of rows, which are the vectors along the last axis but one. */
function rowsBody({ k, tile }: Emitter, y: Operand, row: number, widths: Widths, write: Write): Body {
  const rows = vectors(y.shape) / row;
  const size = largeBlockSize(rows, Math.max(1, Math.floor(tile.blockVectors / row)));
  return {
    blocks: rows / size,
    write: (block) => {
      const first = k.letInt("first", mulInt(block, size));
      k.items(["i"], [size], (i = 0) => {
        const at = k.letInt("row", addInt(first, i));
        const lead = leadingIndex(k, y.shape.slice(0, -1), at);
        k.for("j", row, (j) => {
          const pixel = k.letInt("pixel", addInt(mulInt(at, row), j));
          k.moves("c", channels(y.shape), widths, (channel, width) =>
            write(pixel, [...lead, j], channel, width),
          );
        });
      });
    },
  };
}

/** The index per axis, except the last, of a last-axis vector. */
export function leadingIndex(k: Build, shape: Shape, pixel: Int): Int[] {
  const index: Int[] = [];
  let rest = pixel;
  for (let axis = shape.length - 2; axis >= 0; axis -= 1) {
    const extent = shape[axis] ?? 1;
    const isOutermost = elements(shape.slice(0, axis)) === 1;
    index.unshift(extent === 1 ? 0 : k.letInt(`i${axis}`, isOutermost ? rest : int("rem", rest, extent)));
    if (!isOutermost && extent > 1) rest = k.letInt("rest", int("div", rest, extent));
    else if (isOutermost) rest = 0;
  }
  return index;
}

/** The element at an index, or the vec from there on. */
export function loadAt(x: Operand, index: readonly Int[], width: Moved = "f32"): Value {
  const strides = stridesOf(x.shape, x.stride);
  return load(x.place, address(addInt(...index.map((at, axis) => mulInt(at, strides[axis] ?? 0)))), width);
}

/** Computes what all channels of a pixel share, and returns a function that writes some of them. */
export type PixelWriter = (pixel: Int) => (channel: Int, width: Moved) => void;

/** A result that is made pixel by pixel. `widths` says what of its channels may be written at once. */
export function pixelBody(c: Emitter, y: Operand, widths: Widths, writer: PixelWriter): Body {
  return pixelMaps[c.form](c, y, widths, writer);
}

const pixelMaps: Readonly<
  Record<Form, (c: Emitter, y: Operand, widths: Widths, writer: PixelWriter) => Body>
> = {
  cpu: ({ k, tile }, y, widths, writer) => {
    const pixels = vectors(y.shape);
    const size = largeBlockSize(pixels, tile.blockVectors);
    return {
      blocks: pixels / size,
      write: (block) => {
        const first = k.letInt("first", mulInt(block, size));
        k.items(["i"], [size], (i = 0) => {
          const write = writer(k.letInt("pixel", addInt(first, i)));
          k.moves("c", channels(y.shape), widths, write);
        });
      },
    };
  },
  gpu: ({ k }, y, { wide }, writer) => {
    const work = { depth: channels(y.shape), wide, pixels: vectors(y.shape) };
    return {
      blocks: teamBlocks(k, vectorItems(k, work.pixels, work.depth, wide)),
      write: (block) =>
        eachVectorOfGrid(k, block, work, (pixel, channel, width) => writer(pixel)(channel, width)),
    };
  },
};
