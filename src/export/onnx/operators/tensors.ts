// Products, normalizations, reductions, and ops that move values. Numbers of axes mean the order in which the value is stored.

import type { NodeOf } from "#ir/graph.js";
import {
  channelsFirst,
  commonOrder,
  natural,
  permuted,
  places,
  sameOrder,
  withoutAxes,
} from "#ir/axis-order.js";
import type { OnnxBuilder } from "../builder.js";
import type { OnnxValue } from "../onnx-value.js";
import type { ExportTable } from "./operator.js";
import { fromFront, operand } from "./operator.js";
import { bias } from "./windows.js";

type Reductions = "reduce_sum" | "reduce_mean" | "reduce_max" | "reduce_min" | "reduce_prod";

type Tensors =
  | Reductions
  | "dense"
  | "matmul"
  | "batch_norm"
  | "layer_norm"
  | "group_norm"
  | "softmax"
  | "pad"
  | "concat"
  | "slice"
  | "reshape"
  | "transpose";

/** The names of operands in an order. Each is repeated for the samples of the others, because `Concat` does not broadcast. */
function perSample(
  inputs: readonly OnnxValue[],
  names: readonly string[],
  order: readonly number[],
  build: OnnxBuilder,
): readonly string[] {
  const first = inputs.findIndex(({ batched }) => batched);
  const model = names[first];
  if (model === undefined) return names;
  let count: string | undefined;
  return inputs.map(({ shape, batched }, at) => {
    const name = names[at] ?? model;
    if (batched) return name;
    count ??= build.step("Shape", [model], { start: 0, end: 1 });
    const rest = build.ints(permuted(shape, order).slice(1), "rest");
    return build.step("Expand", [name, build.step("Concat", [count, rest], { axis: 0 })]);
  });
}

export const tensorExports: ExportTable<Tensors> = {
  dense: (_, inputs, build) => {
    const [x, w] = [operand(inputs, 0), operand(inputs, 1)];
    const rank = x.shape.length;
    if (rank === 2) return build.result("Gemm", [build.name(x), build.name(w), ...bias(inputs, build)]);
    if (rank === 4 && sameOrder(x.order, channelsFirst(4))) {
      // Over images it is a 1×1 convolution, for which nothing has to move.
      const kernel = build.name(build.reshaped(w, [1, 1, ...w.shape]), [3, 2, 0, 1]);
      return build.result("Conv", [build.name(x, x.order), kernel, ...bias(inputs, build)], {}, x.order);
    }
    const factors = [build.name(x), build.name(w)];
    const [b] = bias(inputs, build);
    return b === undefined
      ? build.result("MatMul", factors)
      : build.result("Add", [build.step("MatMul", factors), b]);
  },
  matmul: (_, inputs, build) =>
    build.result(
      "MatMul",
      inputs.map((value) => build.name(value)),
    ),
  batch_norm: ({ attributes, type }, inputs, build) => {
    const [x, ...rest] = [operand(inputs, 0), ...inputs.slice(1)];
    const statistics = rest.map((value) => build.name(value));
    const epsilon = { epsilon: { float: attributes.epsilon } };
    const rank = x.shape.length;
    if (rank > 1) {
      const order = channelsFirst(rank);
      return build.result("BatchNormalization", [build.name(x, order), ...statistics], epsilon, order);
    }
    const row = build.name(build.reshaped(x, [1, ...x.shape]));
    const normal = build.step("BatchNormalization", [row, ...statistics], epsilon);
    return build.result("Reshape", [normal, build.ints(type.shape, "shape")]);
  },
  layer_norm: ({ attributes }, inputs, build) => {
    const x = operand(inputs, 0);
    const depth = x.shape.at(-1) ?? 1;
    const scale = build.numbers(new Float32Array(depth).fill(1), [depth], "scale");
    const epsilon = { epsilon: { float: attributes.epsilon } };
    return build.result("LayerNormalization", [build.name(x), scale], { axis: -1, ...epsilon });
  },
  group_norm: ({ attributes: { groups, epsilon }, type }, inputs, build) => {
    // InstanceNormalization over rows of whole groups, because GroupNormalization differs from opset to opset.
    const x = operand(inputs, 0);
    const rank = x.shape.length;
    const order = [0, rank - 1, ...natural(rank - 2).map((axis) => axis + 1)];
    const image = build.name(x, order);
    const rows = build.step("Reshape", [image, build.ints([0, groups, -1], "groups")]);
    const plain = (value: number, what: string): string =>
      build.numbers(new Float32Array(groups).fill(value), [groups], what);
    const operands = [rows, plain(1, "scale"), plain(0, "offset")];
    const normal = build.step("InstanceNormalization", operands, { epsilon: { float: epsilon } });
    const shape = build.ints([0, ...permuted(type.shape, order).slice(1)], "shape");
    return build.result("Reshape", [normal, shape], {}, order);
  },
  softmax: ({ attributes }, inputs, build) => {
    const x = operand(inputs, 0);
    const axis = places(x.order)[fromFront(attributes.axis, x.shape.length)] ?? 0;
    return build.result("Softmax", [build.name(x, x.order)], { axis }, x.order);
  },
  reduce_sum: reduction("ReduceSum"),
  reduce_mean: reduction("ReduceMean"),
  reduce_max: reduction("ReduceMax"),
  reduce_min: reduction("ReduceMin"),
  reduce_prod: reduction("ReduceProd"),
  pad: ({ attributes: { before, after, mode, value } }, inputs, build) => {
    const x = operand(inputs, 0);
    const from = build.name(x, x.order);
    if (x.shape.length === 0) return build.result("Identity", [from]);
    const pads = build.ints([...permuted(before, x.order), ...permuted(after, x.order)], "pads");
    const constant = mode === "constant" && value !== 0 ? [build.number(value, "value", x.element)] : [];
    return build.result("Pad", [from, pads, ...constant], { mode }, x.order);
  },
  concat: ({ attributes, type }, inputs, build) => {
    const rank = type.shape.length;
    const order = commonOrder(
      inputs.filter(({ from }) => from.kind === "made"),
      rank,
    );
    const axis = places(order)[fromFront(attributes.axis, rank)] ?? 0;
    const names = inputs.map((value) => build.name(value, order));
    return build.result("Concat", perSample(inputs, names, order, build), { axis }, order);
  },
  slice: ({ attributes: { begin, size, stride } }, inputs, build) => {
    const x = operand(inputs, 0);
    const from = build.name(x, x.order);
    const cut = natural(x.shape.length).filter(
      (axis) => size[axis] !== x.shape[axis] || (begin[axis] ?? 0) !== 0,
    );
    if (cut.length === 0) return build.result("Identity", [from], {}, x.order);
    const step = (axis: number): number => stride[axis] ?? 1;
    const first = (axis: number): number => begin[axis] ?? 0;
    const ends = cut.map((axis) => first(axis) + ((size[axis] ?? 1) - 1) * step(axis) + 1);
    const place = places(x.order);
    return build.result(
      "Slice",
      [
        from,
        build.ints(cut.map(first), "starts"),
        build.ints(ends, "ends"),
        build.ints(
          cut.map((axis) => place[axis] ?? 0),
          "axes",
        ),
        ...(cut.every((axis) => step(axis) === 1) ? [] : [build.ints(cut.map(step), "steps")]),
      ],
      {},
      x.order,
    );
  },
  reshape: ({ type }, inputs, build) => build.reshaped(operand(inputs, 0), type.shape, true),
  // No element moves: from here on the axes have other numbers.
  transpose: ({ attributes: { perm } }, inputs, build) => {
    const x = operand(inputs, 0);
    if (x.from.kind === "weight") return build.result("Transpose", [build.name(x)], { perm });
    return build.view(
      x,
      x.order.map((axis) => perm.indexOf(axis)),
    );
  },
};

function reduction(
  op: string,
): (node: NodeOf<Reductions>, inputs: readonly OnnxValue[], build: OnnxBuilder) => OnnxValue {
  return ({ attributes: { axes, keepdims } }, inputs, build) => {
    const x = operand(inputs, 0);
    const rank = x.shape.length;
    const from = build.name(x, x.order);
    if (rank === 0) return build.result("Identity", [from]);
    const reduced = axes.length === 0 ? natural(rank) : axes.map((axis) => fromFront(axis, rank));
    const place = places(x.order);
    const lying = reduced.map((axis) => place[axis] ?? 0).toSorted((a, b) => a - b);
    return build.result(
      op,
      [from, build.ints(lying, "axes")],
      { keepdims: keepdims ? 1 : 0 },
      keepdims ? x.order : withoutAxes(x.order, reduced),
    );
  };
}
