// Random nets of integers in the language: quantized inputs, sums with zero points, moves, and conversions of all types between them.

import type { IntegerType } from "#ir/type.js";
import { integerRanges } from "#ir/type.js";
import type { Random } from "#ops/random.js";

/** A value of the net: an image [1, h, w, c], or a matrix [1, c]. */
interface Value {
  readonly name: string;
  readonly type: IntegerType | "f32";
  readonly shape: readonly number[];
  /** The scale and the zero point, of integers of up to 16 bits. */
  readonly scale: number;
  readonly zero: number;
}

/** The text of a net with an input `x`, and outputs of all types. */
export function randomIntegerNet(random: Random): string {
  const lines: string[] = [];
  let names = 0;
  const fresh = (kind: string): string => `${kind}${(names += 1)}`;
  const put = (kind: string, text: string, value: Omit<Value, "name">): Value => {
    const name = fresh(kind);
    lines.push(`${name} = ${text}`);
    return { ...value, name };
  };
  const stepNear = (scale: number): number => Number((scale * (0.7 + 0.6 * random.next())).toPrecision(3));
  const zeroOf = (type: IntegerType): number =>
    type === "i16" ? 0 : random.pick(type === "u8" ? [0, 128, 117, 255] : [0, 0, -128, 5]);
  const list = (numbers: readonly number[]): string => `[${numbers.join(", ")}]`;

  /** Quantizes real numbers of about this size; sometimes to fewer integers than the type has. */
  const quantize = (x: Value, size: number): Value => {
    const type = random.pick(["u8", "u8", "i8", "i8", "i16"] as const);
    const zero = zeroOf(type);
    const [least, greatest] = integerRanges[type];
    const isNear = random.next() < 0.3;
    const low = isNear && random.next() < 0.5 ? Math.max(least, Math.min(zero, 100)) : undefined;
    const high = isNear ? Math.max(low ?? least, Math.min(greatest, zero + 100)) : undefined;
    const bounds = [low === undefined ? "" : `, low=${low}`, high === undefined ? "" : `, high=${high}`].join(
      "",
    );
    // A scale of few digits would put many of 65,536 integers in the middle between those of another scale.
    const scale = type === "i16" ? Math.fround((size / 4000) * (0.7 + random.next())) : stepNear(size / 50);
    return put("q", `quantize(${x.name}, ${scale}, zero=${zero}${bounds}, type="${type}")`, {
      type,
      shape: x.shape,
      scale,
      zero,
    });
  };

  const weights = (
    shape: readonly number[],
    fanIn: number,
  ): { text: string; scale: number; type: IntegerType } => {
    const scale = stepNear(Math.sqrt(2 / fanIn) / 60);
    const type = random.pick(["i8", "i8", "i8", "u8", "i16"] as const);
    const values = `he_normal(seed=${random.int(1, 1000)}, fan_in=${fanIn}, shape=${list(shape)})`;
    return { text: `quantize(${values}, ${scale}, type="${type}")`, scale, type };
  };

  /** A sum, real numbers of about size 1, or the sum itself. */
  const real = (sum: Value): Value => {
    const channels = sum.shape.at(-1) ?? 1;
    const scales =
      random.next() < 0.4
        ? list(Array.from({ length: channels }, () => stepNear(sum.scale)))
        : String(sum.scale.toPrecision(4));
    const y = put("r", `dequantize(${sum.name}, ${scales})`, { ...sum, type: "f32" });
    return random.next() < 0.4 ? put("a", `${y.name} |> ${random.pick(["relu", "relu6", "sigmoid"])}`, y) : y;
  };

  const convolution = (x: Value): Value => {
    const [, h = 1, w = 1, c = 1] = x.shape;
    const isDepthwise = random.next() < 0.3;
    const filters = isDepthwise ? c * random.int(1, 2) : random.int(1, 5);
    const kernel = random.pick([1, 3]);
    const k = weights(
      [kernel, kernel, isDepthwise ? 1 : c, filters],
      (isDepthwise ? 1 : c) * kernel * kernel,
    );
    const bias = list(Array.from({ length: filters }, () => random.int(-500, 500)));
    const given = [x.name, put("w", "", x).name, random.next() < 0.7 ? put("b", "", x).name : ""];
    lines.splice(-given.filter((name) => name !== "" && name !== x.name).length);
    lines.push(
      `param ${given[1]}: ${k.type}[${kernel}, ${kernel}, ${isDepthwise ? 1 : c}, ${filters}] = ${k.text}`,
    );
    if (given[2] !== "") lines.push(`param ${given[2]}: i32[${filters}] = ${bias}`);
    const operands = given.filter((name) => name !== "").join(", ");
    const op = isDepthwise ? "depthwise_conv2d" : "conv2d";
    return put("s", `${op}(${operands}, padding=same, zero=${x.zero})`, {
      type: "i32",
      shape: [1, h, w, filters],
      scale: x.scale * k.scale,
      zero: 0,
    });
  };

  const move = (x: Value): Value => {
    const [, h = 1, w = 1, c = 1] = x.shape;
    const [least] = x.type === "f32" ? [0] : integerRanges[x.type];
    const value = x.type === "i32" ? random.pick([0, 7]) : Math.max(least, x.zero);
    const [text, shape] = random.pick([
      [`max_pool(${x.name}, kernel=2, stride=1)`, [1, h - 1, w - 1, c]],
      [`transpose(${x.name}, perm=[0, 2, 1, 3])`, [1, w, h, c]],
      [`pad(${x.name}, before=[0, 1, 0, 0], after=[0, 0, 1, 0], value=${value})`, [1, h + 1, w + 1, c]],
      [`slice(${x.name}, begin=[0, 0, 1, 0], size=[-1, -1, ${w - 1}, -1])`, [1, h, w - 1, c]],
      [`concat(${x.name}, ${x.name}, axis=-1)`, [1, h, w, 2 * c]],
      [`gather(${x.name}, [${h - 1}, 0, 1], axis=1)`, [1, 3, w, c]],
    ] as const);
    return put("m", text, { ...x, shape });
  };

  /** Sums over axes: as they are, as means, or greatest values. */
  const reduce = (x: Value): Value => {
    const [, h = 1, w = 1, c = 1] = x.shape;
    const keepdims = random.next() < 0.5;
    const shape = keepdims ? [1, 1, 1, c] : [1, c];
    const op = random.pick(["reduce_sum", "reduce_sum", "reduce_max", "global_max_pool"] as const);
    const axes = op === "global_max_pool" ? "" : ", axes=[1, 2]";
    const y = put("g", `${op}(${x.name}${axes}, keepdims=${keepdims})`, { ...x, shape });
    if (op !== "reduce_sum") return y;
    const zero = random.next() < 0.8 ? x.zero * h * w : 3;
    const scale = random.next() < 0.5 ? x.scale : x.scale / (h * w);
    return put("r", `dequantize(${y.name}, ${scale.toPrecision(4)}, zero=${zero})`, {
      ...x,
      shape,
      type: "f32",
    });
  };

  const dense = (x: Value): Value => {
    const c = x.shape.at(-1) ?? 1;
    const units = random.int(1, 6);
    const k = weights([c, units], c);
    const w = fresh("w");
    lines.push(`param ${w}: ${k.type}[${c}, ${units}] = ${k.text}`);
    return put("s", `dense(${x.name}, ${w}, zero=${x.zero})`, {
      type: "i32",
      shape: [...x.shape.slice(0, -1), units],
      scale: x.scale * k.scale,
      zero: 0,
    });
  };

  const product = (x: Value): Value => {
    const count = x.shape.at(-1) ?? 1;
    const column = put("m", `${x.name} |> reshape(shape=[${count}, 1])`, { ...x, shape: [count, 1] });
    const zeros = `zero_a=${x.zero}, zero_b=${x.zero}`;
    return put("s", `matmul(${column.name}, ${x.name}, ${zeros}) |> slice(begin=[0, 0], size=[1, -1])`, {
      type: "i32",
      shape: [1, count],
      scale: x.scale * x.scale,
      zero: 0,
    });
  };

  const channels = random.int(1, 4);
  const size = [random.int(3, 6), random.int(3, 6)];
  const given = random.pick(["f32", "f32", "u8", "i8", "i16", "i32"] as const);
  const shape = [1, ...size, channels];
  const x: Value = { name: "x", type: given, shape, scale: 1 / 64, zero: given === "u8" ? 128 : 0 };
  const values = [x];
  const used = new Set<string>();
  for (let count = random.int(3, 8); count > 0; count -= 1) {
    const from = values.at(-1) ?? x;
    used.add(from.name);
    const isImage = from.shape.length === 4 && Math.min(from.shape[1] ?? 1, from.shape[2] ?? 1) > 1;
    if (from.type === "f32") values.push(quantize(from, from.name === "x" ? 3 : 1));
    else if (from.type === "i32") {
      const kind = random.next();
      if (kind < 0.2) values.push(put("s", `${from.name} + ${from.name}`, from));
      else if (kind < 0.4 && isImage) values.push(move(from));
      else values.push(real(from));
      // The sum has a second user.
      if (random.next() < 0.1) used.delete(from.name);
    } else if (random.next() < 0.2)
      values.push(
        put("r", `dequantize(${from.name}, ${from.scale}, zero=${from.zero})`, { ...from, type: "f32" }),
      );
    else if (isImage) values.push(random.pick([convolution, convolution, move, reduce, dense])(from));
    else values.push((from.shape.length === 2 ? random.pick([dense, product]) : dense)(from));
  }
  const outputs = values.filter(({ name }) => !used.has(name));
  return [
    "net integers {",
    `  input x: ${given}[${shape.join(", ")}]`,
    ...lines.map((line) => `  ${line}`),
    ...outputs.map(({ name }) => `  output ${name}`),
    "}",
  ].join("\n");
}
