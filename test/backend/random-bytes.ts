// Random nets of bytes, as text: convolutions of all kinds, pools, joins and sums, in which every operation is exact.

import type { Random } from "#ops/random.js";

interface Value {
  readonly name: string;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly type: "u8" | "i8";
  readonly zero: number;
}

/** A net of one input `x`, f32 or bytes, with values of seven and eight bits. */
export function randomBytes(random: Random): string {
  const lines: string[] = [];
  let count = 0;
  const fresh = (kind: string): string => `${kind}${(count += 1)}`;
  const seven = random.next() < 0.6;
  const quantity = (size: Omit<Value, "name" | "type" | "zero">): { value: Value; call: string } => {
    const type = seven ? "u8" : random.pick(["u8", "i8"] as const);
    const zero = seven ? random.pick([0, 3, 64]) : random.pick(type === "u8" ? [0, 128, 7] : [0, -5, -128]);
    const bounds = seven ? `, low=${random.pick([0, zero])}, high=127` : "";
    const value = { ...size, name: fresh("q"), type, zero };
    return { value, call: `zero=${zero}${bounds}, type="${type}"` };
  };
  const scales = (channels: number, least: number): string => {
    if (random.next() < 0.5) return `param SCALE: f32[] = ${least}`;
    const all = Array.from({ length: channels }, () => Number((least * (1 + random.next())).toPrecision(6)));
    return `param SCALE: f32[${channels}] = [${all.join(", ")}]`;
  };
  /** A sum of products, quantized again, perhaps after the addition of another value. */
  const sum = (
    call: string,
    terms: number,
    size: Omit<Value, "name" | "type" | "zero">,
    other?: Value,
  ): Value => {
    const acc = fresh("acc");
    lines.push(`${acc} = ${call}`);
    const step = Number((1 / (40 * Math.sqrt(terms))).toPrecision(3));
    const { value, call: target } = quantity(size);
    const scale = fresh("s");
    lines.push(scales(size.channels, step).replace("SCALE", scale));
    const real = `dequantize(${acc}, ${scale})`;
    const added = other ? `${real} + dequantize(${other.name}, 0.3, zero=${other.zero})` : real;
    lines.push(`${value.name} = quantize(${added}, ${random.pick([1, 1, 0.7])}, ${target})`);
    return value;
  };
  const weight = (shape: readonly number[]): string => {
    const name = fresh("w");
    const all = `[${shape.join(", ")}]`;
    lines.push(
      `param ${name}: i8${all} = quantize(he_normal(seed=${random.int(1, 999)}, fan_in=2, shape=${all}), 0.018, type="i8")`,
    );
    return name;
  };
  const bias = (filters: number): string => {
    if (random.next() < 0.4) return "";
    const name = fresh("b");
    lines.push(
      `param ${name}: i32[${filters}] = [${Array.from({ length: filters }, () => random.int(-3000, 3000)).join(", ")}]`,
    );
    return `, ${name}`;
  };
  /** The zero point that a sum takes from its operand: mostly its own; any other of its type is as valid. */
  const zeroOf = ({ type, zero }: Value): number =>
    random.next() < 0.7 ? zero : random.pick(type === "u8" ? [0, 127, 128, 255] : [-128, -1, 0, 127]);
  const out = (extent: number, kernel: number, stride: number): number =>
    Math.floor((extent - kernel) / stride) + 1;
  const convolution = (x: Value, other?: Value): Value => {
    const isPointwise = other !== undefined || random.next() < 0.5;
    const groups = !isPointwise && x.channels % 2 === 0 && random.next() < 0.3 ? 2 : 1;
    const filters = other?.channels ?? groups * random.pick([1, 3, 4, 6, 8, 13, 16]);
    const kernel = isPointwise ? 1 : random.pick([2, 3, 3, 5]);
    const stride = isPointwise ? 1 : random.pick([1, 1, 2]);
    const same = random.next() < 0.7 || kernel > Math.min(x.height, x.width);
    const w = weight([kernel, kernel, x.channels / groups, filters]);
    const size = same
      ? { height: Math.ceil(x.height / stride), width: Math.ceil(x.width / stride) }
      : { height: out(x.height, kernel, stride), width: out(x.width, kernel, stride) };
    const call = `conv2d(${x.name}, ${w}${bias(filters)}, stride=${stride}, padding=${same ? "same" : "valid"}, groups=${groups}, zero=${zeroOf(x)})`;
    return sum(call, (kernel * kernel * x.channels) / groups, { ...size, channels: filters }, other);
  };
  const depthwise = (x: Value): Value => {
    const multiplier = random.pick([1, 1, 1, 2]);
    const kernel = random.pick([2, 3, 3, 3, 5, 8]);
    const stride = random.pick([1, 1, 2]);
    const channels = x.channels * multiplier;
    const w = weight([kernel, kernel, 1, channels]);
    const call = `depthwise_conv2d(${x.name}, ${w}${bias(channels)}, stride=${stride}, padding=same, zero=${zeroOf(x)})`;
    const size = { height: Math.ceil(x.height / stride), width: Math.ceil(x.width / stride), channels };
    return sum(call, kernel * kernel, size);
  };
  const residual = (x: Value): Value => convolution(depthwise(convolution(x)), undefined);
  const input = {
    height: random.int(4, 11),
    width: random.int(4, 11),
    channels: random.pick([1, 3, 4, 8, 12]),
  };
  const shape = `[1, ${input.height}, ${input.width}, ${input.channels}]`;
  let x: Value;
  if (random.next() < 0.6) {
    const { value, call } = quantity(input);
    lines.push(`input x: f32${shape}`, `${value.name} = quantize(x, 0.05, ${call})`);
    x = value;
  } else {
    x = { ...input, name: "x", type: seven ? "u8" : "i8", zero: seven ? 64 : -5 };
    lines.push(`input x: ${x.type}${shape}`);
  }
  const steps = random.int(2, 5);
  for (let step = 0; step < steps; step += 1) {
    const kind = random.pick(["convolution", "depthwise", "residual", "pool", "join", "sum"] as const);
    if (kind === "convolution") x = convolution(x);
    else if (kind === "depthwise") x = depthwise(x);
    else if (kind === "residual") x = residual(x);
    else if (kind === "sum") x = convolution(x, x);
    else if (kind === "pool" && Math.min(x.height, x.width) >= 2) {
      const value = { ...x, name: fresh("q"), height: out(x.height, 2, 2), width: out(x.width, 2, 2) };
      lines.push(`${value.name} = max_pool(${x.name}, kernel=2, stride=2)`);
      x = value;
    } else if (kind === "join") {
      const value = { ...x, name: fresh("q"), channels: 2 * x.channels };
      const other = fresh("q");
      lines.push(
        `${other} = max_pool(${x.name}, kernel=1)`,
        `${value.name} = concat(${x.name}, ${other}, axis=3)`,
      );
      x = value;
    }
  }
  lines.push(`output y = ${x.name}`);
  if (random.next() < 0.5) {
    const size = x.height * x.width * x.channels;
    const units = random.pick([1, 5, 10]);
    const w = weight([size, units]);
    lines.push(`flat = reshape(${x.name}, shape=[1, ${size}])`);
    lines.push(`output z = dequantize(dense(flat, ${w}${bias(units)}, zero=${zeroOf(x)}), 0.01)`);
  }
  return `net bytes {\n  ${lines.join("\n  ")}\n}`;
}
