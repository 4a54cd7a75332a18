// Layers with windows over images: convolutions, pools, padding, cropping, resizing.

import type { Lowering } from "#import/lowering.js";
import { ordered, weightOf } from "#import/lowering.js";
import { combine } from "#import/operators/broadcast.js";
import { sliced } from "#import/operators/parts.js";
import type { Reduction } from "#import/operators/reduce.js";
import { reduced } from "#import/operators/reduce.js";
import { refuse, unsupported } from "#import/refusal.js";
import { reshaped, transposed } from "#import/operators/reshape.js";
import type { Ref, Value } from "#import/value.js";
import type { Along, AlongTransposed, PoolOp } from "#import/operators/windows.js";
import { transposedVolume, volumeConvolution, volumePool } from "#import/operators/windows.js";
import { natural } from "#ir/axis-order.js";
import { isInt, listOf } from "../fields.js";
import type { Window } from "../image.js";
import {
  convolution,
  depthwise,
  pool,
  resized,
  transposedConvolution,
  windowsAlong,
  withImage,
} from "../image.js";
import type { LayerCall, LayerImport, LayerTable } from "./layer.js";
import { activated, biasOf, isChannelsFirst } from "./layer.js";

function windowOf({ config }: LayerCall): Window {
  return {
    stride: config.ints("strides", 2) ?? [1, 1],
    dilation: config.ints("dilation_rate", 2) ?? [1, 1],
    padding: config.text("padding", "valid"),
  };
}

const onImage = (call: LayerCall, ctx: Lowering, make: (image: Value) => Value): Value =>
  withImage(ctx, call.x(), isChannelsFirst(call), make);

function conv2d(call: LayerCall, ctx: Lowering): Value {
  const kernel = weightOf(call.weight("kernel"), "the kernel");
  const result = onImage(call, ctx, (x) => convolution(ctx, x, kernel, biasOf(call), windowOf(call)));
  return activated(call, ctx, result);
}

/** A sequence [n, l, c] is treated as an image of height 1, and its kernel [l, c, m] too. */
function conv1d(call: LayerCall, ctx: Lowering): Value {
  const { config } = call;
  if (isChannelsFirst(call)) unsupported("Conv1D with channels first");
  const padding = config.text("padding", "valid");
  const [stride = 1] = config.ints("strides", 1) ?? [];
  const [dilation = 1] = config.ints("dilation_rate", 1) ?? [];
  const weight = call.weight("kernel");
  const kernel = reshaped(ctx, weight, [1, ...weight.shape]).ref;
  // A causal convolution reads only earlier elements, and zeros before the first.
  const before = ((kernel.shape[1] ?? 1) - 1) * dilation;
  const window = {
    stride: [1, stride],
    dilation: [1, dilation],
    padding: padding === "causal" ? [0, 0, before, 0] : padding,
  };
  const result = lying(ctx, call.x(), (x) => convolution(ctx, x, kernel, biasOf(call), window));
  return activated(call, ctx, result);
}

/** Applies `make` to [n, l, c] as the image [n, 1, l, c]. */
function lying(ctx: Lowering, x: Value, make: (image: Value) => Value): Value {
  const [n = 1, l = 1, c = 1] = x.shape;
  if (x.shape.length !== 3)
    refuse("shape-mismatch", `a sequence has three axes, not [${x.shape.join(", ")}]`);
  const result = make(reshaped(ctx, x, [n, 1, l, c]));
  const [, , length = 1, depth = 1] = result.shape;
  return reshaped(ctx, result, [n, length, depth]);
}

function depthwiseConv2d(call: LayerCall, ctx: Lowering): Value {
  const given = call.optional("depthwise_kernel") ?? call.weight("kernel");
  const kernel = weightOf(given, "the kernel");
  const result = onImage(call, ctx, (x) => depthwise(ctx, x, kernel, biasOf(call), windowOf(call)));
  return activated(call, ctx, result);
}

/** A depthwise convolution, and a pointwise one that adds the bias. */
function separableConv2d(call: LayerCall, ctx: Lowering): Value {
  const depth = weightOf(call.weight("depthwise_kernel"), "the kernel");
  const point = weightOf(call.weight("pointwise_kernel"), "the kernel");
  const result = onImage(call, ctx, (x) =>
    convolution(ctx, depthwise(ctx, x, depth, [], windowOf(call)), point, biasOf(call), {
      stride: [1, 1],
      padding: "valid",
    }),
  );
  return activated(call, ctx, result);
}

/** Keras makes the result stride times as large; with `valid`, as large as the kernel reaches. */
function conv2dTranspose(call: LayerCall, ctx: Lowering): Value {
  const kernel = weightOf(call.weight("kernel"), "the kernel");
  if (call.config.has("output_padding")) unsupported("Conv2DTranspose with output_padding");
  const { stride, dilation = [1, 1], padding } = windowOf(call);
  if (padding !== "same" && padding !== "valid") refuse("bad-model", "the padding is neither same nor valid");
  if (!stride.every((step) => step >= 1)) refuse("bad-model", `the strides cannot be [${stride.join(", ")}]`);
  const result = onImage(call, ctx, (x) => {
    const size = [0, 1].map((axis) => {
      const [extent, step] = [x.shape[axis + 1] ?? 1, stride[axis] ?? 1];
      const reach = ((kernel.shape[axis] ?? 1) - 1) * (dilation[axis] ?? 1) + 1;
      return extent * step + (padding === "valid" ? Math.max(reach - step, 0) : 0);
    });
    return transposedConvolution(ctx, x, kernel, biasOf(call), { stride, dilation, size });
  });
  return activated(call, ctx, result);
}

function pool2d(op: "max_pool" | "avg_pool"): LayerImport {
  return (call, ctx) => {
    const kernel = call.config.ints("pool_size", 2) ?? [2, 2];
    const stride = call.config.ints("strides", 2) ?? kernel;
    const padding = call.config.text("padding", "valid");
    return onImage(call, ctx, (x) => pool(ctx, op, x, kernel, { stride, padding }));
  };
}

function pool1d(op: "max_pool" | "avg_pool"): LayerImport {
  return (call, ctx) => {
    if (isChannelsFirst(call)) unsupported("a pool over sequences with channels first");
    const [kernel = 2] = call.config.ints("pool_size", 1) ?? [];
    const [stride = kernel] = call.config.ints("strides", 1) ?? [];
    const window = { stride: [1, stride], padding: call.config.text("padding", "valid") };
    return lying(ctx, call.x(), (x) => pool(ctx, op, x, [1, kernel], window));
  };
}

function globalPool(op: Reduction, rank: number): LayerImport {
  return (call, ctx) => {
    const x = call.x();
    if (x.shape.length !== rank)
      refuse("shape-mismatch", `a global pool cannot take [${x.shape.join(", ")}]`);
    const first = isChannelsFirst(call) ? 2 : 1;
    const axes = natural(rank - 2).map((axis) => axis + first);
    return reduced(ctx, op, x, axes, call.config.flag("keepdims", false));
  };
}

/** Applies a window to a volume [n, d, h, w, c], in the order [n, c, d, h, w]. */
function onVolume(
  call: LayerCall,
  ctx: Lowering,
  key: "kernel_size" | "pool_size",
  make: (x: Value, along: readonly Along[]) => Value,
): Value {
  const given = call.x();
  if (given.shape.length !== 5)
    refuse("shape-mismatch", `a volume has five axes, not [${given.shape.join(", ")}]`);
  const isFirst = isChannelsFirst(call);
  const x = isFirst ? given : transposed(ctx, given, [0, 4, 1, 2, 3]);
  const { config } = call;
  const kernel = config.ints(key, 3) ?? [2, 2, 2];
  const stride = config.ints("strides", 3) ?? (key === "pool_size" ? kernel : [1, 1, 1]);
  const dilation = config.ints("dilation_rate", 3) ?? [1, 1, 1];
  const window = { stride, dilation, padding: config.text("padding", "valid") };
  const result = make(x, windowsAlong(x.shape.slice(2), kernel, window));
  return isFirst ? result : transposed(ctx, result, [0, 2, 3, 4, 1]);
}

function conv3d(call: LayerCall, ctx: Lowering): Value {
  const kernel = transposed(ctx, call.weight("kernel"), [4, 3, 0, 1, 2]);
  const bias = call.config.flag("use_bias", true) ? call.weight("bias") : undefined;
  const result = onVolume(call, ctx, "kernel_size", (x, along) => {
    const groups = (x.shape[1] ?? 1) / (kernel.shape[1] ?? 1);
    if (!Number.isInteger(groups))
      refuse("shape-mismatch", `the kernel's ${kernel.shape[1]} channels do not fit [${x.shape.join(", ")}]`);
    return volumeConvolution(ctx, x, kernel, bias, along, groups);
  });
  return activated(call, ctx, result);
}

/** As Conv2DTranspose; the kernel is [kd, kh, kw, filters, c]. */
function conv3dTranspose(call: LayerCall, ctx: Lowering): Value {
  if (call.config.has("output_padding")) unsupported("Conv3DTranspose with output_padding");
  const isSame = call.config.text("padding", "valid") === "same";
  const weight = call.weight("kernel");
  weightOf(weight, "the kernel");
  const [, kh = 1, kw = 1, filters = 1, c = 1] = weight.shape;
  const kernelAt = (tap: number): Ref => {
    const row = reshaped(ctx, sliced(ctx, weight, 0, tap, 1), [kh, kw, filters, c]);
    return ctx.build.arranged(transposed(ctx, row, [0, 1, 3, 2]));
  };
  const volume = onVolume(call, ctx, "kernel_size", (x, along) => {
    const cut = along.map((one): AlongTransposed => {
      const over = (one.kernel - 1) * one.dilation + 1 - one.stride;
      const total = isSame ? Math.max(0, over) : 0;
      const before = Math.floor(total / 2);
      return { ...one, before, after: total - before, extra: isSame || over < 0 ? Math.max(0, -over) : 0 };
    });
    const result = transposedVolume(ctx, x, kernelAt, cut, 1);
    if (!call.config.flag("use_bias", true)) return result;
    return combine(ctx, "add", [result, reshaped(ctx, call.weight("bias"), [filters, 1, 1, 1])]);
  });
  return activated(call, ctx, volume);
}

function pool3d(op: PoolOp): LayerImport {
  return (call, ctx) =>
    onVolume(call, ctx, "pool_size", (x, along) =>
      volumePool(ctx, x, along, { op, isCeil: false, counts: false }),
    );
}

/** [[top, bottom], [left, right]], which may also be written as one or two numbers. */
function borders(call: LayerCall, key: string): readonly (readonly number[])[] {
  const wrong = (): never => refuse("bad-model", `\`${key}\` of ${call.kind} is not a border`);
  const written = call.config.get(key) ?? wrong();
  const whole = isInt(written) ? [written, written] : (listOf(written) ?? wrong());
  const sides = whole.map((side) => {
    const pair = isInt(side) ? [side, side] : (listOf(side) ?? wrong());
    return pair.map((one) => (isInt(one) && one >= 0 && one < 2 ** 31 ? one : wrong()));
  });
  return sides.length === 2 && sides.every((side) => side.length === 2) ? sides : wrong();
}

function zeroPadding(call: LayerCall, ctx: Lowering): Value {
  const [rows = [], columns = []] = borders(call, "padding");
  if ([...rows, ...columns].every((count) => count === 0)) return call.x();
  return onImage(call, ctx, (x) => {
    const [before, after] = [
      [0, rows[0] ?? 0, columns[0] ?? 0, 0],
      [0, rows[1] ?? 0, columns[1] ?? 0, 0],
    ];
    return ordered(
      ctx,
      ctx.build.emit("pad", [ctx.build.arranged(x)], { before, after }),
      natural(4),
      x.type,
    );
  });
}

function cropping(call: LayerCall, ctx: Lowering): Value {
  return onImage(call, ctx, (x) => {
    let result = x;
    for (const [at, [before = 0, after = 0]] of borders(call, "cropping").entries()) {
      const left = (x.shape[at + 1] ?? 1) - before - after;
      if (left < 1) refuse("shape-mismatch", `nothing is left of [${x.shape.join(", ")}]`);
      result = sliced(ctx, result, at + 1, before, left);
    }
    return result;
  });
}

/** TensorFlow.js takes the coordinates i · in/out, without half pixels, for both methods. */
function upSampling(call: LayerCall, ctx: Lowering): Value {
  const [rows = 2, columns = 2] = call.config.ints("size", 2) ?? [];
  const method = call.config.text("interpolation", "nearest");
  if (method !== "nearest" && method !== "bilinear")
    unsupported(`UpSampling2D with interpolation \`${method.slice(0, 20)}\``);
  return onImage(call, ctx, (x) =>
    resized(ctx, x, [(x.shape[1] ?? 1) * rows, (x.shape[2] ?? 1) * columns], { method }),
  );
}

/** Resizes with half pixels, as Keras does. TensorFlow.js has the layer too, but cannot run it. */
function resizing(call: LayerCall, ctx: Lowering): Value {
  const { config } = call;
  const method = config.text("interpolation", "bilinear");
  if (method !== "nearest" && method !== "bilinear") unsupported(`Resizing with \`${method.slice(0, 20)}\``);
  if (config.flag("crop_to_aspect_ratio", false)) unsupported("Resizing with crop_to_aspect_ratio");
  const size = [config.int("height"), config.int("width")];
  return onImage(call, ctx, (x) => resized(ctx, x, size, { method, isHalfPixel: true }));
}

export const windows: LayerTable = {
  Conv1D: conv1d,
  Conv2D: conv2d,
  DepthwiseConv2D: depthwiseConv2d,
  SeparableConv2D: separableConv2d,
  Conv2DTranspose: conv2dTranspose,
  MaxPooling1D: pool1d("max_pool"),
  AveragePooling1D: pool1d("avg_pool"),
  MaxPooling2D: pool2d("max_pool"),
  AveragePooling2D: pool2d("avg_pool"),
  Conv3D: conv3d,
  Conv3DTranspose: conv3dTranspose,
  MaxPooling3D: pool3d("max_pool"),
  AveragePooling3D: pool3d("avg_pool"),
  GlobalAveragePooling3D: globalPool("reduce_mean", 5),
  GlobalMaxPooling3D: globalPool("reduce_max", 5),
  GlobalAveragePooling1D: globalPool("reduce_mean", 3),
  GlobalMaxPooling1D: globalPool("reduce_max", 3),
  GlobalAveragePooling2D: globalPool("reduce_mean", 4),
  GlobalMaxPooling2D: globalPool("reduce_max", 4),
  ZeroPadding2D: zeroPadding,
  Cropping2D: cropping,
  Resizing: resizing,
  UpSampling2D: upSampling,
};
