// Operators with windows over images, alone and fused with a bias and an activation.

import { ownEntry } from "#diagnostic/own-entry.js";
import { combine } from "#import/operators/broadcast.js";
import { batchAxis, mixed, sizesIn } from "#import/batch.js";
import type { Lowering } from "#import/lowering.js";
import { map, numbersOf, ordered, weightOf } from "#import/lowering.js";
import { cropAndResize } from "#import/operators/regions.js";
import { quote, refuse, unsupported } from "#import/refusal.js";
import { reshaped, transposed } from "#import/operators/reshape.js";
import type { Along, PoolOp } from "#import/operators/windows.js";
import { volumeConvolution, volumePool } from "#import/operators/windows.js";
import { placesOfGreatest } from "#import/operators/window-places.js";
import type { Ref, Value } from "#import/value.js";
import { channelsLast, natural } from "#ir/axis-order.js";
import type { Window } from "../image.js";
import {
  convolution,
  depthToSpace,
  depthwise,
  numbersOfWindow,
  pool,
  resized,
  spaceToDepth,
  transposedConvolution,
  windowsAlong,
  withImage,
} from "../image.js";
import type { GraphNode, OperatorImport, OperatorTable } from "./operator.js";
import { isChannelsFirst, spatial } from "./operator.js";
import { product } from "./products.js";

function windowOf(node: GraphNode): Window {
  const padding = node.text("padding", "VALID");
  const stride = spatial(node, "strides");
  const dilation = spatial(node, "dilations");
  if (padding !== "EXPLICIT") return { stride, dilation, padding };
  const all = node.ints("explicit_paddings");
  const first = isChannelsFirst(node) ? 4 : 2;
  if (all.length !== 8) refuse("bad-model", `\`explicit_paddings\` has ${all.length} numbers instead of 8`);
  return { stride, dilation, padding: all.slice(first, first + 4) };
}

type Convolve = (ctx: Lowering, x: Value, kernel: Ref, bias: readonly Ref[], window: Window) => Value;

/** A convolution and its fused parts: the bias becomes part of the convolution, and the activation follows. */
function conv(convolve: Convolve): OperatorImport {
  return (node, ctx) => {
    const [x, w] = [node.input(0), node.input(1)];
    const kernel = weightOf(w, `the kernel of ${node.op}`);
    const { bias, finish } = fused(node, ctx);
    const ref = bias ? [weightOf(bias, `the bias of ${node.op}`)] : [];
    const result = withImage(ctx, x, isChannelsFirst(node), (image) =>
      convolve(ctx, image, kernel, ref, windowOf(node)),
    );
    return finish(result);
  };
}

/** The bias and the activation of a fused node. Operands beyond the first two belong to them, in order. */
function fused(
  node: GraphNode,
  ctx: Lowering,
): { bias: Value | undefined; finish: (result: Value) => Value } {
  const names = node.texts("fused_ops");
  let at = 2;
  let bias: Value | undefined;
  let finish = (result: Value): Value => result;
  for (const [place, name] of names.entries()) {
    if (name === "BiasAdd" && place === 0) {
      bias = node.input(at);
      at += 1;
    } else if (name === "Prelu") {
      const slope = node.input(at);
      at += 1;
      finish = chain(finish, (x) => combine(ctx, "prelu", [x, slope]));
    } else if (name === "LeakyRelu") {
      const alpha = node.float("leakyrelu_alpha", 0.2);
      finish = chain(finish, (x) => map(ctx, "leaky_relu", x, { alpha }));
    } else if (Object.hasOwn(following, name)) {
      const op = ownEntry(following, name) ?? "relu";
      finish = chain(finish, (x) => map(ctx, op, x));
    } else unsupported(`${node.op} fused with ${names.map((one) => one.slice(0, 30)).join(", ")}`);
  }
  return { bias, finish };
}

const chain =
  (first: (x: Value) => Value, second: (x: Value) => Value): ((x: Value) => Value) =>
  (x) =>
    second(first(x));

const following: Readonly<Record<string, "relu" | "relu6" | "elu" | "sigmoid" | "tanh">> = {
  Relu: "relu",
  Relu6: "relu6",
  Elu: "elu",
  Sigmoid: "sigmoid",
  Tanh: "tanh",
};

function fusedMatMul(node: GraphNode, ctx: Lowering): Value {
  const { bias, finish } = fused(node, ctx);
  return finish(product(node, ctx, bias));
}

/** The input gradient of a convolution is a transposed convolution: its operands are [size, kernel, x]. */
function conv2dBackpropInput(node: GraphNode, ctx: Lowering): Value {
  const { shape: sizes, batch } = sizesIn(ctx, node.input(0), `the size of ${node.op}`);
  const kernel = weightOf(node.input(1), `the kernel of ${node.op}`);
  const { stride, dilation = [1, 1], padding } = windowOf(node);
  if (sizes.length !== 4 && sizes.length !== 2) refuse("bad-model", `the size [${sizes.join(", ")}]`);
  const isFirst = isChannelsFirst(node);
  if (sizes.length === 4 && batch !== batchAxis(ctx, node.input(2)))
    mixed(ctx, `${node.op} makes [${sizes.join(", ")}] of any number of samples`);
  const size = sizes.length === 2 ? sizes : isFirst ? sizes.slice(2) : sizes.slice(1, 3);
  if (typeof padding !== "string") unsupported(`${node.op} with explicit padding`);
  return withImage(ctx, node.input(2), isFirst, (x) => {
    for (const axis of [0, 1]) {
      const [extent, step, wanted] = [x.shape[axis + 1] ?? 1, stride[axis] ?? 1, size[axis] ?? 0];
      const reach = ((kernel.shape[axis] ?? 1) - 1) * (dilation[axis] ?? 1) + 1;
      const back = padding === "SAME" ? Math.ceil(wanted / step) : Math.floor((wanted - reach) / step) + 1;
      if (back !== extent)
        refuse(
          "shape-mismatch",
          `the size [${size.join(", ")}] does not fit the extent ${extent} of axis ${axis + 1}`,
        );
    }
    return transposedConvolution(ctx, x, kernel, [], { stride, dilation, size });
  });
}

function pool2d(op: "max_pool" | "avg_pool"): OperatorImport {
  return (node, ctx) =>
    withImage(ctx, node.input(0), isChannelsFirst(node), (x) =>
      pool(ctx, op, x, spatial(node, "ksize"), windowOf(node)),
    );
}

/** The three numbers for the axes of a volume in an attribute of five; undefined without the attribute. */
function ofVolume(node: GraphNode, name: string): readonly number[] | undefined {
  const all = node.ints(name);
  if (all.length === 0) return undefined;
  const isFirst = isVolumeFirst(node);
  const [n, c] = [all[0], isFirst ? all[1] : all[4]];
  if (all.length !== 5 || n !== 1 || c !== 1) unsupported(`${node.op} with \`${name}\` [${all.join(", ")}]`);
  return isFirst ? all.slice(2) : all.slice(1, 4);
}

function isVolumeFirst(node: GraphNode): boolean {
  const format = node.text("data_format", "NDHWC");
  if (format !== "NDHWC" && format !== "NCDHW") unsupported(`${node.op} with data_format ${quote(format)}`);
  return format === "NCDHW";
}

/** Applies a window to a volume [n, d, h, w, c], in the order [n, c, d, h, w]. */
function onVolume(
  node: GraphNode,
  ctx: Lowering,
  kernel: readonly number[],
  make: (x: Value, along: readonly Along[]) => Value,
): Value {
  const given = node.input(0);
  const isFirst = isVolumeFirst(node);
  if (given.shape.length !== 5)
    refuse("shape-mismatch", `a volume has five axes, not [${given.shape.join(", ")}]`);
  const x = isFirst ? given : transposed(ctx, given, [0, 4, 1, 2, 3]);
  const window = {
    stride: ofVolume(node, "strides") ?? [1, 1, 1],
    dilation: ofVolume(node, "dilations") ?? [1, 1, 1],
    padding: node.text("padding", "VALID"),
  };
  const result = make(x, windowsAlong(x.shape.slice(2), kernel, window));
  return isFirst ? result : transposed(ctx, result, [0, 2, 3, 4, 1]);
}

function conv3d(node: GraphNode, ctx: Lowering): Value {
  const weight = node.input(1);
  if (weight.shape.length !== 5)
    refuse("shape-mismatch", `the kernel [${weight.shape.join(", ")}] does not fit a volume`);
  const kernel = transposed(ctx, weight, [4, 3, 0, 1, 2]);
  return onVolume(node, ctx, weight.shape.slice(0, 3), (x, along) => {
    const groups = (x.shape[1] ?? 1) / (kernel.shape[1] ?? 1);
    if (!Number.isInteger(groups))
      refuse("shape-mismatch", `the kernel's ${kernel.shape[1]} channels do not fit [${x.shape.join(", ")}]`);
    return volumeConvolution(ctx, x, kernel, undefined, along, groups);
  });
}

function pool3d(op: PoolOp): OperatorImport {
  return (node, ctx) =>
    onVolume(node, ctx, ofVolume(node, "ksize") ?? [1, 1, 1], (x, along) =>
      volumePool(ctx, x, along, { op, isCeil: false, counts: false }),
    );
}

/** The greatest elements, and their places in reading order, counted in each image or in all. */
function maxPoolWithPlaces(node: GraphNode, ctx: Lowering): Value[] {
  const x = node.input(0);
  if (isChannelsFirst(node)) unsupported(`${node.op} with channels first`);
  const kernel = spatial(node, "ksize");
  const window = windowOf(node);
  const values = withImage(ctx, x, false, (image) => pool(ctx, "max_pool", image, kernel, window));
  const [, h = 1, w = 1, c = 1] = x.shape;
  const { stride, dilation, padding } = numbersOfWindow(x, kernel, window);
  const along = [h, w].map((extent, axis) => ({
    extent,
    kernel: kernel[axis] ?? 1,
    stride: stride[axis] ?? 1,
    dilation: dilation[axis] ?? 1,
    before: padding[2 * axis] ?? 0,
    after: padding[2 * axis + 1] ?? 0,
  }));
  const sample = node.flag("include_batch_in_index", false) ? h * w * c : 0;
  const places = placesOfGreatest(ctx, transposed(ctx, x, [0, 3, 1, 2]), along, [sample, 1, w * c, c]);
  return [values, transposed(ctx, places, [0, 2, 3, 1])];
}

function batchNorm(node: GraphNode, ctx: Lowering): Value {
  const x = node.input(0);
  const statistics = ["scale", "offset", "mean", "variance"].map((name, at) =>
    weightOf(node.input(at + 1), `the ${name} of ${node.op}`),
  );
  if (statistics.some(({ shape }) => shape.includes(0))) unsupported(`${node.op} in training mode`);
  const order = isChannelsFirst(node) ? channelsLast(x.shape.length) : natural(x.shape.length);
  const attributes = { epsilon: node.float("epsilon", 1e-4) };
  const ref = ctx.build.emit("batch_norm", [ctx.build.arranged(x, order), ...statistics], attributes);
  return ordered(ctx, ref, order, x.type);
}

function biasAdd(node: GraphNode, ctx: Lowering): Value {
  const [x, bias] = [node.input(0), node.input(1)];
  if (!isChannelsFirst(node)) return combine(ctx, "add", [x, bias]);
  const lead = new Array<number>(Math.max(0, x.shape.length - 2)).fill(1);
  return combine(ctx, "add", [x, reshaped(ctx, bias, [...bias.shape, ...lead])]);
}

function resize(method: "nearest" | "bilinear"): OperatorImport {
  return (node, ctx) => {
    const size = numbersOf(node.input(1), `the size of ${node.op}`);
    if (size.length !== 2) refuse("bad-model", `the size has ${size.length} numbers instead of two`);
    return withImage(ctx, node.input(0), false, (x) =>
      resized(ctx, x, size, {
        method,
        isCornerAligned: node.flag("align_corners", false),
        isHalfPixel: node.flag("half_pixel_centers", false),
      }),
    );
  };
}

/** The operands are [images, boxes, the index of the image of each box, size]. */
function crop(node: GraphNode, ctx: Lowering): Value {
  const [height = 0, width = 0, ...more] = numbersOf(node.input(3), "the size of CropAndResize");
  const method = node.text("method", "bilinear");
  if (more.length > 0) refuse("bad-model", `the size has ${more.length + 2} numbers instead of two`);
  if (method !== "bilinear" && method !== "nearest")
    refuse("bad-model", `CropAndResize has the unknown method ${quote(method)}`);
  return cropAndResize(
    ctx,
    node.input(0),
    { boxes: node.input(1), images: node.input(2) },
    { size: [height, width], isNearest: method === "nearest", outside: node.float("extrapolation_value", 0) },
  );
}

function blocks(move: typeof depthToSpace): OperatorImport {
  return (node, ctx) => {
    if (isChannelsFirst(node)) unsupported(`${node.op} with channels first`);
    return withImage(ctx, node.input(0), false, (x) => move(ctx, x, node.int("block_size")));
  };
}

export const windows: OperatorTable = {
  Conv2D: conv(convolution),
  _FusedConv2D: conv(convolution),
  DepthwiseConv2d: conv(depthwise),
  DepthwiseConv2dNative: conv(depthwise),
  FusedDepthwiseConv2dNative: conv(depthwise),
  Conv2DBackpropInput: conv2dBackpropInput,
  _FusedMatMul: fusedMatMul,
  MaxPool: pool2d("max_pool"),
  MaxPoolWithArgmax: maxPoolWithPlaces,
  AvgPool: pool2d("avg_pool"),
  Conv3D: conv3d,
  MaxPool3D: pool3d("max_pool"),
  AvgPool3D: pool3d("avg_pool"),
  FusedBatchNorm: batchNorm,
  FusedBatchNormV2: batchNorm,
  FusedBatchNormV3: batchNorm,
  BiasAdd: biasAdd,
  ResizeBilinear: resize("bilinear"),
  ResizeNearestNeighbor: resize("nearest"),
  CropAndResize: crop,
  DepthToSpace: blocks(depthToSpace),
  SpaceToDepth: blocks(spaceToDepth),
};
