// Gathers: elements, or vectors of them, at places in another operand.

import type { Body } from "../ir/body.js";
import type { Int } from "../ir/expressions.js";
import { address, addInt, load, mulInt } from "../ir/expressions.js";
import { leadingIndex, mapBody, pixelBody } from "../part/map.js";
import { stridesOf } from "../part/operands.js";
import { placeReader } from "../part/places.js";
import { storeResult } from "../part/steps.js";
import type { Context } from "./context.js";
import { epilogueOf, movesBytes, portsOf, sourceOf, stageOf } from "./context.js";

/** The axis is counted from the end. */
export function gatherBody(c: Context): Body {
  const { k, schedule } = c;
  const ports = portsOf(c);
  const { x, y } = ports;
  const { node, stage } = stageOf(c, 0, "gather");
  const epilogue = epilogueOf(c, stage);
  const { attributes } = node;
  const source = sourceOf(stage, 1);
  const rank = (source.kind === "weight" ? source.type : source.view.type).shape.length;
  const axis = attributes.axis + x.shape.length;
  const strides = stridesOf(x.shape, x.stride);
  const placeAt = placeReader(k, schedule.weights, source, x.shape[axis] ?? 1);
  // Axes of the result: those before the axis, those of places (which may begin with the same), those after the axis.
  const lead = attributes.batched ? 0 : axis;
  const inner = lead + rank;
  const at = (index: readonly Int[], of: readonly number[]): Int =>
    addInt(...index.map((one, which) => mulInt(one, of[which] ?? 0)));
  /** The number of the elements that an index means, without the axes after `axis`. */
  const found = (index: readonly Int[]): Int =>
    addInt(at(index.slice(0, axis), strides), mulInt(placeAt(index.slice(lead, inner)), strides[axis] ?? 1));
  if (axis === x.shape.length - 1)
    return mapBody(c, y, epilogue, {
      wide: false,
      element: (index) => load(x.place, address(found(index))),
    });
  const wide = x.wide && y.wide && epilogue.wide;
  return pixelBody(c, y, { wide, bytes: movesBytes(c, ports) }, (pixel) => {
    const index = leadingIndex(k, y.shape, pixel);
    const from = k.letInt("from", addInt(found(index), at(index.slice(inner), strides.slice(axis + 1))));
    return (channel, width) =>
      storeResult(
        k,
        y,
        load(x.place, address(addInt(from, channel)), width),
        { pixel, channel, index: [...index, channel] },
        epilogue,
      );
  });
}
