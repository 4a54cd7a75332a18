// Ops with computed places. ONNX's operators refuse places outside and take integers, so places are brought inside and cast.

import type { Builder } from "../builder.js";
import type { Value } from "../value.js";
import type { ExportTable } from "./operator.js";
import { fromFront, operand } from "./operator.js";

const reductionNames = { accumulate: "add", multiply: "mul", maximum: "max", minimum: "min" } as const;

/** The number of int64 among ONNX's types. */
const int64 = 7;

export const placeExports: ExportTable<"gather" | "scatter"> = {
  gather: ({ attributes }, inputs, build) => {
    const [x, places] = [operand(inputs, 0), operand(inputs, 1)];
    const axis = fromFront(attributes.axis, x.shape.length);
    const indices = integers(places, x.shape[axis] ?? 1, build);
    if (!attributes.batched) return build.result("Gather", [build.name(x), indices], { axis });
    const rows = build.step("Unsqueeze", [indices, build.ints([-1], "last")]);
    return build.result("GatherND", [build.name(x), rows], { batch_dims: axis });
  },
  scatter: ({ attributes: { axis, reduction } }, inputs, build) => {
    const [x, places, updates] = [operand(inputs, 0), operand(inputs, 1), operand(inputs, 2)];
    const at = fromFront(axis, x.shape.length);
    // An element of its own for each update: places are repeated along the axes behind.
    let indices = integers(places, x.shape[at] ?? 1, build);
    const { shape } = updates;
    if (at < x.shape.length - 1) {
      const rest = shape.map((extent, one) => (one > at ? 1 : extent));
      indices = build.step("Reshape", [indices, build.ints(rest, "rest")]);
      indices = build.step("Expand", [indices, build.ints(shape, "each")]);
    }
    const how = reduction === "replace" ? {} : { reduction: reductionNames[reduction] };
    return build.result("ScatterElements", [build.name(x), indices, build.name(updates)], {
      axis: at,
      ...how,
    });
  },
};

/** Places in an extent as integers, negative ones as they are. */
function integers(places: Value, extent: number, build: Builder): string {
  const bounds = [build.number(-extent, "first"), build.number(extent - 1, "last")];
  return build.step("Cast", [build.step("Clip", [build.name(places), ...bounds])], { to: int64 });
}
