// Dilated convolutions as older TensorFlow writes them: `SpaceToBatchND` puts every b-th pixel into a separate image, a convolution runs
// over these images, and `BatchToSpaceND` joins them again. Here the image stays whole, and the convolution is dilated instead.

import type { Lowering } from "#import/lowering.js";
import { numbersOf, valueOf } from "#import/lowering.js";
import { sliced } from "#import/operators/parts.js";
import { refuse, unsupported } from "#import/refusal.js";
import type { Value } from "#import/value.js";
import { isChannelsFirst, spatial } from "./operator.js";
import type { GraphNode } from "./operator.js";

/** The operators between the two. They are lowered at the second one, which says how much is cropped. */
interface Chain {
  readonly x: Value;
  /** [top, bottom, left, right]. */
  readonly padding: readonly number[];
  /** Height and width of the blocks. */
  readonly block: readonly [number, number];
  /** Whether none of the operators pads. Then rows cropped from the result can be left out of the padding instead. */
  readonly isValid: boolean;
  readonly steps: readonly ((image: Value) => Value)[];
}

/** Images between the two operators. The key is a unique object for each image; its chain computes it. */
export type Blocked = Map<Value, Chain>;

/** The operators that begin and end such a chain. */
export const blockOperators: ReadonlySet<string> = new Set(["SpaceToBatchND", "BatchToSpaceND"]);

/** Operators that may be between the two. They treat all pixels alike, or are windows that can be dilated. */
const windows: ReadonlySet<string> = new Set([
  "Conv2D",
  "_FusedConv2D",
  "DepthwiseConv2d",
  "DepthwiseConv2dNative",
  "FusedDepthwiseConv2dNative",
]);
const pointwise: ReadonlySet<string> = new Set([
  "BiasAdd",
  "FusedBatchNorm",
  "FusedBatchNormV2",
  "FusedBatchNormV3",
  "Identity",
  "Relu",
  "Relu6",
  "LeakyRelu",
  "Elu",
  "Sigmoid",
  "Tanh",
]);

/** Lowers a node, which may begin or end such a chain or be inside it; `lower` does the usual lowering under the node's name. */
export function withBlocks(
  ctx: Lowering,
  node: GraphNode,
  blocked: Blocked,
  lower: (node: GraphNode) => Value | readonly Value[],
): Value | readonly Value[] {
  const note = (chain: Chain): Value => {
    const mark: Value = { ...chain.x };
    blocked.set(mark, chain);
    return mark;
  };
  if (node.op === "SpaceToBatchND") return note(spaceToBatch(node));
  const [x] = node.inputs;
  const chain = x && blocked.get(x);
  if (node.op === "BatchToSpaceND") {
    if (!chain) unsupported("BatchToSpaceND without a SpaceToBatchND before it");
    return batchToSpace(ctx, node, chain);
  }
  const others = node.inputs.slice(chain ? 1 : 0);
  const isKnown = windows.has(node.op) || pointwise.has(node.op);
  if ((chain && !isKnown) || others.some((input) => blocked.has(input)))
    unsupported(`${node.op} between SpaceToBatchND and BatchToSpaceND`);
  if (!chain) return lower(node);
  const own = windows.has(node.op) ? dilated(node, chain.block) : node;
  const step = (image: Value): Value => {
    const inputs = [image, ...others];
    const input = (at: number): Value => inputs[at] ?? node.input(at);
    const [value = image] = [lower({ ...own, inputs, input })].flat();
    return value;
  };
  const isValid = chain.isValid && (pointwise.has(node.op) || node.text("padding", "VALID") === "VALID");
  return note({ ...chain, isValid, steps: [...chain.steps, step] });
}

function spaceToBatch(node: GraphNode): Chain {
  const x = node.input(0);
  const block = blockOf(node);
  const padding = amountsOf(node, "paddings");
  const [top = 0, bottom = 0, left = 0, right = 0] = padding;
  const [, h = 1, w = 1] = x.shape;
  if ((h + top + bottom) % block[0] !== 0 || (w + left + right) % block[1] !== 0)
    refuse(
      "shape-mismatch",
      `${h + top + bottom}x${w + left + right} is not a multiple of ${block.join("x")}`,
    );
  return { x, padding, block, isValid: true, steps: [] };
}

/**
 * The whole image: padded, passed through all operators, and cropped. If it makes no difference, the crop is subtracted from the padding
 * instead.
 */
function batchToSpace(ctx: Lowering, node: GraphNode, { x, padding, block, isValid, steps }: Chain): Value {
  const own = blockOf(node);
  if (own[0] !== block[0] || own[1] !== block[1])
    unsupported(
      `BatchToSpaceND with blocks of ${own.join("x")} after SpaceToBatchND with ${block.join("x")}`,
    );
  const crops = amountsOf(node, "crops");
  const spared = crops.map((crop, at) => (isValid ? Math.min(crop, padding[at] ?? 0) : 0));
  const [top = 0, bottom = 0, left = 0, right = 0] = padding.map((amount, at) => amount - (spared[at] ?? 0));
  let image = x;
  if (top + bottom + left + right > 0) {
    const ref = ctx.build.emit("pad", [ctx.build.arranged(x)], {
      before: [0, top, left, 0],
      after: [0, bottom, right, 0],
    });
    image = valueOf(ref, x.type);
  }
  for (const step of steps) image = step(image);
  const [above = 0, below = 0, before = 0, after = 0] = crops.map((crop, at) => crop - (spared[at] ?? 0));
  const [, h = 1, w = 1] = image.shape;
  if (above + below >= h || before + after >= w)
    refuse("shape-mismatch", `the crops of ${node.op} leave nothing of ${h}x${w}`);
  return sliced(ctx, sliced(ctx, image, 1, above, h - above - below), 2, before, w - before - after);
}

function blockOf(node: GraphNode): readonly [number, number] {
  const numbers = numbersOf(node.input(1), `the blocks of ${node.op}`);
  const [height = 0, width = 0] = numbers;
  if (node.input(0).shape.length !== 4 || numbers.length !== 2)
    unsupported(`${node.op} of [${node.input(0).shape.join(", ")}]`, "images with four axes are supported");
  if (!numbers.every((size) => Number.isInteger(size) && size >= 1))
    refuse("bad-model", `the blocks of ${node.op} cannot be [${numbers.join(", ")}]`);
  return [height, width];
}

/** [top, bottom, left, right]. */
function amountsOf(node: GraphNode, what: string): readonly number[] {
  const numbers = numbersOf(node.input(2), `the ${what} of ${node.op}`);
  if (numbers.length !== 4 || !numbers.every((one) => Number.isInteger(one) && one >= 0))
    refuse("bad-model", `the ${what} of ${node.op} cannot be [${numbers.join(", ")}]`);
  return numbers;
}

/**
 * The node with its window dilated by the blocks. Padding of each separate image becomes padding of the whole image, scaled by the blocks.
 */
function dilated(node: GraphNode, block: readonly [number, number]): GraphNode {
  if (isChannelsFirst(node)) unsupported(`${node.op} with channels first after SpaceToBatchND`);
  if (spatial(node, "strides").some((stride) => stride !== 1))
    unsupported(`${node.op} with a stride after SpaceToBatchND`);
  const own = spatial(node, "dilations");
  const dilation = block.map((size, axis) => size * (own[axis] ?? 1));
  const [kh = 1, kw = 1] = node.input(1).shape;
  const padding = node.text("padding", "VALID");
  const around = [kh, kw].flatMap((extent, axis) => {
    const total = padding === "SAME" ? (extent - 1) * (own[axis] ?? 1) : 0;
    return [Math.floor(total / 2), Math.ceil(total / 2)].map((amount) => amount * (block[axis] ?? 1));
  });
  if (padding !== "SAME" && padding !== "VALID")
    unsupported(`${node.op} with explicit padding after SpaceToBatchND`);
  return {
    ...node,
    text: (name, otherwise) => (name === "padding" ? "EXPLICIT" : node.text(name, otherwise)),
    ints: (name) =>
      name === "dilations"
        ? [1, ...dilation, 1]
        : name === "explicit_paddings"
          ? [0, 0, ...around, 0, 0]
          : node.ints(name),
  };
}
