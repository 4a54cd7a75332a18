// Ops with computed places. ONNX's operators refuse places outside the extent and take integers, so places are clamped and cast.

import type { NodeOf } from "#ir/graph.js";
import type { OnnxBuilder } from "../builder.js";
import type { OnnxValue } from "../onnx-value.js";
import type { ExportTable } from "./operator.js";
import { fromFront, operand } from "./operator.js";

const reductionNames = { accumulate: "add", multiply: "mul", maximum: "max", minimum: "min" } as const;

/** Element types by their number in ONNX. */
const [float, int64] = [1, 7];

export const placeExports: ExportTable<"gather" | "scatter" | "top_k" | "non_max_suppression"> = {
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
    // ONNX needs a place for each element of an update, so places are repeated along the following axes.
    let indices = integers(places, x.shape[at] ?? 1, build);
    const { shape } = updates;
    if (at < x.shape.length - 1) {
      const behind = shape.slice(at + 1).map((_, one) => at + 1 + one);
      indices = build.step("Unsqueeze", [indices, build.ints(behind, "behind")]);
      indices = build.step("Expand", [indices, build.ints(shape, "each")]);
    }
    const how = reduction === "replace" ? {} : { reduction: reductionNames[reduction] };
    return build.result("ScatterElements", [build.name(x), indices, build.name(updates)], {
      axis: at,
      ...how,
    });
  },
  top_k: ({ attributes: { k, largest } }, inputs, build) => {
    const given = [build.name(operand(inputs, 0)), build.ints([k], "k")];
    const places = build.step("TopK", given, { axis: -1, largest: largest ? 1 : 0 }, 1);
    return build.result("Cast", [places], { to: float });
  },
  non_max_suppression: suppression,
};

/**
 * ONNX visits boxes in the order of their scores, and returns no more boxes than it finds. So scores are replaced by descending ranks, and
 * −1 is appended to the places. Each class of each sample is handled alone.
 */
function suppression(
  { attributes, type }: NodeOf<"non_max_suppression">,
  inputs: readonly OnnxValue[],
  build: OnnxBuilder,
): OnnxValue {
  const [boxes, scores, order] = [operand(inputs, 0), operand(inputs, 1), operand(inputs, 2)];
  const [n = 1, classes = 1, limit = 1] = type.shape;
  const [count, ranks] = [boxes.shape[1] ?? 1, order.shape[2] ?? 1];
  const none = build.number(-1, "none");
  // In reverse, because the last of two updates of a place wins, and the first mention of a box must count.
  const left = build.numbers(
    Float32Array.from({ length: ranks }, (_, at) => at + 1),
    [1, 1, ranks],
    "left",
  );
  const backwards = build.step("Slice", [
    integers(order, count, build),
    build.ints([-1], "from"),
    build.ints([-(2 ** 31)], "to"),
    build.ints([2], "axis"),
    build.ints([-1], "step"),
  ]);
  const all = build.ints(order.shape, "each");
  const start = build.step("Expand", [none, build.ints([n, classes, count], "all")]);
  const given = [start, backwards, build.step("Expand", [left, all])];
  const ranked = build.step("ScatterElements", given, { axis: 2 });
  const isGood = build.step("Greater", [build.name(scores), build.number(attributes.score, "score")]);
  const masked = build.step("Where", [isGood, ranked, none]);
  const threshold = attributes.at_equal ? below(attributes.overlap) : attributes.overlap;
  const bounds = [
    build.ints([limit], "limit"),
    build.numbers(Float32Array.of(Math.max(0, threshold)), [1], "overlap"),
    build.numbers(Float32Array.of(0), [1], "least"),
  ];
  const part = (from: string, begin: readonly number[]): string =>
    build.step("Slice", [
      from,
      build.ints(begin, "begin"),
      build.ints(
        begin.map((at) => at + 1),
        "end",
      ),
    ]);
  const rows: string[] = [];
  for (let sample = 0; sample < n; sample += 1)
    for (let one = 0; one < classes; one += 1) {
      const own = [part(build.name(boxes), [sample]), part(masked, [sample, one]), ...bounds];
      const found = build.step("NonMaxSuppression", own, {
        center_point_box: attributes.centered ? 1 : 0,
      });
      const places = build.step("Gather", [found, build.ints([2], "place")], { axis: 1 });
      const flat = build.step("Reshape", [places, build.ints([-1], "flat")]);
      const filled = build.step("Concat", [flat, build.ints(new Array<number>(limit).fill(-1), "rest")], {
        axis: 0,
      });
      const bounded = [filled, build.ints([0], "first"), build.ints([limit], "last")];
      rows.push(build.step("Slice", bounded));
    }
  const joined = rows.length === 1 ? (rows[0] ?? "") : build.step("Concat", rows, { axis: 0 });
  const shaped = build.step("Reshape", [joined, build.ints(type.shape, "shape")]);
  return build.result("Cast", [shaped], { to: float });
}

/** The next f32 below a positive number: whatever is greater than it is at least the number. */
function below(value: number): number {
  const bits = new Int32Array(Float32Array.of(value).buffer);
  bits[0] = (bits[0] ?? 1) - 1;
  return new Float32Array(bits.buffer)[0] ?? 0;
}

/** Places in an extent as integers; negative ones are unchanged. */
function integers(places: OnnxValue, extent: number, build: OnnxBuilder): string {
  const bounds = [build.number(-extent, "first"), build.number(extent - 1, "last")];
  return build.step("Cast", [build.step("Clip", [build.name(places), ...bounds])], { to: int64 });
}
