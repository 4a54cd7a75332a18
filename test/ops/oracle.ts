// The result of each op by TensorFlow.js: an oracle that shares no code with the op table.

import * as tf from "@tensorflow/tfjs-core";
import type { OpAttributes, OpName } from "#ir/graph.js";
import type { TensorType } from "#ir/type.js";
import { integerRanges } from "#ir/type.js";
import type { Padding, Size } from "#ops/attributes.js";

/** Ops whose values come from outside. */
export type Source = "input" | "constant";

/** Computes the result from the operands. */
export type Oracle<O extends OpName> = (
  inputs: readonly tf.Tensor[],
  attributes: OpAttributes[O],
  output: TensorType,
) => tf.Tensor;

/** An oracle for every op except the sources; a missing one does not compile. */
export const oracles: { readonly [O in Exclude<OpName, Source>]: Oracle<O> } = {
  quantize: ([x, scale], { zero, low, high, type }) => {
    const [least, greatest] = integerRanges[type];
    const steps = tf.add(tf.round(tf.div(x!, scale!)), zero);
    return tf.clipByValue(steps, Math.max(low, least), Math.min(high, greatest));
  },
  dequantize: ([x, scale], { zero }) => tf.mul(tf.sub(x!, zero), scale!),
  conv2d: ([x, w, b], { stride, dilation, padding, groups }) => {
    const images = tf.split(padded(x!, numbers(padding), 0), groups, 3) as tf.Tensor4D[];
    const kernels = tf.split(w!, groups, 3) as tf.Tensor4D[];
    const parts = images.map((image, group) =>
      strided(tf.conv2d(image, kernels[group]!, 1, "valid", "NHWC", pair(dilation)), stride),
    );
    return tf.add(tf.concat(parts, 3), b!);
  },
  depthwise_conv2d: ([x, w, b], { stride, dilation, padding }) => {
    const [height, width, , filters] = w!.shape as [number, number, number, number];
    const inputs = x!.shape[3]!;
    const kernel = tf.reshape(w!, [height, width, inputs, filters / inputs]) as tf.Tensor4D;
    const image = padded(x!, numbers(padding), 0);
    return tf.add(strided(tf.depthwiseConv2d(image, kernel, 1, "valid", "NHWC", pair(dilation)), stride), b!);
  },
  conv2d_transpose: ([x, w, b], { stride, dilation, padding, extra, groups }, output) => {
    // A convolution of x with zeros between its elements, with the taps of the weights reversed.
    const kernel = tf.reverse(w!, [0, 1]);
    const [n, height, width, depth] = x!.shape as [number, number, number, number];
    const apart = tf.pad(tf.reshape(x!, [n, height, 1, width, 1, depth]), [
      [0, 0],
      [0, 0],
      [0, stride[0] - 1],
      [0, 0],
      [0, stride[1] - 1],
      [0, 0],
    ]);
    const spread = tf.slice(
      tf.reshape(apart, [n, height * stride[0], width * stride[1], depth]),
      [0, 0, 0, 0],
      [n, (height - 1) * stride[0] + 1, (width - 1) * stride[1] + 1, depth],
    );
    const reach = [0, 1].map((axis) => (w!.shape[axis]! - 1) * dilation[axis]!) as [number, number];
    const framed = padded(spread, [reach[0], reach[0], reach[1], reach[1]], 0);
    const images = tf.split(framed, groups, 3) as tf.Tensor4D[];
    const kernels = tf.split(kernel, groups, 3) as tf.Tensor4D[];
    const parts = images.map((image, group) =>
      tf.conv2d(image, kernels[group]!, 1, "valid", "NHWC", pair(dilation)),
    );
    const full = padded(tf.concat(parts, 3), [0, extra[0], 0, extra[1]], 0);
    const [top, , left] = numbers(padding);
    return tf.add(tf.slice(full, [0, top, left, 0], [...output.shape]), b!);
  },
  dense: ([x, w, b], _, output) => {
    const rows = tf.reshape(x!, [-1, w!.shape[0]!]) as tf.Tensor2D;
    return tf.reshape(tf.add(tf.matMul(rows, w as tf.Tensor2D), b!), [...output.shape]);
  },
  matmul: ([a, b], _, output) => {
    const lead = output.shape.slice(0, -2);
    const spread = (value: tf.Tensor): tf.Tensor =>
      tf.broadcastTo(tf.reshape(value, [...lead.slice(value.rank - 2).map(() => 1), ...value.shape]), [
        ...lead,
        ...value.shape.slice(-2),
      ]);
    return tf.matMul(spread(a!), spread(b!));
  },
  batch_norm: ([x, scale, offset, mean, variance], { epsilon }) =>
    tf.batchNorm(
      x!,
      mean as tf.Tensor1D,
      variance as tf.Tensor1D,
      offset as tf.Tensor1D,
      scale as tf.Tensor1D,
      epsilon,
    ),
  max_pool: ([x], { kernel, stride, dilation, padding }) =>
    window(padded(x!, numbers(padding), Number.NEGATIVE_INFINITY), "max", kernel, stride, dilation),
  avg_pool: ([x], { kernel, stride, dilation, padding, count_include_pad }) => {
    const mean = window(padded(x!, numbers(padding), 0), "avg", kernel, stride, dilation);
    if (count_include_pad) return mean;
    return tf.div(
      mean,
      window(padded(tf.onesLike(x!), numbers(padding), 0), "avg", kernel, stride, dilation),
    );
  },
  global_avg_pool: ([x], { keepdims }) => tf.mean(x!, [1, 2], keepdims),
  global_max_pool: ([x], { keepdims }) => tf.max(x!, [1, 2], keepdims),
  pad: ([x], { before, after, mode, value }) => {
    const amounts = before.map((amount, axis): [number, number] => [amount, after[axis]!]);
    if (amounts.length === 0) return x!;
    if (mode === "constant") return tf.pad(x!, amounts, value);
    if (mode === "reflect") return tf.mirrorPad(x!, amounts, "reflect");
    return amounts.reduce((sum, [low, high], axis) => {
      const extent = sum.shape[axis]!;
      const edge = (at: number): tf.Tensor => tf.gather(sum, [at], axis);
      return tf.concat(
        [
          ...Array.from({ length: low }, () => edge(0)),
          sum,
          ...Array.from({ length: high }, () => edge(extent - 1)),
        ],
        axis,
      );
    }, x!);
  },
  concat: (inputs, { axis }) => tf.concat([...inputs], inputs[0]!.rank + axis),
  slice: ([x], { begin, size, stride }) =>
    x!.rank === 0
      ? x!
      : tf.stridedSlice(
          x!,
          [...begin],
          begin.map((from, axis) => from + (size[axis]! - 1) * (stride[axis] ?? 1) + 1),
          begin.map((_, axis) => stride[axis] ?? 1),
        ),
  reshape: ([x], { shape }) => tf.reshape(x!, [...shape]),
  transpose: ([x], { perm }) => tf.transpose(x!, [...perm]),
  resize: ([x], attributes) => {
    const { size, method, coordinates } = attributes;
    const image = x as tf.Tensor4D;
    const corners = coordinates === "align_corners";
    const half = coordinates === "half_pixel";
    if (method === "bilinear") return tf.image.resizeBilinear(image, pair(size), corners, half);
    // TensorFlow.js has one rounding for each kind of coordinates; the other roundings follow from exact fractions.
    const known = coordinates === "asymmetric" ? ["auto", "always_down"] : ["half_up"];
    if (known.includes(attributes.rounding))
      return tf.image.resizeNearestNeighbor(image, pair(size), corners, half);
    return [0, 1].reduce(
      (sum, axis) => tf.gather(sum, nearest(x!.shape[axis + 1]!, size[axis]!, attributes), axis + 1),
      x!,
    );
  },
  gather: ([x, places], { axis, batched }, output) => {
    const at = axis + x!.rank;
    const extent = x!.shape[at]!;
    const whole = mapped(places!, (place) => {
      const near = Math.trunc(Math.min(Math.max(place, -extent), extent - 1)) || 0;
      return near < 0 ? near + extent : near;
    });
    if (!batched) return tf.gather(x!, tf.cast(whole, "int32") as tf.Tensor1D, at);
    const lead = x!.shape.slice(0, at).reduce((product, one) => product * one, 1);
    const rows = tf.reshape(x!, [lead, ...x!.shape.slice(at)]);
    const each = tf.reshape(whole, [lead, -1]);
    const found = Array.from({ length: lead }, (_, row) =>
      tf.gather(
        tf.squeeze(tf.slice(rows, row, 1), [0]),
        tf.cast(tf.squeeze(tf.slice(each, row, 1), [0]), "int32") as tf.Tensor1D,
      ),
    );
    return tf.reshape(tf.stack(found), [...output.shape]);
  },
  scatter: ([x, places, updates], { axis, reduction }) => {
    const at = axis + x!.rank;
    const extent = x!.shape[at]!;
    const inner = x!.shape.slice(at + 1).reduce((product, one) => product * one, 1);
    const count = places!.shape.at(-1)!;
    const [all, given] = [updates!.dataSync(), places!.dataSync()];
    // For every element: the updates that go there.
    const data = x!.dataSync().map((start, flat) => {
      const row = Math.floor(flat / inner);
      let value = start;
      for (let u = 0; u < count; u += 1) {
        const update = Math.floor(row / extent) * count + u;
        const near = Math.trunc(Math.min(Math.max(given[update]!, -extent), extent - 1));
        if ((near + extent) % extent !== row % extent) continue;
        const more = all[update * inner + (flat % inner)]!;
        if (reduction === "replace") value = more;
        else if (reduction === "accumulate") value += more;
        else if (reduction === "multiply") value *= more;
        else value = reduction === "maximum" ? Math.max(value, more) : Math.min(value, more);
      }
      return value;
    });
    return tf.tensor(data, x!.shape);
  },
  top_k: ([x], { k, largest }) => {
    // One row after another, because TensorFlow.js finds only the largest value.
    const rows = tf.reshape(largest ? x! : tf.neg(x!), [-1, x!.shape.at(-1)!]);
    const places = tf.topk(rows, k).indices;
    return tf.cast(tf.reshape(places, [...x!.shape.slice(0, -1), k]), "float32");
  },
  non_max_suppression: ([boxes, scores, order], attributes, output) => {
    const { limit, overlap, score, at_equal, centered } = attributes;
    const [n, classes] = output.shape as [number, number];
    const count = boxes!.shape[1]!;
    // The overlaps of all pairs, as tensors.
    const sides = tf.split(boxes!, 4, 2);
    const [low, high] = [0, 1].map((end) =>
      [0, 1].map((axis) => {
        const [a, b] = [sides[axis]!, sides[axis + 2]!];
        if (centered) return end === 0 ? tf.sub(a, tf.div(b, 2)) : tf.add(a, tf.div(b, 2));
        return end === 0 ? tf.minimum(a, b) : tf.maximum(a, b);
      }),
    );
    const turned = (x: tf.Tensor): tf.Tensor => tf.transpose(x, [0, 2, 1]);
    const shared = [0, 1]
      .map((axis) =>
        tf.relu(
          tf.sub(
            tf.minimum(high![axis]!, turned(high![axis]!)),
            tf.maximum(low![axis]!, turned(low![axis]!)),
          ),
        ),
      )
      .reduce((product, one) => tf.mul(product, one));
    const areas = tf.mul(tf.sub(high![0]!, low![0]!), tf.sub(high![1]!, low![1]!));
    const quotients = tf.divNoNan(shared, tf.sub(tf.add(areas, turned(areas)), shared));
    const overlaps = at_equal ? tf.greaterEqual(quotients, overlap) : tf.greater(quotients, overlap);
    const isOver = tf.logicalAnd(overlaps, tf.greater(shared, 0)).dataSync();
    const [all, places] = [scores!.dataSync(), order!.dataSync()];
    const m = order!.shape[2]!;
    const rows = Array.from({ length: n * classes }, (_, row) => {
      const sample = Math.floor(row / classes);
      let left = Array.from(places.slice(row * m, (row + 1) * m))
        .map((place) => (Math.trunc(Math.min(Math.max(place, -count), count - 1)) + count) % count)
        .filter((place) => all[row * count + place]! > score);
      const found: number[] = [];
      while (left.length > 0 && found.length < limit) {
        const [first, ...rest] = left as [number, ...number[]];
        found.push(first);
        left = rest.filter((place) => place !== first && !isOver[(sample * count + first) * count + place]);
      }
      return [...found, ...new Array<number>(limit - found.length).fill(-1)];
    });
    return tf.tensor(rows.flat(), [...output.shape]);
  },
  layer_norm: ([x], { epsilon }) => {
    const { mean, variance } = tf.moments(x!, -1, true);
    return tf.div(tf.sub(x!, mean), tf.sqrt(tf.add(variance, epsilon as number)));
  },
  group_norm: ([x], { groups, epsilon }) => {
    const [n = 1, ...rest] = x!.shape;
    const split = tf.reshape(x!, [n, -1, groups as number, rest.at(-1)! / (groups as number)]);
    const { mean, variance } = tf.moments(split, [1, 3], true);
    return tf.reshape(tf.div(tf.sub(split, mean), tf.sqrt(tf.add(variance, epsilon as number))), x!.shape);
  },
  softmax: ([x], { axis }) => {
    const last = x!.rank - 1;
    const swap = x!.shape
      .map((_, at) => at)
      .with(last, last + 1 + axis)
      .with(last + 1 + axis, last);
    return tf.transpose(tf.softmax(tf.transpose(x!, swap)), swap);
  },
  reduce_sum: ([x], { axes, keepdims }) => tf.sum(x!, [...axes], keepdims),
  reduce_mean: ([x], { axes, keepdims }) => tf.mean(x!, [...axes], keepdims),
  reduce_max: ([x], { axes, keepdims }) => tf.max(x!, [...axes], keepdims),
  reduce_min: ([x], { axes, keepdims }) => tf.min(x!, [...axes], keepdims),
  reduce_prod: ([x], { axes, keepdims }) => tf.prod(x!, [...axes], keepdims),
  relu: ([x]) => tf.relu(x!),
  relu6: ([x]) => tf.relu6(x!),
  leaky_relu: ([x], { alpha }) => tf.leakyRelu(x!, alpha),
  elu: ([x], { alpha }) => tf.where(tf.greater(x!, 0), x!, tf.mul(tf.expm1(x!), alpha)),
  sigmoid: ([x]) => tf.sigmoid(x!),
  silu: ([x]) => tf.mul(x!, tf.sigmoid(x!)),
  hard_sigmoid: ([x], { alpha, beta }) => tf.clipByValue(tf.add(tf.mul(x!, alpha), beta), 0, 1),
  hard_swish: ([x]) => tf.div(tf.mul(x!, tf.relu6(tf.add(x!, 3))), 6),
  tanh: ([x]) => tf.tanh(x!),
  gelu: ([x]) => mapped(x!, (value) => (value * (1 + integratedErf(value / Math.SQRT2))) / 2),
  softplus: ([x]) => tf.softplus(x!),
  mish: ([x]) => tf.mul(x!, tf.tanh(tf.softplus(x!))),
  clip: ([x], { low, high }) => tf.minimum(tf.maximum(x!, low), high),
  exp: ([x]) => tf.exp(x!),
  log: ([x]) => tf.log(x!),
  sqrt: ([x]) => tf.sqrt(x!),
  rsqrt: ([x]) => tf.rsqrt(x!),
  square: ([x]) => tf.square(x!),
  reciprocal: ([x]) => tf.reciprocal(x!),
  abs: ([x]) => tf.abs(x!),
  neg: ([x]) => tf.neg(x!),
  floor: ([x]) => tf.floor(x!),
  ceil: ([x]) => tf.ceil(x!),
  round: ([x]) => tf.round(x!),
  // tf.erf is off by up to 1.5e-7, which exceeds the tolerance of small values.
  erf: ([x]) => mapped(x!, integratedErf),
  sin: ([x]) => tf.sin(x!),
  cos: ([x]) => tf.cos(x!),
  atan: ([x]) => tf.atan(x!),
  sinh: ([x]) => tf.sinh(x!),
  cosh: ([x]) => tf.cosh(x!),
  asinh: ([x]) => tf.asinh(x!),
  acosh: ([x]) => tf.acosh(x!),
  atanh: ([x]) => tf.atanh(x!),
  sign: ([x]) => tf.sign(x!),
  identity: ([x]) => tf.clone(x!),
  add: ([a, b]) => tf.add(a!, b!),
  sub: ([a, b]) => tf.sub(a!, b!),
  mul: ([a, b]) => tf.mul(a!, b!),
  div: ([a, b]) => tf.div(a!, b!),
  min: ([a, b]) => tf.minimum(a!, b!),
  max: ([a, b]) => tf.maximum(a!, b!),
  pow: ([a, b]) => tf.pow(a!, b!),
  atan2: ([a, b]) => tf.atan2(a!, b!),
  equal: ([a, b]) => tf.cast(tf.equal(a!, b!), "float32"),
  less: ([a, b]) => tf.cast(tf.less(a!, b!), "float32"),
  less_equal: ([a, b]) => tf.cast(tf.lessEqual(a!, b!), "float32"),
  where: ([condition, a, b]) => tf.where(tf.notEqual(condition!, 0), a!, b!),
  prelu: ([x, alpha]) => tf.where(tf.less(x!, 0), tf.mul(x!, alpha!), tf.add(x!, tf.zerosLike(alpha!))),
};

/** erf by its definition, 2/√π · ∫ e^−t² from 0 to x, by Simpson's rule: accurate to 1e-12 for the x of the tests. */
export function integratedErf(x: number): number {
  const steps = 2000;
  const width = x / steps;
  let sum = 1 + Math.exp(-x * x);
  for (let k = 1; k < steps; k += 1) sum += (k % 2 === 0 ? 2 : 4) * Math.exp(-((k * width) ** 2));
  return (2 / Math.sqrt(Math.PI)) * (width / 3) * sum;
}

function mapped(x: tf.Tensor, fn: (value: number) => number): tf.Tensor {
  return tf.tensor(Float32Array.from(x.dataSync(), fn), x.shape);
}

/** The nearest positions by the definition, in whole numbers: a position is numerator / denominator. */
function nearest(input: number, output: number, { coordinates, rounding }: OpAttributes["resize"]): number[] {
  return Array.from({ length: output }, (_, index) => {
    const [numerator, denominator] =
      coordinates === "half_pixel"
        ? [(2 * index + 1) * input - output, 2 * output]
        : coordinates === "asymmetric"
          ? [index * input, output]
          : output === 1
            ? [0, 1]
            : [index * (input - 1), output - 1];
    const rest = ((numerator % denominator) + denominator) % denominator;
    const below = (numerator - rest) / denominator;
    const up = {
      auto: coordinates === "asymmetric" ? false : 2 * rest > denominator,
      half_down: 2 * rest > denominator,
      half_up: 2 * rest >= denominator,
      always_down: false,
      always_up: rest > 0,
    }[rounding];
    return Math.min(Math.max(below + (up ? 1 : 0), 0), input - 1);
  });
}

function padded(x: tf.Tensor, [top, bottom, left, right]: Padding, value: number): tf.Tensor4D {
  return tf.pad(
    x as tf.Tensor4D,
    [
      [0, 0],
      [top, bottom],
      [left, right],
      [0, 0],
    ],
    value,
  );
}

/** A pool without padding. TensorFlow.js has strides or dilations, but not both: so this takes every position and then selects some. */
function window(x: tf.Tensor4D, kind: "max" | "avg", kernel: Size, stride: Size, dilation: Size): tf.Tensor {
  return strided(tf.pool(x, pair(kernel), kind, "valid", pair(dilation), 1), stride);
}

function strided(x: tf.Tensor, stride: Size): tf.Tensor {
  return tf.stridedSlice(x, [0, 0, 0, 0], x.shape, [1, ...stride, 1]);
}

function numbers(padding: Padding | "same" | "valid"): Padding {
  if (typeof padding === "string") throw new TypeError("samples hold padding in numbers");
  return padding;
}

function pair([height, width]: Size): [number, number] {
  return [height, width];
}
