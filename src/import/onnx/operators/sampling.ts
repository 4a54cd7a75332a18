// Operators that sample images between their elements.

import { roiAlign } from "#import/operators/regions.js";
import { quote, refuse, unsupported } from "#import/refusal.js";
import type { SampleMode } from "#import/operators/sampling.js";
import { gridSampled } from "#import/operators/sampling.js";
import type { Value } from "#import/value.js";
import type { Context, OnnxNode, OperatorTable } from "../operator.js";

/** The names of opset 16, and those since opset 20. */
const modes: ReadonlyMap<string, SampleMode> = new Map([
  ["bilinear", "linear"],
  ["linear", "linear"],
  ["bicubic", "cubic"],
  ["cubic", "cubic"],
  ["nearest", "nearest"],
]);

function gridSample(node: OnnxNode, ctx: Context): Value {
  const [x, grid] = [node.input(0), node.input(1)];
  const mode = modes.get(node.text("mode", "linear"));
  const padding = node.text("padding_mode", "zeros");
  const rank = x.shape.length - 2;
  if (!mode) refuse("bad-model", `GridSample has the unknown mode ${quote(node.text("mode"))}`);
  if (padding !== "zeros" && padding !== "border" && padding !== "reflection")
    refuse("bad-model", `GridSample has the unknown padding_mode ${quote(padding)}`);
  if (
    rank < 1 ||
    grid.shape.length !== x.shape.length ||
    grid.shape.at(-1) !== rank ||
    grid.shape[0] !== x.shape[0]
  )
    refuse("shape-mismatch", `the grid [${grid.shape.join(", ")}] does not fit [${x.shape.join(", ")}]`);
  if (mode === "cubic" && rank > 2) unsupported("cubic GridSample of volumes");
  return gridSampled(ctx, x, grid, { mode, padding, alignsCorners: node.int("align_corners", 0) === 1 });
}

/** Before opset 16, integer coordinates are the centres of elements. */
function roi(node: OnnxNode, ctx: Context): Value {
  const mode = node.text("mode", "avg");
  const coordinates =
    node.opset < 16 ? "output_half_pixel" : node.text("coordinate_transformation_mode", "half_pixel");
  if (mode !== "avg" && mode !== "max") refuse("bad-model", `RoiAlign has the unknown mode ${quote(mode)}`);
  if (coordinates !== "half_pixel" && coordinates !== "output_half_pixel")
    refuse("bad-model", `RoiAlign has the unknown coordinate_transformation_mode ${quote(coordinates)}`);
  const ratio = node.int("sampling_ratio", 0);
  if (!(ratio >= 0)) refuse("bad-model", `RoiAlign has the sampling_ratio ${ratio}`);
  return roiAlign(
    ctx,
    node.input(0),
    { boxes: node.input(1), images: node.input(2) },
    {
      size: [node.int("output_height", 1), node.int("output_width", 1)],
      scale: node.float("spatial_scale", 1),
      ratio,
      isHalfPixel: coordinates === "half_pixel",
      ofGreatest: mode === "max",
    },
  );
}

export const samplings: OperatorTable = {
  GridSample: gridSample,
  RoiAlign: roi,
};
