// The rows of a convolution: patches of its input at chosen output positions, and its responses there.

import { bug } from "#diagnostic/diagnostic.js";
import type { Graph, Node } from "#ir/graph.js";
import { operands } from "#ir/graph.js";
import type { Shape } from "#ir/type.js";
import { channels } from "#ir/type.js";
import type { Padding, Size } from "#ops/attributes.js";
import { seededRandom } from "#ops/random.js";
import { explicitPadding, spatial } from "#ops/window.js";

/** The sizes of a convolution that determine its patches; the batch is 1. */
export interface ConvolutionShape {
  /** [1, h, w, c] of the input and [1, h', w', filters] of the result. */
  readonly input: Shape;
  readonly output: Shape;
  readonly kernel: Size;
  readonly stride: Size;
  readonly dilation: Size;
  /** Zeros at the top, bottom, left and right. */
  readonly padding: Padding;
  /** For a depthwise convolution, its channels. */
  readonly groups: number;
}

/** The shape of a convolution (`conv2d` or `depthwise_conv2d`); throws `InternalError` if the node is another op. */
export function convolutionShape(graph: Graph, node: Node): ConvolutionShape {
  const [x, w] = operands(graph, node);
  if (!x || !w || (node.op !== "conv2d" && node.op !== "depthwise_conv2d"))
    return bug(`${node.name} is not a convolution`);
  const { attributes } = node;
  const kernel: Size = [w.type.shape[0] ?? 1, w.type.shape[1] ?? 1];
  return {
    input: x.type.shape,
    output: node.type.shape,
    kernel,
    stride: attributes.stride,
    dilation: attributes.dilation,
    padding: explicitPadding(spatial(x.type.shape), kernel, attributes),
    groups: node.op === "conv2d" ? node.attributes.groups : channels(x.type.shape),
  };
}

/** Elements of a patch of one group: kh · kw · c / groups. */
export function patchLength({ input, kernel, groups }: ConvolutionShape): number {
  return kernel[0] * kernel[1] * (channels(input) / groups);
}

/** Output positions of a sample: h' · w'. */
export function positionCount({ output }: ConvolutionShape): number {
  const [height, width] = spatial(output);
  return height * width;
}

/** Options of rows. */
export interface RowOptions {
  /** The group of a convolution with groups, 0 by default. */
  readonly group?: number;
  /** The array to write the rows to, if it is long enough; a new array by default. */
  readonly into?: Float32Array;
}

/**
 * The patches of one sample's input x at output positions y'·w' + x': [positions, kh·kw·c/groups]. Taps are outer and channels inner, as in
 * the weights [kh, kw, c/groups, filters]. So the weights are a matrix [kh·kw·c/groups, filters] without being moved. Taps outside the
 * image give zeros.
 */
export function patchRows(
  x: Float32Array,
  shape: ConvolutionShape,
  positions: ArrayLike<number>,
  { group = 0, into }: RowOptions = {},
): Float32Array {
  const { kernel, stride, dilation, padding } = shape;
  const [height, width] = spatial(shape.input);
  const [, columns] = spatial(shape.output);
  const all = channels(shape.input);
  const some = all / shape.groups;
  const length = patchLength(shape);
  const rows = roomFor(positions.length * length, into);
  for (let at = 0; at < positions.length; at += 1) {
    const position = positions[at] ?? 0;
    const top = Math.floor(position / columns) * stride[0] - padding[0];
    const left = (position % columns) * stride[1] - padding[2];
    let to = at * length;
    for (let i = 0; i < kernel[0]; i += 1) {
      const row = top + i * dilation[0];
      for (let j = 0; j < kernel[1]; j += 1) {
        const column = left + j * dilation[1];
        const from = (row * width + column) * all + group * some;
        if (row < 0 || row >= height || column < 0 || column >= width) rows.fill(0, to, to + some);
        else for (let c = 0; c < some; c += 1) rows[to + c] = x[from + c] ?? 0;
        to += some;
      }
    }
  }
  return rows;
}

/** The responses of one sample's result y at the same positions, for one group: [positions, filters/groups]. */
export function responseRows(
  y: Float32Array,
  shape: ConvolutionShape,
  positions: ArrayLike<number>,
  { group = 0, into }: RowOptions = {},
): Float32Array {
  const all = channels(shape.output);
  const some = all / shape.groups;
  const rows = roomFor(positions.length * some, into);
  for (let at = 0; at < positions.length; at += 1) {
    const from = (positions[at] ?? 0) * all + group * some;
    for (let c = 0; c < some; c += 1) rows[at * some + c] = y[from + c] ?? 0;
  }
  return rows;
}

function roomFor(length: number, into: Float32Array | undefined): Float32Array {
  return into && into.length >= length ? into.subarray(0, length) : new Float32Array(length);
}

export interface PositionChoice {
  /** The number of samples, and of positions of each (`positionCount`). */
  readonly samples: number;
  readonly positions: number;
  /** The most positions of all samples together. */
  readonly most: number;
  readonly seed: number;
}

/**
 * The positions to use of a sample, in ascending order, each once: all if `most` allows it, else an even share for each sample (one more or
 * less), drawn uniformly. The result depends only on the options and the sample.
 */
export function choosePositions(
  { samples, positions, most, seed }: PositionChoice,
  sample: number,
): Int32Array {
  if (samples * positions <= most) return Int32Array.from({ length: positions }, (_, at) => at);
  const count = Math.floor(((sample + 1) * most) / samples) - Math.floor((sample * most) / samples);
  const random = seededRandom(Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(sample + 1, 0x85ebca6b));
  // Floyd's algorithm for samples without repetition (Bentley 1987), which takes one step for each chosen position.
  const chosen = new Set<number>();
  for (let last = positions - count; last < positions; last += 1) {
    const one = random.int(0, last);
    chosen.add(chosen.has(one) ? last : one);
  }
  return Int32Array.from(chosen).toSorted();
}
