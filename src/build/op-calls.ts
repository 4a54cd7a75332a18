// The ops as methods of the builder's values. Made from the op table in src/ops by `npm run generate`.

import type { Operand, Value } from "./net.js";

/** What every call may say besides attributes. */
interface Named {
  /** The name of the result; parameters of layers are looked up under it. */
  readonly name?: string;
}

interface Conv2dAttributes extends Named {
  /** distance between adjacent positions of the window; 1x1 by default */
  readonly stride?: number | readonly [number, number];
  /** distance between adjacent taps of the window; 1x1 by default */
  readonly dilation?: number | readonly [number, number];
  /** zeros around the input; [0, 0, 0, 0] by default */
  readonly padding?: "same" | "valid" | number | readonly [number, number] | readonly [number, number, number, number];
  /** number of independent groups of input and output channels; 1 by default */
  readonly groups?: number;
  /** the zero point of x, which also fills the padding: the integer that stands for 0; 0 by default */
  readonly zero?: number;
}

interface Conv2dLayer extends Conv2dAttributes {
  /** output channels */
  readonly filters: number;
  /** height and width of the window */
  readonly kernel: number | readonly [number, number];
  /** whether a bias is added; true by default */
  readonly bias?: boolean;
}

interface DepthwiseConv2dAttributes extends Named {
  /** distance between adjacent positions of the window; 1x1 by default */
  readonly stride?: number | readonly [number, number];
  /** distance between adjacent taps of the window; 1x1 by default */
  readonly dilation?: number | readonly [number, number];
  /** zeros around the input; [0, 0, 0, 0] by default */
  readonly padding?: "same" | "valid" | number | readonly [number, number] | readonly [number, number, number, number];
  /** the zero point of x, which also fills the padding: the integer that stands for 0; 0 by default */
  readonly zero?: number;
}

interface DepthwiseConv2dLayer extends DepthwiseConv2dAttributes {
  /** height and width of the window */
  readonly kernel: number | readonly [number, number];
  /** filters per input channel; 1 by default */
  readonly multiplier?: number;
  /** whether a bias is added; true by default */
  readonly bias?: boolean;
}

interface Conv2dTransposeAttributes extends Named {
  /** distance in the result between adjacent elements of x; 1x1 by default */
  readonly stride?: number | readonly [number, number];
  /** distance between adjacent taps of the window; 1x1 by default */
  readonly dilation?: number | readonly [number, number];
  /** rows and columns that are removed; `same` keeps h · stride rows and w · stride columns; [0, 0, 0, 0] by default */
  readonly padding?: "same" | "valid" | number | readonly [number, number] | readonly [number, number, number, number];
  /** rows and columns that are added at the bottom and on the right; 0x0 by default */
  readonly extra?: number | readonly [number, number];
  /** number of independent groups of input and output channels; 1 by default */
  readonly groups?: number;
}

interface Conv2dTransposeLayer extends Conv2dTransposeAttributes {
  /** output channels */
  readonly filters: number;
  /** height and width of the window */
  readonly kernel: number | readonly [number, number];
  /** whether a bias is added; true by default */
  readonly bias?: boolean;
}

interface DenseAttributes extends Named {
  /** the zero point of x: the integer that stands for 0; 0 by default */
  readonly zero?: number;
}

interface DenseLayer extends DenseAttributes {
  /** outputs */
  readonly units: number;
  /** whether a bias is added; true by default */
  readonly bias?: boolean;
}

interface MatmulAttributes extends Named {
  /** the zero point of a: the integer that stands for 0; 0 by default */
  readonly zero_a?: number;
  /** the zero point of b: the integer that stands for 0; 0 by default */
  readonly zero_b?: number;
}

interface BatchNormAttributes extends Named {
  /** added to the variance; 0.001 by default */
  readonly epsilon?: number;
}

interface LayerNormAttributes extends Named {
  /** added to the variance; 0.00001 by default */
  readonly epsilon?: number;
}

interface GroupNormAttributes extends Named {
  /** number of groups of channels; it must divide the number of channels */
  readonly groups: number;
  /** added to the variance; 0.00001 by default */
  readonly epsilon?: number;
}

interface MaxPoolAttributes extends Named {
  /** height and width of the window */
  readonly kernel: number | readonly [number, number];
  /** distance between adjacent positions of the window; by default the size of the window; 0x0 by default */
  readonly stride?: number | readonly [number, number];
  /** distance between adjacent taps of the window; 1x1 by default */
  readonly dilation?: number | readonly [number, number];
  /** elements around the input; [0, 0, 0, 0] by default */
  readonly padding?: "same" | "valid" | number | readonly [number, number] | readonly [number, number, number, number];
}

interface AvgPoolAttributes extends Named {
  /** height and width of the window */
  readonly kernel: number | readonly [number, number];
  /** distance between adjacent positions of the window; by default the size of the window; 0x0 by default */
  readonly stride?: number | readonly [number, number];
  /** distance between adjacent taps of the window; 1x1 by default */
  readonly dilation?: number | readonly [number, number];
  /** elements around the input; [0, 0, 0, 0] by default */
  readonly padding?: "same" | "valid" | number | readonly [number, number] | readonly [number, number, number, number];
  /** whether padding counts as zeros; false by default */
  readonly count_include_pad?: boolean;
}

interface GlobalAvgPoolAttributes extends Named {
  /** whether reduced axes stay, with extent 1; false by default */
  readonly keepdims?: boolean;
}

interface GlobalMaxPoolAttributes extends Named {
  /** whether reduced axes stay, with extent 1; false by default */
  readonly keepdims?: boolean;
}

interface PadAttributes extends Named {
  /** elements before each axis */
  readonly before: readonly number[];
  /** elements after each axis */
  readonly after: readonly number[];
  /** which elements are added; constant by default */
  readonly mode?: "constant" | "reflect" | "edge";
  /** the constant; 0 by default */
  readonly value?: number;
}

interface ConcatAttributes extends Named {
  /** the axis, counted from the end if negative; -1 by default */
  readonly axis?: number;
}

interface SliceAttributes extends Named {
  /** first index per axis; counted from the end if negative */
  readonly begin: readonly number[];
  /** extents of the result */
  readonly size: readonly number[];
  /** distance between elements, per axis; 1 by default; [] by default */
  readonly stride?: readonly number[];
}

interface ReshapeAttributes extends Named {
  /** the new shape */
  readonly shape: readonly number[];
}

interface TransposeAttributes extends Named {
  /** a permutation of the axes */
  readonly perm: readonly number[];
}

interface ResizeAttributes extends Named {
  /** height and width of the result */
  readonly size: number | readonly [number, number];
  /** how to interpolate; nearest by default */
  readonly method?: "nearest" | "bilinear";
  /** how an element of the result maps to a place of x; half_pixel by default */
  readonly coordinates?: "half_pixel" | "asymmetric" | "align_corners";
  /** how `nearest` rounds a place; `auto` is `always_down` for `asymmetric` and `half_down` otherwise. TensorFlow uses `half_up`, ONNX has all of them; auto by default */
  readonly rounding?: "auto" | "half_down" | "half_up" | "always_down" | "always_up";
}

interface GatherAttributes extends Named {
  /** the axis of x, counted from the end if negative; 0 by default */
  readonly axis?: number;
  /** whether there are separate places for each element of the axes before; false by default */
  readonly batched?: boolean;
}

interface ScatterAttributes extends Named {
  /** the axis of x, counted from the end if negative; 0 by default */
  readonly axis?: number;
  /** how an update is combined with the element; replace by default */
  readonly reduction?: "replace" | "accumulate" | "multiply" | "maximum" | "minimum";
}

interface TopKAttributes extends Named {
  /** how many */
  readonly k: number;
  /** whether to select the largest elements, else the smallest; true by default */
  readonly largest?: boolean;
}

interface NonMaxSuppressionAttributes extends Named {
  /** largest number of boxes of a class */
  readonly limit: number;
  /** boxes that overlap an earlier one by more are removed; 0.5 by default */
  readonly overlap?: number;
  /** boxes with this score or less are removed; -inf by default */
  readonly score?: number;
  /** whether a box with exactly this overlap is removed too, as in TensorFlow.js; false by default */
  readonly at_equal?: boolean;
  /** whether boxes are given by their centre and size; false by default */
  readonly centered?: boolean;
}

interface SoftmaxAttributes extends Named {
  /** the axis, counted from the end if negative; -1 by default */
  readonly axis?: number;
}

interface ReduceSumAttributes extends Named {
  /** the axes to reduce, counted from the end if negative; an empty list means all axes; [] by default */
  readonly axes?: readonly number[];
  /** whether reduced axes stay, with extent 1; false by default */
  readonly keepdims?: boolean;
}

interface ReduceMeanAttributes extends Named {
  /** the axes to reduce, counted from the end if negative; an empty list means all axes; [] by default */
  readonly axes?: readonly number[];
  /** whether reduced axes stay, with extent 1; false by default */
  readonly keepdims?: boolean;
}

interface ReduceMaxAttributes extends Named {
  /** the axes to reduce, counted from the end if negative; an empty list means all axes; [] by default */
  readonly axes?: readonly number[];
  /** whether reduced axes stay, with extent 1; false by default */
  readonly keepdims?: boolean;
}

interface ReduceMinAttributes extends Named {
  /** the axes to reduce, counted from the end if negative; an empty list means all axes; [] by default */
  readonly axes?: readonly number[];
  /** whether reduced axes stay, with extent 1; false by default */
  readonly keepdims?: boolean;
}

interface ReduceProdAttributes extends Named {
  /** the axes to reduce, counted from the end if negative; an empty list means all axes; [] by default */
  readonly axes?: readonly number[];
  /** whether reduced axes stay, with extent 1; false by default */
  readonly keepdims?: boolean;
}

interface LeakyReluAttributes extends Named {
  /** slope below zero; 0.01 by default */
  readonly alpha?: number;
}

interface EluAttributes extends Named {
  /** value at −∞, negated; 1 by default */
  readonly alpha?: number;
}

interface HardSigmoidAttributes extends Named {
  /** slope; 0.16666666666666666 by default */
  readonly alpha?: number;
  /** value at zero; 0.5 by default */
  readonly beta?: number;
}

interface ClipAttributes extends Named {
  /** least value; -inf by default */
  readonly low?: number;
  /** greatest value; inf by default */
  readonly high?: number;
}

interface QuantizeAttributes extends Named {
  /** the zero point of the result: the integer that stands for 0; 0 by default */
  readonly zero?: number;
  /** least result; by default that of the type; -inf by default */
  readonly low?: number;
  /** greatest result; by default that of the type; inf by default */
  readonly high?: number;
  /** the type of the result */
  readonly type: "i8" | "u8" | "i16" | "i32";
}

interface DequantizeAttributes extends Named {
  /** the zero point of x: the integer that stands for 0; 0 by default */
  readonly zero?: number;
}

/** A method for each op; the value is the first operand. Attributes come last. */
export interface OpCalls {
  /**
   * 2-D convolution (cross-correlation, as in all frameworks) of an NHWC value. The result is [n, h', w', filters] with h' = ⌊(h + top + bottom − (kh − 1)·dilation − 1) / stride⌋ + 1. MACs: h' · w' · filters · kh · kw · c / groups.
   * @param w [kh, kw, c / groups, filters]
   * @param b [filters]
   */
  conv2d(
    ...rest:
      | [attributes: Conv2dLayer]
      | [w: Operand, attributes?: Conv2dAttributes]
      | [w: Operand, b: Operand, attributes?: Conv2dAttributes]
  ): Value;
  /**
   * Depthwise convolution: separate filters for every input channel. With depth multiplier m, output channel c·m + j is filter j of input channel c. MACs: h' · w' · c · m · kh · kw.
   * @param w [kh, kw, 1, c · multiplier]
   * @param b [c · multiplier]
   */
  depthwise_conv2d(
    ...rest:
      | [attributes: DepthwiseConv2dLayer]
      | [w: Operand, attributes?: DepthwiseConv2dAttributes]
      | [w: Operand, b: Operand, attributes?: DepthwiseConv2dAttributes]
  ): Value;
  /**
   * Transposed 2-D convolution: every element of x adds a multiple of the weights to the result, at distances of `stride`. The result is [n, h', w', filters] with h' = (h − 1) · stride + (kh − 1) · dilation + 1 − top − bottom + extra. MACs: h · w · filters · kh · kw · c / groups.
   * @param w [kh, kw, c / groups, filters]
   * @param b [filters]
   */
  conv2d_transpose(
    ...rest:
      | [attributes: Conv2dTransposeLayer]
      | [w: Operand, attributes?: Conv2dTransposeAttributes]
      | [w: Operand, b: Operand, attributes?: Conv2dTransposeAttributes]
  ): Value;
  /**
   * A fully connected layer over the last axis: [..., in] · [in, units] + [units]. MACs: in · units for each row of x.
   * @param w [in, units]
   * @param b [units]
   */
  dense(
    ...rest:
      | [attributes: DenseLayer]
      | [w: Operand, attributes?: DenseAttributes]
      | [w: Operand, b: Operand, attributes?: DenseAttributes]
  ): Value;
  /**
   * The product of the last two axes, [..., n, k] · [..., k, m]; the axes before them broadcast. MACs: n · k · m for each product.
   * @param b [..., k, m]
   */
  matmul(...rest: [b: Operand, attributes?: MatmulAttributes]): Value;
  /**
   * (x − mean) / √(variance + epsilon) · scale + offset, per channel (Ioffe and Szegedy 2015), with the statistics of training.
   * @param scale [c]
   * @param offset [c]
   * @param mean [c]
   * @param variance [c]
   */
  batch_norm(
    ...rest:
      | [attributes?: BatchNormAttributes]
      | [scale: Operand, offset: Operand, mean: Operand, variance: Operand, attributes?: BatchNormAttributes]
  ): Value;
  /**
   * (x − mean) / √(variance + epsilon) with the mean and variance over the last axis (Ba et al. 2016). Scale and offset are a `mul` and an `add` after it.
   */
  layer_norm(...rest: [attributes?: LayerNormAttributes]): Value;
  /**
   * (x − mean) / √(variance + epsilon) with the mean and variance of each sample over all axes except the first and over a group of adjacent channels (Wu and He 2018). With as many groups as channels it is instance normalization. Scale and offset are a `mul` and an `add` after it.
   */
  group_norm(...rest: [attributes: GroupNormAttributes]): Value;
  /**
   * The greatest value of each window, without padding. NaN if any value of the window is NaN.
   */
  max_pool(...rest: [attributes: MaxPoolAttributes]): Value;
  /**
   * The mean of each window. Padding does not count, except with `count_include_pad`.
   */
  avg_pool(...rest: [attributes: AvgPoolAttributes]): Value;
  /**
   * The mean over height and width. The result is [n, c], or [n, 1, 1, c] with `keepdims`.
   */
  global_avg_pool(...rest: [attributes?: GlobalAvgPoolAttributes]): Value;
  /**
   * The greatest value over height and width. The result is [n, c], or [n, 1, 1, c] with `keepdims`.
   */
  global_max_pool(...rest: [attributes?: GlobalMaxPoolAttributes]): Value;
  /**
   * Adds elements around x: a constant, the elements of x mirrored (without the edge), or its edge repeated.
   */
  pad(...rest: [attributes: PadAttributes]): Value;
  /**
   * Joins the operands along an axis, in order.
   */
  concat(
    ...rest:
      | [...xs: readonly Operand[], attributes: ConcatAttributes]
      | [...xs: readonly Operand[]]
  ): Value;
  /**
   * A part of x: from `begin`, `size` elements along each axis, every `stride`-th. A size of −1 takes all elements that follow.
   */
  slice(...rest: [attributes: SliceAttributes]): Value;
  /**
   * The same elements in reading order with another shape. One extent may be −1: it follows from the others.
   */
  reshape(...rest: [attributes: ReshapeAttributes]): Value;
  /**
   * Permutes the axes: axis i of the result is axis `perm[i]` of x.
   */
  transpose(...rest: [attributes: TransposeAttributes]): Value;
  /**
   * Resizes height and width. `half_pixel` maps (i + ½)·in/out − ½, `asymmetric` i·in/out, `align_corners` i·(in − 1)/(out − 1). `bilinear` interpolates between the four neighbours, clamped at the border.
   */
  resize(...rest: [attributes: ResizeAttributes]): Value;
  /**
   * The elements of x at computed places along an axis, as in an embedding. Without `batched`, the axes of places replace that axis. With it, places and x share the axes before it. A place is a whole number. Negative places count from the end. Places outside are clamped to the nearest element; NaN is the first one.
   * @param places any shape; with `batched` it begins with the axes of x before `axis`
   */
  gather(...rest: [places: Operand, attributes?: GatherAttributes]): Value;
  /**
   * x with updates at computed places along an axis: they replace its elements, or are combined with them by `reduction`. Updates are applied in order, so the last one of a place replaces the others. A place is a whole number. Negative places count from the end. Places outside are clamped to the nearest element; NaN is the first one.
   * @param places the axes of x before `axis`, then one axis of updates
   * @param updates the shape of places, then the axes of x after `axis`
   */
  scatter(...rest: [places: Operand, updates: Operand, attributes?: ScatterAttributes]): Value;
  /**
   * The places of the `k` largest (or smallest) elements of each vector along the last axis, in order; equal elements keep their order. NaN counts as −∞ if the largest are wanted, as ∞ if the smallest are. `gather(x, places, axis=-1, batched=true)` gives the elements.
   */
  top_k(...rest: [attributes: TopKAttributes]): Value;
  /**
   * The places of the boxes that remain after non-maximum suppression, in order, for each sample and class: boxes that overlap an earlier box are removed. The rest of the result is −1. The overlap of two boxes is the area of the intersection over that of the union. A place is a whole number. Negative places count from the end. Places outside are clamped to the nearest element; NaN is the first one.
   * @param scores [n, classes, boxes]
   * @param order [n, classes, m]: places of boxes in the order in which they are considered, as from `top_k`; each counts once
   */
  non_max_suppression(...rest: [scores: Operand, order: Operand, attributes: NonMaxSuppressionAttributes]): Value;
  /**
   * eˣ / Σ eˣ along an axis, computed with e^(x − max) so that nothing overflows.
   */
  softmax(...rest: [attributes?: SoftmaxAttributes]): Value;
  /**
   * The sum over the axes.
   */
  reduce_sum(...rest: [attributes?: ReduceSumAttributes]): Value;
  /**
   * The mean over the axes.
   */
  reduce_mean(...rest: [attributes?: ReduceMeanAttributes]): Value;
  /**
   * The greatest value over the axes.
   */
  reduce_max(...rest: [attributes?: ReduceMaxAttributes]): Value;
  /**
   * The least value over the axes.
   */
  reduce_min(...rest: [attributes?: ReduceMinAttributes]): Value;
  /**
   * The product over the axes.
   */
  reduce_prod(...rest: [attributes?: ReduceProdAttributes]): Value;
  /**
   * max(x, 0) (Nair and Hinton 2010).
   */
  relu(...rest: [attributes?: Named]): Value;
  /**
   * min(max(x, 0), 6) (Howard et al. 2017).
   */
  relu6(...rest: [attributes?: Named]): Value;
  /**
   * x where x ≥ 0, else alpha · x (Maas et al. 2013).
   */
  leaky_relu(...rest: [attributes?: LeakyReluAttributes]): Value;
  /**
   * x where x > 0, else alpha · (eˣ − 1) (Clevert et al. 2015).
   */
  elu(...rest: [attributes?: EluAttributes]): Value;
  /**
   * 1 / (1 + e⁻ˣ).
   */
  sigmoid(...rest: [attributes?: Named]): Value;
  /**
   * x · sigmoid(x) (Elfwing et al. 2017; Ramachandran et al. 2017, swish).
   */
  silu(...rest: [attributes?: Named]): Value;
  /**
   * clip(alpha · x + beta, 0, 1); the defaults are those of MobileNetV3 and PyTorch.
   */
  hard_sigmoid(...rest: [attributes?: HardSigmoidAttributes]): Value;
  /**
   * x · clip(x + 3, 0, 6) / 6 (Howard et al. 2019, MobileNetV3).
   */
  hard_swish(...rest: [attributes?: Named]): Value;
  /**
   * Hyperbolic tangent.
   */
  tanh(...rest: [attributes?: Named]): Value;
  /**
   * x · Φ(x) with the exact normal distribution function (Hendrycks and Gimpel 2016).
   */
  gelu(...rest: [attributes?: Named]): Value;
  /**
   * log(1 + eˣ), written max(x, 0) + log(1 + e^−|x|) so that large x do not overflow.
   */
  softplus(...rest: [attributes?: Named]): Value;
  /**
   * x · tanh(softplus(x)) (Misra 2019), with tanh(log(1 + eˣ)) = (u − 1) / (u + 1) for u = (1 + eˣ)².
   */
  mish(...rest: [attributes?: Named]): Value;
  /**
   * min(max(x, low), high).
   */
  clip(...rest: [attributes?: ClipAttributes]): Value;
  /**
   * eˣ.
   */
  exp(...rest: [attributes?: Named]): Value;
  /**
   * Natural logarithm; NaN below zero.
   */
  log(...rest: [attributes?: Named]): Value;
  /**
   * Square root; NaN below zero.
   */
  sqrt(...rest: [attributes?: Named]): Value;
  /**
   * 1 / √x.
   */
  rsqrt(...rest: [attributes?: Named]): Value;
  /**
   * x².
   */
  square(...rest: [attributes?: Named]): Value;
  /**
   * 1 / x.
   */
  reciprocal(...rest: [attributes?: Named]): Value;
  /**
   * |x|.
   */
  abs(...rest: [attributes?: Named]): Value;
  /**
   * −x.
   */
  neg(...rest: [attributes?: Named]): Value;
  /**
   * The greatest integer ≤ x.
   */
  floor(...rest: [attributes?: Named]): Value;
  /**
   * The least integer ≥ x.
   */
  ceil(...rest: [attributes?: Named]): Value;
  /**
   * The nearest integer, ties to even.
   */
  round(...rest: [attributes?: Named]): Value;
  /**
   * The error function.
   */
  erf(...rest: [attributes?: Named]): Value;
  /**
   * Sine, of radians.
   */
  sin(...rest: [attributes?: Named]): Value;
  /**
   * Cosine, of radians.
   */
  cos(...rest: [attributes?: Named]): Value;
  /**
   * Arc tangent, in radians.
   */
  atan(...rest: [attributes?: Named]): Value;
  /**
   * Hyperbolic sine.
   */
  sinh(...rest: [attributes?: Named]): Value;
  /**
   * Hyperbolic cosine.
   */
  cosh(...rest: [attributes?: Named]): Value;
  /**
   * Inverse hyperbolic sine.
   */
  asinh(...rest: [attributes?: Named]): Value;
  /**
   * Inverse hyperbolic cosine; NaN below 1.
   */
  acosh(...rest: [attributes?: Named]): Value;
  /**
   * Inverse hyperbolic tangent; NaN beyond ±1.
   */
  atanh(...rest: [attributes?: Named]): Value;
  /**
   * 1 above zero, −1 below zero; 0 and NaN do not change.
   */
  sign(...rest: [attributes?: Named]): Value;
  /**
   * x.
   */
  identity(...rest: [attributes?: Named]): Value;
  /**
   * a + b; also written `a + b`.
   * @param b a shape that broadcasts with a
   */
  add(...rest: [b: Operand, attributes?: Named]): Value;
  /**
   * a − b; also written `a - b`.
   * @param b a shape that broadcasts with a
   */
  sub(...rest: [b: Operand, attributes?: Named]): Value;
  /**
   * a · b; also written `a * b`.
   * @param b a shape that broadcasts with a
   */
  mul(...rest: [b: Operand, attributes?: Named]): Value;
  /**
   * a / b; also written `a / b`.
   * @param b a shape that broadcasts with a
   */
  div(...rest: [b: Operand, attributes?: Named]): Value;
  /**
   * The smaller; NaN if either is.
   * @param b a shape that broadcasts with a
   */
  min(...rest: [b: Operand, attributes?: Named]): Value;
  /**
   * The larger; NaN if either is.
   * @param b a shape that broadcasts with a
   */
  max(...rest: [b: Operand, attributes?: Named]): Value;
  /**
   * aᵇ; NaN where b is infinite and a is 1 or −1, as in JavaScript.
   * @param b a shape that broadcasts with a
   */
  pow(...rest: [b: Operand, attributes?: Named]): Value;
  /**
   * The angle of the point at height a and distance b, in (−π, π], in radians; zeros have signs, as in IEEE 754.
   * @param b a shape that broadcasts with a
   */
  atan2(...rest: [b: Operand, attributes?: Named]): Value;
  /**
   * 1 where a = b, else 0.
   * @param b a shape that broadcasts with a
   */
  equal(...rest: [b: Operand, attributes?: Named]): Value;
  /**
   * 1 where a < b, else 0.
   * @param b a shape that broadcasts with a
   */
  less(...rest: [b: Operand, attributes?: Named]): Value;
  /**
   * 1 where a ≤ b, else 0.
   * @param b a shape that broadcasts with a
   */
  less_equal(...rest: [b: Operand, attributes?: Named]): Value;
  /**
   * b where condition is 0, else a.
   * @param a a shape that broadcasts with condition
   * @param b a shape that broadcasts with both
   */
  where(...rest: [a: Operand, b: Operand, attributes?: Named]): Value;
  /**
   * x where x ≥ 0, else alpha · x, with alpha a parameter per channel (He et al. 2015).
   * @param alpha [c], or a shape that broadcasts to x
   */
  prelu(
    ...rest:
      | [attributes?: Named]
      | [alpha: Operand, attributes?: Named]
  ): Value;
  /**
   * The nearest integer of a type: clip(round(x / scale) + zero, low, high), with ties to even. The operand and the quotient are rounded to f32. NaN gives the least.
   * @param scale the step between adjacent integers, positive: a scalar, [c], or another shape that broadcasts to x
   */
  quantize(...rest: [scale: Operand, attributes: QuantizeAttributes]): Value;
  /**
   * The real numbers for which integers stand: (x − zero) · scale. The difference and the product are rounded to f32.
   * @param scale the step between adjacent integers, positive: a scalar, [c], or another shape that broadcasts to x
   */
  dequantize(...rest: [scale: Operand, attributes?: DequantizeAttributes]): Value;
}
