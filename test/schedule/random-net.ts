// Draws random nets as text: residuals, branches that share values, concats, slices, reshapes, chains of elementwise ops.

import type { Random } from "#ops/random.js";

interface Value {
  readonly name: string;
  readonly height: number;
  readonly width: number;
  readonly depth: number;
}

/** A net of a few dozen ops over images; the same draws give the same text. */
export function randomNet(random: Random): string {
  const lines: string[] = [];
  const values: Value[] = [];
  const add = (text: string, height: number, width: number, depth: number): Value => {
    const value = { name: `v${values.length}`, height, width, depth };
    lines.push(`  ${value.name} = ${text}`);
    values.push(value);
    return value;
  };
  const inputs = random.int(1, 2);
  for (let at = 0; at < inputs; at += 1) {
    const [height, width, depth] = [random.int(4, 7), random.int(4, 7), random.int(1, 6)];
    lines.push(`  input x${at}: f32[1, ${height}, ${width}, ${depth}]`);
    values.push({ name: `x${at}`, height, width, depth });
  }
  // Mostly the latest value, which gives chains; sometimes any value, which gives branches.
  const pick = (): Value => (random.next() < 0.7 ? values.at(-1)! : random.pick(values));
  const count = random.int(4, 24);
  for (let step = 0; step < count; step += 1) random.pick(kinds)(random, pick(), values, add);
  const outputs = new Set([
    values.at(-1)!.name,
    ...values.filter(() => random.next() < 0.08).map(({ name }) => name),
  ]);
  lines.push(`  output ${[...outputs].join(", ")}`);
  return `net random {\n${lines.join("\n")}\n}\n`;
}

type Add = (text: string, height: number, width: number, depth: number) => Value;
type Kind = (random: Random, x: Value, values: readonly Value[], add: Add) => void;

const unary: Kind = (random, x, _, add) => {
  const op = random.pick(["relu", "relu6", "sigmoid", "tanh", "abs"]);
  add(`${op}(${x.name})`, x.height, x.width, x.depth);
};

const convolution: Kind = (random, x, _, add) => {
  const filters = random.int(1, 6);
  const bias = random.pick(["", ", bias=false"]);
  add(`conv2d(${x.name}, filters=${filters}, kernel=3x3, padding=same${bias})`, x.height, x.width, filters);
};

const pointwise: Kind = (random, x, _, add) => {
  const filters = random.int(1, 8);
  add(`conv2d(${x.name}, filters=${filters}, kernel=1x1)`, x.height, x.width, filters);
};

/** Two convolutions of values of the same size, added. */
const sum: Kind = (random, x, values, add) => {
  const other = random.pick(values.filter((y) => y.height === x.height && y.width === x.width));
  const filters = random.int(1, 6);
  const of = ({ name }: Value): string => {
    const kernel = random.pick(["1x1", "3x3"]);
    const bias = random.pick(["", ", bias=false"]);
    return `conv2d(${name}, filters=${filters}, kernel=${kernel}, padding=same${bias})`;
  };
  add(`${of(x)} + ${of(other)}`, x.height, x.width, filters);
};

const depthwise: Kind = (random, x, _, add) => {
  const stride = random.pick([1, 1, 2]);
  const multiplier = x.depth > 8 ? 1 : random.pick([1, 1, 2]);
  const over = (extent: number): number => Math.ceil(extent / stride);
  add(
    `depthwise_conv2d(${x.name}, kernel=3x3, stride=${stride}, padding=same, multiplier=${multiplier})`,
    over(x.height),
    over(x.width),
    x.depth * multiplier,
  );
};

const pool: Kind = (random, x, _, add) => {
  const op = random.pick(["max_pool", "avg_pool"]);
  add(`${op}(${x.name}, kernel=2x2, stride=1, padding=same)`, x.height, x.width, x.depth);
};

/** An op with any value of the same shape, or with a gate, a scale or a mask that broadcasts. */
const binary: Kind = (random, x, values, add) => {
  const op = random.pick(["+", "*", "-"]);
  const same = values.filter((y) => y.height === x.height && y.width === x.width && y.depth === x.depth);
  const side = random.pick(["same", "same", "same", "gate", "number", "mask"]);
  const other =
    side === "same"
      ? random.pick(same).name
      : side === "gate"
        ? `global_avg_pool(${x.name})`
        : side === "mask"
          ? `reduce_mean(${x.name}, axes=[3], keepdims=true)`
          : `0.5`;
  const [left, right] = random.pick([
    [x.name, other],
    [other, x.name],
  ]);
  add(`${left} ${op} ${right}`, x.height, x.width, x.depth);
};

/** An op of the value and a function of it. */
const gated: Kind = (random, x, _, add) => {
  const text = random.pick([`${x.name} * sigmoid(${x.name})`, `relu6(${x.name} + 3) * ${x.name} / 6`]);
  add(text, x.height, x.width, x.depth);
};

const concat: Kind = (random, x, values, add) => {
  const axis = random.pick([3, 3, 3, 1, 2]);
  const fits = values.filter(
    (y) =>
      (axis === 1 || y.height === x.height) &&
      (axis === 2 || y.width === x.width) &&
      (axis === 3 || y.depth === x.depth),
  );
  const y = random.pick(fits);
  const parts = random.next() < 0.3 ? [x, y, random.pick(fits)] : [x, y];
  const sum = (of: (value: Value) => number): number => parts.reduce((total, value) => total + of(value), 0);
  const [height, width, depth] = [
    axis === 1 ? sum((value) => value.height) : x.height,
    axis === 2 ? sum((value) => value.width) : x.width,
    axis === 3 ? sum((value) => value.depth) : x.depth,
  ];
  if (height * width * depth > 2000) return;
  add(`concat(${parts.map((value) => value.name).join(", ")}, axis=${axis})`, height, width, depth);
};

const slice: Kind = (random, x, _, add) => {
  const axes = [x.height, x.width, x.depth].map((extent) => {
    if (random.next() < 0.5 || extent < 2) return { begin: 0, size: extent, step: 1 };
    const begin = random.int(0, extent - 2);
    const step = random.pick([1, 1, 2]);
    return { begin, size: random.int(1, Math.ceil((extent - begin) / step)), step };
  });
  const [h, w, c] = axes as [(typeof axes)[0], (typeof axes)[0], (typeof axes)[0]];
  const list = (of: "begin" | "size" | "step", first: number): string =>
    `[${[first, h[of], w[of], c[of]].join(", ")}]`;
  add(
    `slice(${x.name}, begin=${list("begin", 0)}, size=${list("size", 1)}, stride=${list("step", 1)})`,
    h.size,
    w.size,
    c.size,
  );
};

const reshape: Kind = (random, x, _, add) => {
  const [height, width, depth] = random.pick([
    [x.width, x.height, x.depth],
    [x.height, x.depth, x.width],
    [1, x.height * x.width, x.depth],
    [x.height, 1, x.width * x.depth],
  ]);
  add(`reshape(${x.name}, shape=[1, ${height}, ${width}, ${depth}])`, height!, width!, depth!);
};

const transpose: Kind = (_, x, _values, add) => {
  add(`transpose(${x.name}, perm=[0, 2, 1, 3])`, x.width, x.height, x.depth);
};

const kinds: readonly Kind[] = [
  unary,
  unary,
  convolution,
  pointwise,
  pointwise,
  sum,
  depthwise,
  depthwise,
  pool,
  binary,
  binary,
  gated,
  concat,
  concat,
  slice,
  reshape,
  transpose,
];
