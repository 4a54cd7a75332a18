// Values that are read in another order: reshapes, transposes, slices.

import { channels } from "#ir/type.js";
import type { Body } from "../ir/body.js";
import { address, addInt, int, load, mulInt } from "../ir/expressions.js";
import { loadAt, mapBody } from "../part/map.js";
import type { Context } from "./context.js";
import { epilogueOf, movesBytes, portsOf, stageOf } from "./context.js";

/** Reads x in reading order into a result of another shape. */
export function reshapeBody(c: Context): Body {
  const { k } = c;
  const ports = portsOf(c);
  const { x, y } = ports;
  const epilogue = epilogueOf(c, stageOf(c, 0, "reshape").stage);
  const depth = channels(x.shape);
  const isSame = depth === channels(y.shape);
  return mapBody(c, y, epilogue, {
    wide: x.wide && isSame,
    bytes: isSame && movesBytes(c, ports),
    element: (index, pixel, width) => {
      const channel = index.at(-1) ?? 0;
      if (isSame) return load(x.place, address(addInt(mulInt(pixel, x.stride), channel)), width);
      const flat = addInt(mulInt(pixel, channels(y.shape)), channel);
      if (x.stride === depth) return load(x.place, address(flat));
      const at = k.letInt("flat", flat);
      return load(x.place, address(addInt(mulInt(int("div", at, depth), x.stride), int("rem", at, depth))));
    },
  });
}

/** `y[index] = x[permuted index]`. */
export function transposeBody(c: Context): Body {
  const ports = portsOf(c);
  const { x, y } = ports;
  const { node, stage } = stageOf(c, 0, "transpose");
  const { perm } = node.attributes;
  const isRun = perm.at(-1) === perm.length - 1;
  return mapBody(c, y, epilogueOf(c, stage), {
    wide: x.wide && isRun,
    bytes: isRun && movesBytes(c, ports),
    element: (index, _pixel, width) =>
      loadAt(
        x,
        perm.map((_, axis) => index[perm.indexOf(axis)] ?? 0),
        width,
      ),
  });
}

/** `y[index] = x[begin + index · stride]`. */
export function sliceBody(c: Context): Body {
  const ports = portsOf(c);
  const { x, y } = ports;
  const { node, stage } = stageOf(c, 0, "slice");
  const { begin, stride } = node.attributes;
  const isRun = (stride.at(-1) ?? 1) === 1;
  return mapBody(c, y, epilogueOf(c, stage), {
    wide: x.wide && isRun && (begin.at(-1) ?? 0) % c.k.lanes === 0,
    bytes: isRun && movesBytes(c, ports),
    element: (index, _pixel, width) =>
      loadAt(
        x,
        index.map((at, axis) => addInt(mulInt(at, stride[axis] ?? 1), begin[axis] ?? 0)),
        width,
      ),
  });
}
