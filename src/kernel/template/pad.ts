// Borders around values.

import { channels } from "#ir/type.js";
import type { Body } from "../ir/body.js";
import type { Int } from "../ir/expressions.js";
import { addInt, both, compare, f32, int, widen } from "../ir/expressions.js";
import { loadAt, mapBody } from "../part/map.js";
import type { Context } from "./context.js";
import { epilogueOf, movesBytes, portsOf, stageOf } from "./context.js";

/** Elements outside x are a constant, the nearest element, or reflected at the edge. */
export function padBody(c: Context): Body {
  const { k } = c;
  const ports = portsOf(c);
  const { x, y } = ports;
  const { node, stage } = stageOf(c, 0, "pad");
  const epilogue = epilogueOf(c, stage);
  const { attributes: pad } = node;
  const isRun = channels(x.shape) === channels(y.shape);
  const isPadded = (axis: number): boolean => (x.shape[axis] ?? 1) !== (y.shape[axis] ?? 1);
  const lastOf = (axis: number): number => (x.shape[axis] ?? 1) - 1;
  return mapBody(c, y, epilogue, {
    wide: x.wide && isRun,
    bytes: isRun && movesBytes(c, ports),
    element: (index, _pixel, width) => {
      const places = index.map((at, axis) => addInt(at, -(pad.before[axis] ?? 0)));
      if (pad.mode !== "constant") {
        const inside = (at: Int, axis: number): Int =>
          pad.mode === "edge" ? int("min", int("max", at, 0), lastOf(axis)) : mirror(at, lastOf(axis));
        return loadAt(
          x,
          places.map((at, axis) => (isPadded(axis) ? inside(at, axis) : at)),
          width,
        );
      }
      const tests = places.flatMap((at, axis) =>
        isPadded(axis) ? [compare("le", 0, at), compare("lt", at, x.shape[axis] ?? 1)] : [],
      );
      const [first, ...rest] = tests;
      if (!first) return loadAt(x, places, width);
      const result = k.let("v", widen(f32(pad.value), width));
      k.guard(rest.reduce(both, first), () => k.set(result, loadAt(x, places, width)));
      return result;
    },
  });
}

/** −1 → 1, last + 1 → last − 1; inside, the place itself. */
function mirror(at: Int, last: number): Int {
  const low = int("max", at, int("sub", 0, at));
  return int("min", low, int("sub", 2 * last, low));
}
