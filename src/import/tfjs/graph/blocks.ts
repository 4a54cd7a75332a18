// Dilated convolutions as older TensorFlow writes them: `SpaceToBatchND` lays every b-th pixel into an image of its own, a convolution
// runs over these, and `BatchToSpaceND` puts them together again. Here the image stays whole, and what lies between is dilated.

import type { Lowering } from "#import/lowering.js";
import { numbersOf } from "#import/lowering.js";
import { sliced } from "#import/parts.js";
import { refuse, unsupported } from "#import/refusal.js";
import type { Value } from "#import/value.js";
import { isChannelsFirst, spatial } from "./operator.js";
import type { GraphNode } from "./operator.js";

/** Images between the two operators, with the height and width of their blocks. They are whole, and channels last. */
export type Blocked = Map<Value, readonly [number, number]>;

/** The ends of such a group. */
export const blockOperators: ReadonlySet<string> = new Set(["SpaceToBatchND", "BatchToSpaceND"]);

/** Operators that are known between the two; they treat all pixels alike, or are windows that can be dilated. */
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

/** Lowers a node, which may stand at the ends of such a group or within it; `lower` does what is usual. */
export function withBlocks(
  ctx: Lowering,
  node: GraphNode,
  blocked: Blocked,
  lower: (node: GraphNode) => Value | readonly Value[],
): Value | readonly Value[] {
  if (node.op === "SpaceToBatchND") {
    const { value, block } = spaceToBatch(ctx, node);
    blocked.set(value, block);
    return value;
  }
  const [x] = node.inputs;
  const block = x && blocked.get(x);
  if (node.op === "BatchToSpaceND") {
    if (!block) unsupported("BatchToSpaceND without a SpaceToBatchND before it");
    return batchToSpace(ctx, node, block);
  }
  if (!node.inputs.some((input) => blocked.has(input))) return lower(node);
  if (!block || !(windows.has(node.op) || pointwise.has(node.op)))
    unsupported(`${node.op} between SpaceToBatchND and BatchToSpaceND`);
  const result = lower(windows.has(node.op) ? dilated(node, block) : node);
  for (const value of [result].flat()) blocked.set(value, block);
  return result;
}

/** The padded image, as an object of its own. */
function spaceToBatch(ctx: Lowering, node: GraphNode): { value: Value; block: readonly [number, number] } {
  const x = node.input(0);
  const block = blockOf(node);
  const [top = 0, bottom = 0, left = 0, right = 0] = amountsOf(node, "paddings");
  const [, h = 1, w = 1] = x.shape;
  if ((h + top + bottom) % block[0] !== 0 || (w + left + right) % block[1] !== 0)
    refuse("shape-mismatch", `${h + top + bottom}x${w + left + right} is no multiple of ${block.join("x")}`);
  if (top + bottom + left + right === 0) return { value: { ...x }, block };
  const ref = ctx.build.emit("pad", [ctx.build.arranged(x)], {
    before: [0, top, left, 0],
    after: [0, bottom, right, 0],
  });
  return { value: { type: x.type, shape: ref.shape, ref, order: [0, 1, 2, 3] }, block };
}

function batchToSpace(ctx: Lowering, node: GraphNode, block: readonly [number, number]): Value {
  const x = node.input(0);
  const own = blockOf(node);
  if (own[0] !== block[0] || own[1] !== block[1])
    unsupported(
      `BatchToSpaceND with blocks of ${own.join("x")} after SpaceToBatchND with ${block.join("x")}`,
    );
  const [top = 0, bottom = 0, left = 0, right = 0] = amountsOf(node, "crops");
  const [, h = 1, w = 1] = x.shape;
  if (top + bottom >= h || left + right >= w)
    refuse("shape-mismatch", `crops that leave nothing of ${h}x${w}`);
  const rows = sliced(ctx, x, 1, top, h - top - bottom);
  // A new object: the image itself may still lie in blocks for others.
  return { ...sliced(ctx, rows, 2, left, w - left - right) };
}

function blockOf(node: GraphNode): readonly [number, number] {
  const numbers = numbersOf(node.input(1), `the blocks of ${node.op}`);
  const [height = 0, width = 0] = numbers;
  if (node.input(0).shape.length !== 4 || numbers.length !== 2)
    unsupported(`${node.op} of [${node.input(0).shape.join(", ")}]`, "images of four axes are known");
  if (!numbers.every((size) => Number.isInteger(size) && size >= 1))
    refuse("bad-model", `blocks of [${numbers.join(", ")}]`);
  return [height, width];
}

/** [top, bottom, left, right]. */
function amountsOf(node: GraphNode, what: string): readonly number[] {
  const numbers = numbersOf(node.input(2), `the ${what} of ${node.op}`);
  if (numbers.length !== 4 || !numbers.every((one) => Number.isInteger(one) && one >= 0))
    refuse("bad-model", `${what} of [${numbers.join(", ")}]`);
  return numbers;
}

/** The node with its window stretched by the blocks. Padding at the border of each image is that of the whole one, stretched too. */
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
