// Random quantized networks as texts of ONNX models: QDQ (float operators between DequantizeLinear and QuantizeLinear), or QLinear operators.

import type { Random } from "#ops/random.js";

export type Form = "QDQ" | "QLinear";

/** A quantized value: real = scale · (integers − zero). */
interface Value {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: "uint8" | "int8";
  /** The names of its scale and zero point, and the scale. */
  readonly scale: string;
  readonly zero: string;
  readonly step: number;
}

/**
 * A network of one input `x`, with convolutions (with groups, per channel, asymmetric weights), activations, pools, sums, joins, means and
 * dense layers. Its outputs are quantized values, so that each element can be compared in steps.
 */
export function randomQuantized(random: Random, form: Form): { text: string; shape: readonly number[] } {
  const lines = ["opset 17"];
  let names = 0;
  const fresh = (kind: string): string => `${kind}${(names += 1)}`;
  const weight = (
    kind: string,
    type: string,
    shape: readonly number[],
    values: readonly number[],
  ): string => {
    const name = fresh(kind);
    lines.push(`weight ${name} ${type}[${shape.join(", ")}] = ${values.join(", ")}`);
    return name;
  };
  const type = random.pick(["uint8", "int8"] as const);
  /** Half of the nets have scales of one digit: then many sums lie in the middle between two steps, and each rounding before shows. */
  const isShort = random.next() < 0.5;
  const scaleNear = (scale: number): number => Math.fround(isShort ? Number(scale.toPrecision(1)) : scale);
  /** A new value, whose real numbers have about this spread. */
  const quantity = (shape: readonly number[], spread: number, isPositive = false): Value => {
    const step = scaleNear((spread / 40) * (0.8 + 0.4 * random.next()));
    const middle = isPositive
      ? type === "uint8"
        ? 0
        : -128
      : random.int(-20, 20) + (type === "uint8" ? 128 : 0);
    const scale = weight("s", "float", [], [step]);
    const zero = weight("z", type, [], [middle]);
    return { name: fresh("q"), shape, type, scale, zero, step };
  };
  const real = ({ name, scale, zero }: Value): string => {
    const own = fresh("r");
    lines.push(`${own} = DequantizeLinear(${name}, ${scale}, ${zero})`);
    return own;
  };
  const quantize = (from: string, to: Value): Value => {
    lines.push(`${to.name} = QuantizeLinear(${from}, ${to.scale}, ${to.zero})`);
    return to;
  };
  const of = ({ name, scale, zero }: Value): string => `${name}, ${scale}, ${zero}`;
  const to = ({ scale, zero }: Value): string => `${scale}, ${zero}`;
  const spreads = new Map<Value, number>();
  const spread = (value: Value): number => spreads.get(value) ?? value.step * 40;

  const integers = (count: number, isSigned: boolean, zero: number): number[] =>
    Array.from({ length: count }, () => {
      const value = Math.round(random.normal() * 45) + zero;
      return isSigned ? Math.max(-127, Math.min(127, value)) : Math.max(0, Math.min(255, value));
    });

  /** Weights [filters, …] with their scale and zero point, for sums of so many terms; the first axis or the last has a scale each. */
  const factors = (shape: readonly number[], terms: number, axis: number) => {
    const isSigned = type === "int8" || random.next() < 0.6;
    const own = isSigned ? "int8" : "uint8";
    const filters = shape[axis]!;
    const isPerChannel = isSigned && random.next() < 0.6;
    const point = isSigned ? 0 : random.int(100, 150);
    const count = isPerChannel ? filters : 1;
    const steps = Array.from({ length: count }, () =>
      scaleNear((0.5 + random.next()) / (45 * Math.sqrt(terms))),
    );
    const lie = isPerChannel ? [filters] : [];
    const values = integers(
      shape.reduce((product, one) => product * one, 1),
      isSigned,
      point,
    );
    return {
      name: weight("w", own, shape, values),
      scale: weight("s", "float", lie, steps),
      zero: weight(
        "z",
        own,
        lie,
        Array.from({ length: count }, () => point),
      ),
      axis: isPerChannel ? ` axis=${axis}` : "",
      steps,
    };
  };
  const biasOf = (filters: number, x: Value, steps: readonly number[]) => {
    const values = Array.from({ length: filters }, () => Math.round(random.normal() * 400));
    const scale = steps.map((one) => Math.fround(Math.fround(x.step) * one));
    return {
      name: weight("b", "int32", [filters], values),
      scale: weight("s", "float", scale.length > 1 ? [filters] : [], scale),
      zero: weight(
        "z",
        "int32",
        scale.length > 1 ? [filters] : [],
        scale.map(() => 0),
      ),
    };
  };

  const convolution = (x: Value): Value => {
    const [, c = 1, h = 1, w = 1] = x.shape;
    const kernel = random.pick([1, 3, 3]);
    const isDepthwise = random.next() < 0.3;
    const groups = isDepthwise ? c : c % 2 === 0 && random.next() < 0.2 ? 2 : 1;
    const filters = isDepthwise ? c * random.pick([1, 1, 2]) : groups * random.pick([1, 2, 3, 4, 8]);
    const stride = h >= 4 && w >= 4 ? random.pick([1, 1, 2]) : 1;
    const pad = kernel === 3 ? 1 : 0;
    const terms = (c / groups) * kernel * kernel;
    const k = factors([filters, c / groups, kernel, kernel], terms, 0);
    const bias = random.next() < 0.8 ? biasOf(filters, x, k.steps) : undefined;
    const size = (extent: number): number => Math.floor((extent + 2 * pad - kernel) / stride) + 1;
    const isCut = random.next() < 0.4;
    const y = quantity([1, filters, size(h), size(w)], spread(x), isCut);
    const attributes = `group=${groups} strides=[${stride}, ${stride}] pads=[${pad}, ${pad}, ${pad}, ${pad}] kernel_shape=[${kernel}, ${kernel}]`;
    if (form === "QLinear") {
      lines.push(
        `${y.name} = QLinearConv(${of(x)}, ${k.name}, ${k.scale}, ${k.zero}, ${to(y)}${bias ? `, ${bias.name}` : ""}) ${attributes}`,
      );
      return y;
    }
    const kernelName = fresh("k");
    lines.push(`${kernelName} = DequantizeLinear(${k.name}, ${k.scale}, ${k.zero})${k.axis}`);
    const offset = fresh("o");
    if (bias) lines.push(`${offset} = DequantizeLinear(${bias.name}, ${bias.scale}, ${bias.zero})${k.axis}`);
    const result = fresh("c");
    lines.push(`${result} = Conv(${real(x)}, ${kernelName}${bias ? `, ${offset}` : ""}) ${attributes}`);
    if (!isCut || random.next() < 0.5) return quantize(result, y);
    const cut = fresh("a");
    if (random.next() < 0.6) lines.push(`${cut} = Relu(${result})`);
    else {
      const [least, most] = [
        weight("l", "float", [], [0]),
        weight("h", "float", [], [y.step * random.int(20, 300)]),
      ];
      lines.push(`${cut} = Clip(${result}, ${least}, ${most})`);
    }
    return quantize(cut, y);
  };

  const pool = (x: Value): Value => {
    const [, c = 1, h = 1, w = 1] = x.shape;
    if (h < 2 || w < 2) return convolution(x);
    const pooled = { ...x, name: fresh("q"), shape: [1, c, Math.floor(h / 2), Math.floor(w / 2)] };
    const attributes = "kernel_shape=[2, 2] strides=[2, 2]";
    if (form === "QLinear") lines.push(`${pooled.name} = MaxPool(${x.name}) ${attributes}`);
    else {
      const name = fresh("m");
      lines.push(`${name} = MaxPool(${real(x)}) ${attributes}`);
      quantize(name, pooled);
    }
    return pooled;
  };

  const sum = (a: Value, b: Value): Value => {
    const y = quantity(a.shape, Math.hypot(spread(a), spread(b)));
    if (form === "QLinear") {
      lines.push(`${y.name} = com.microsoft.QLinearAdd(${of(a)}, ${of(b)}, ${to(y)})`);
      return y;
    }
    const name = fresh("a");
    lines.push(`${name} = Add(${real(a)}, ${real(b)})`);
    return quantize(name, y);
  };

  /** A function of single elements. */
  const activation = (x: Value): Value => {
    const y = quantity(x.shape, spread(x));
    const [op, attributes] = random.pick([
      ["LeakyRelu", " alpha=0.1"],
      ["Sigmoid", ""],
    ] as const);
    if (form === "QLinear") {
      lines.push(`${y.name} = com.microsoft.QLinear${op}(${of(x)}, ${to(y)})${attributes}`);
      return y;
    }
    const name = fresh("f");
    lines.push(`${name} = ${op}(${real(x)})${attributes}`);
    return quantize(name, y);
  };

  const join = (a: Value, b: Value): Value => {
    const shape = a.shape.with(1, a.shape[1]! + b.shape[1]!);
    const y =
      random.next() < 0.4
        ? { ...a, name: fresh("q"), shape }
        : quantity(shape, Math.max(spread(a), spread(b)));
    if (form === "QLinear") {
      lines.push(`${y.name} = com.microsoft.QLinearConcat(${to(y)}, ${of(a)}, ${of(b)}) axis=1`);
      return y;
    }
    const name = fresh("j");
    lines.push(`${name} = Concat(${real(a)}, ${real(b)}) axis=1`);
    return quantize(name, y);
  };

  const dense = (x: Value): Value => {
    const [, c = 1] = x.shape;
    const units = random.int(1, 9);
    const mean = quantity([1, c, 1, 1], spread(x));
    if (form === "QLinear")
      lines.push(`${mean.name} = com.microsoft.QLinearGlobalAveragePool(${of(x)}, ${to(mean)})`);
    else {
      const name = fresh("g");
      lines.push(`${name} = GlobalAveragePool(${real(x)})`);
      quantize(name, mean);
    }
    const flat = { ...mean, name: fresh("q"), shape: [1, c] };
    lines.push(`${flat.name} = Reshape(${mean.name}, ${weight("i", "int64", [2], [1, c])})`);
    const isTurned = random.next() < 0.4;
    const k = factors(isTurned ? [units, c] : [c, units], c, isTurned ? 0 : 1);
    const bias = random.next() < 0.6 ? biasOf(units, flat, k.steps) : undefined;
    const y = quantity([1, units], spread(x));
    const gemm = isTurned ? " transB=1" : "";
    if (form === "QLinear") {
      const offset = bias ? bias.name : "_";
      if (isTurned || (bias && random.next() < 0.6))
        lines.push(
          `${y.name} = com.microsoft.QGemm(${of(flat)}, ${k.name}, ${k.scale}, ${k.zero}, ${offset}, ${to(y)})${gemm}`,
        );
      else if (random.next() < 0.4) {
        const product = fresh("d");
        lines.push(
          `${product} = com.microsoft.MatMulIntegerToFloat(${flat.name}, ${k.name}, ${flat.scale}, ${k.scale}, ${flat.zero}, ${k.zero})`,
        );
        return quantize(product, y);
      } else lines.push(`${y.name} = QLinearMatMul(${of(flat)}, ${k.name}, ${k.scale}, ${k.zero}, ${to(y)})`);
      return y;
    }
    const [kernel, offset, product] = [fresh("k"), fresh("o"), fresh("d")];
    lines.push(`${kernel} = DequantizeLinear(${k.name}, ${k.scale}, ${k.zero})${k.axis}`);
    if (bias)
      lines.push(
        `${offset} = DequantizeLinear(${bias.name}, ${bias.scale}, ${bias.zero})${k.axis === "" ? "" : " axis=0"}`,
      );
    lines.push(
      isTurned || bias
        ? `${product} = Gemm(${real(flat)}, ${kernel}${bias ? `, ${offset}` : ""})${gemm}`
        : `${product} = MatMul(${real(flat)}, ${kernel})`,
    );
    return quantize(product, y);
  };

  const shape = [1, random.pick([3, 4, 5]), random.int(7, 16), random.int(7, 16)];
  lines.push(`input x float[${shape.join(", ")}]`);
  const first = quantity(shape, 1);
  quantize("x", first);
  const values = [first];
  const used = new Set<Value>();
  const use = (value: Value): Value => {
    used.add(value);
    return value;
  };
  for (let count = random.int(2, 5); count > 0; count -= 1) {
    const last = values.at(-1)!;
    const like = values.filter((one) => one !== last && one.shape.join() === last.shape.join());
    const beside = values.filter(
      (one) => one !== last && one.shape.slice(2).join() === last.shape.slice(2).join(),
    );
    const kind = random.next();
    if (kind < 0.2 && like.length > 0) values.push(sum(use(last), use(random.pick(like))));
    else if (kind < 0.35 && beside.length > 0) values.push(join(use(last), use(random.pick(beside))));
    else if (kind < 0.42) values.push(activation(use(last)));
    else if (kind < 0.55) values.push(pool(use(last)));
    else values.push(convolution(use(last)));
  }
  const end = values.at(-1)!;
  if (random.next() < 0.5) values.push(dense(use(end)));
  for (const value of values)
    if (!used.has(value)) lines.push(`output ${value.name} ${value.type}[${value.shape.join(", ")}]`);
  return { text: lines.join("\n"), shape };
}
